package apigateway_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"airlock/local/apigateway"
	"airlock/local/issuer"
	"airlock/local/template"
)

// deployed is a gateway and its issuer, each behind a real listener.
func deployed(t *testing.T) (api, tokens string) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(t.TempDir(), "db"), 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		t.Fatalf("bbolt.Open: %v", err)
	}
	t.Cleanup(func() { _ = db.Close() })
	var provider http.Handler
	issuerServer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { provider.ServeHTTP(w, r) }))
	t.Cleanup(issuerServer.Close)
	if provider, err = issuer.New(issuer.Config{URL: issuerServer.URL, Audience: "airlock", DB: db}); err != nil {
		t.Fatalf("issuer.New: %v", err)
	}
	gateway, err := apigateway.New(apigateway.Config{
		API: template.HTTPAPI{
			LogicalID: "Api", ID: "abc", Host: "abc.execute-api.us-east-1.amazonaws.com",
			Authorizers: []template.JWTAuthorizer{{Name: "Token", Issuer: issuerServer.URL, Audience: []string{"airlock"}}},
			CORS:        &template.APICORS{AllowOrigins: []string{"*"}, AllowMethods: []string{"POST"}, AllowHeaders: []string{"authorization"}},
		},
		Routes: []apigateway.Route{{Function: "EchoFunction", Route: template.Route{
			APILogicalID: "Api", Method: "POST", Path: "/echo", Authorizer: "Token",
		}}},
		Region: "us-east-1", AccountID: "123456789012",
		Invoke: func(_ context.Context, _ string, payload []byte) ([]byte, string, error) {
			var event struct {
				Body           string `json:"body"`
				RequestContext struct {
					Authorizer struct {
						JWT struct {
							Claims map[string]string `json:"claims"`
						} `json:"jwt"`
					} `json:"authorizer"`
				} `json:"requestContext"`
			}
			if err := json.Unmarshal(payload, &event); err != nil {
				return nil, "", err
			}
			response, err := json.Marshal(map[string]any{
				"statusCode": 201, "headers": map[string]string{"x-scope": event.RequestContext.Authorizer.JWT.Claims["scope"]},
				"cookies": []string{"a=1", "b=2"}, "body": event.RequestContext.Authorizer.JWT.Claims["sub"] + " says " + event.Body,
			})
			return response, "", err
		},
	})
	if err != nil {
		t.Fatalf("apigateway.New: %v", err)
	}
	apiServer := httptest.NewServer(gateway)
	t.Cleanup(apiServer.Close)
	return apiServer.URL, issuerServer.URL
}

func exchange(t *testing.T, method, target, body string, header http.Header) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatalf("NewRequest: %v", err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("reading the answer: %v", err)
	}
	return response, string(answer)
}

// The issuer's tokens, over the wire, through discovery and key set, to a
// function and back.
func TestOverTheWire(t *testing.T) {
	t.Parallel()
	api, tokens := deployed(t)
	_, answer := exchange(t, http.MethodGet, tokens+"/token?sub=alice&scope=airlock/read.any", "", nil)
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(answer), &token); err != nil {
		t.Fatalf("the token's answer: %v", err)
	}

	response, body := exchange(t, http.MethodPost, api+"/echo", "hello", http.Header{
		"Authorization": {"Bearer " + token.AccessToken}, "Content-Type": {"text/plain"}, "Origin": {"https://app.example.com"},
	})
	if response.StatusCode != http.StatusCreated || body != "alice says hello" {
		t.Errorf("answer %d %q, want 201 and alice's words", response.StatusCode, body)
	}
	for name, want := range map[string]string{
		"X-Scope": "airlock/read.any", "Content-Type": "text/plain;charset=UTF-8", "Access-Control-Allow-Origin": "*", "Content-Length": "16",
	} {
		if got := response.Header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if got := response.Header["Set-Cookie"]; len(got) != 2 {
		t.Errorf("set-cookie = %q, want two", got)
	}

	response, body = exchange(t, http.MethodPost, api+"/echo", "hello", nil)
	if response.StatusCode != http.StatusUnauthorized || body != `{"message":"Unauthorized"}` {
		t.Errorf("without a token %d %s, want 401", response.StatusCode, body)
	}
	response, _ = exchange(t, http.MethodOptions, api+"/echo", "", http.Header{
		"Origin": {"https://app.example.com"}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"authorization"},
	})
	if response.StatusCode != http.StatusNoContent || response.Header.Get("Access-Control-Allow-Methods") != "POST" {
		t.Errorf("preflight %d %v, want 204 and POST", response.StatusCode, response.Header)
	}
}

// The documentation's own case: "In this case, the www-authenticate header
// shows that the token wasn't issued for a valid audience."
func TestWrongAudienceOverTheWire(t *testing.T) {
	t.Parallel()
	api, tokens := deployed(t)
	_, answer := exchange(t, http.MethodGet, tokens+"/token?sub=alice&aud=another", "", nil)
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(answer), &token); err != nil {
		t.Fatalf("the token's answer: %v", err)
	}
	response, _ := exchange(t, http.MethodPost, api+"/echo", "", http.Header{"Authorization": {"Bearer " + token.AccessToken}})
	want := `Bearer scope="" error="invalid_token" error_description="the token does not have a valid audience"`
	if got := response.Header.Get("Www-Authenticate"); response.StatusCode != http.StatusUnauthorized || got != want {
		t.Errorf("a token for another audience = %d %s, want 401 %s", response.StatusCode, got, want)
	}
}
