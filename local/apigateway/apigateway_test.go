package apigateway

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"airlock/local/template"
)

func TestHosts(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]int{
		"127.0.0.1":                              204,
		"127.0.0.1:8080":                         204,
		"[::1]":                                  204,
		"[::1]:8080":                             204,
		"localhost":                              204,
		"LOCALHOST:80":                           204,
		"id.localhost:1":                         204,
		"":                                       403,
		"evil.example":                           403,
		"evil.example:8080":                      403,
		"localhost.evil.com":                     403,
		"127.0.0.1.evil.com":                     403,
		"evillocalhost":                          403,
		"127.0.0.2":                              403,
		"0.0.0.0":                                403,
		"[::]:80":                                403,
		"localhost@evil.com":                     403,
		"id.execute-api.us-east-1.amazonaws.com": 403,
	} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, respond(`{"statusCode":204}`), nil)
			response := g.send(t, "GET", "/open", "", "Host", host)
			if response.StatusCode != want {
				t.Errorf("host %q = %d, want %d", host, response.StatusCode, want)
			}
			if want == 403 && (bodyOf(t, response) != `{"message":"Forbidden"}` || g.called() != 0) {
				t.Errorf("host %q reached the function, or got another message", host)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	// GET /open?… HTTP/1.1, with host localhost:8080 and no other header value.
	const lineAndHost = len("GET /open? HTTP/1.1") + len("localhost:8080")
	tests := map[string]struct {
		method, target, body string
		headers              []string
		status               int
		message              string
	}{
		"no route":            {"GET", "/nowhere", "", nil, 404, "Not Found"},
		"no token":            {"POST", "/uploads", "", nil, 401, "Unauthorized"},
		"a line at the limit": {"GET", "/open?" + strings.Repeat("a", 10240-lineAndHost), "", nil, 204, ""},
		"a line over it":      {"GET", "/open?" + strings.Repeat("a", 10240-lineAndHost+1), "", nil, 431, "Request Header Fields Too Large"},
		"headers over it":     {"GET", "/open", "", []string{"A", strings.Repeat("a", 6000), "B", strings.Repeat("b", 6000)}, 431, "Request Header Fields Too Large"},
		"a body at the limit": {"POST", "/open", strings.Repeat("a", 10*1024*1024), nil, 204, ""},
		"a body over it":      {"POST", "/open", strings.Repeat("a", 10*1024*1024+1), nil, 413, "Request Entity Too Large"},
		"a bad query":         {"GET", "/open?a=%FF", "", nil, 400, "Bad Request"},
		"a header in Latin-1": {"GET", "/open", "", []string{"A", "\xe9"}, 400, "Bad Request"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, respond(`{"statusCode":204}`), nil)
			response := g.send(t, test.method, test.target, test.body, test.headers...)
			if response.StatusCode != test.status {
				t.Fatalf("status %d, want %d", response.StatusCode, test.status)
			}
			id := response.Header.Get("Apigw-Requestid")
			if !regexp.MustCompile(`^[A-Za-z0-9+/]{15}=$`).MatchString(id) || g.lastEntry(t).RequestID != id {
				t.Errorf("apigw-requestid = %q, in the log %q", id, g.lastEntry(t).RequestID)
			}
			if test.message == "" {
				return
			}
			if got, want := bodyOf(t, response), `{"message":"`+test.message+`"}`; got != want {
				t.Errorf("body %s, want %s", got, want)
			}
			if got := response.Header.Get("Content-Type"); got != "application/json" {
				t.Errorf("content-type = %q, want application/json", got)
			}
			if g.called() != 0 {
				t.Errorf("the function was called")
			}
			if g.lastEntry(t).Problem == "" {
				t.Errorf("the log has no problem")
			}
		})
	}
}

// A body that does not say how long it is meets the limit all the same.
func TestChunkedBodyOverTheLimit(t *testing.T) {
	t.Parallel()
	g := newGateway(t, respond(`{"statusCode":204}`), nil)
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/open",
		struct{ *strings.Reader }{strings.NewReader(strings.Repeat("a", 10*1024*1024+1))})
	request.ContentLength = -1
	recorder := httptest.NewRecorder()
	g.ServeHTTP(recorder, request)
	if recorder.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d, want 413", recorder.Code)
	}
}

func TestIntegrationFailures(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		invoke  invoke
		status  int
		problem string
	}{
		"the function failed": {
			func(context.Context, string, []byte) ([]byte, string, error) {
				return []byte(`{"errorMessage":"secret","statusCode":200}`), "Unhandled", nil
			},
			500, "the function failed: Unhandled",
		},
		"it could not be run": {
			func(context.Context, string, []byte) ([]byte, string, error) { return nil, "", errors.New("throttled") },
			503, "invoking the function: throttled",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, test.invoke, nil)
			response := g.send(t, "GET", "/open", "")
			want := `{"message":"` + http.StatusText(test.status) + `"}`
			if body := bodyOf(t, response); response.StatusCode != test.status || body != want {
				t.Errorf("answer %d %s, want %d %s", response.StatusCode, body, test.status, want)
			}
			if got := g.lastEntry(t).Problem; got != test.problem {
				t.Errorf("problem %q, want %q", got, test.problem)
			}
		})
	}
}

func TestIntegrationTimeout(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		takes  time.Duration
		status int
	}{
		"in time":  {30*time.Second - time.Millisecond, 204},
		"too late": {30*time.Second + time.Millisecond, 503},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newGateway(t, func(ctx context.Context, _ string, _ []byte) ([]byte, string, error) {
					select {
					case <-time.After(test.takes):
						return []byte(`{"statusCode":204}`), "", nil
					case <-ctx.Done():
						return nil, "", ctx.Err()
					}
				}, nil)
				response := g.send(t, "GET", "/open", "")
				if response.StatusCode != test.status {
					t.Errorf("a function that takes %v = %d, want %d", test.takes, response.StatusCode, test.status)
				}
				want := min(test.takes, integrationTimeout)
				if got := g.lastEntry(t).Duration; got != want {
					t.Errorf("duration %v, want %v", got, want)
				}
			})
		})
	}
}

// On AWS a function runs to its end though its client has gone.
func TestClientThatLeavesStopsNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	g := newGateway(t, func(ctx context.Context, _ string, _ []byte) ([]byte, string, error) {
		cancel()
		return []byte(`{"statusCode":204}`), "", ctx.Err()
	}, nil)
	request := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/open", nil)
	g.ServeHTTP(httptest.NewRecorder(), request)
	if got := g.lastEntry(t); got.Status != http.StatusNoContent {
		t.Errorf("the function saw its context end: %+v", got)
	}
}

func TestAccessLog(t *testing.T) {
	t.Parallel()
	g := newGateway(t, func(_ context.Context, function string, _ []byte) ([]byte, string, error) {
		if function != "Function" {
			t.Errorf("function %q was called, want Function", function)
		}
		return []byte(`{"statusCode":201}`), "", nil
	}, nil)
	g.send(t, "GET", "/files/x?secret=1", "", "Authorization", tokenWith(t, nil))
	got := g.lastEntry(t)
	if got.Method != "GET" || got.RouteKey != "GET /files/{id}" || got.Status != 201 || got.Problem != "" || got.RequestID == "" {
		t.Errorf("entry %+v", got)
	}
	if id := dig(t, g.lastEvent(t), "requestContext", "requestId"); id != got.RequestID {
		t.Errorf("the event's request id is %v, the log's %q", id, got.RequestID)
	}

	g.send(t, "GET", "/nowhere", "")
	if got := g.lastEntry(t); got.RouteKey != "" || got.Status != 404 {
		t.Errorf("entry of no route: %+v", got)
	}
}

func TestConfigRefusals(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"nothing to invoke":    func(c *Config) { c.Invoke = nil },
		"no id":                func(c *Config) { c.API.ID = "" },
		"no host":              func(c *Config) { c.API.Host = "" },
		"no region":            func(c *Config) { c.Region = "" },
		"no account":           func(c *Config) { c.AccountID = "" },
		"issuer no URL":        func(c *Config) { c.API.Authorizers[0].Issuer = "issuer" },
		"issuer of a query":    func(c *Config) { c.API.Authorizers[0].Issuer += "?a" },
		"no audience":          func(c *Config) { c.API.Authorizers[0].Audience = nil },
		"an empty audience":    func(c *Config) { c.API.Authorizers[0].Audience = []string{""} },
		"an authorizer twice":  func(c *Config) { c.API.Authorizers = append(c.API.Authorizers, c.API.Authorizers[0]) },
		"a route of no method": func(c *Config) { c.Routes = append(c.Routes, testRoute("", "/a", "")) },
		"bad CORS":             func(c *Config) { c.API.CORS = &template.APICORS{AllowOrigins: []string{"*"}, AllowCredentials: true} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := newGateway(t, respond(`{}`), nil).config
			change(&config)
			if _, err := New(config); err == nil {
				t.Errorf("New succeeded")
			}
		})
	}
}
