package api_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"airlock/pkg/api"
)

// marker stands for what a client sends: a name, a token, a secret.
const marker = "739739739"

func TestRefusalsDoNotEchoInput(t *testing.T) {
	t.Parallel()
	jsonHeaders := func(body string) request { return request{claims: claims, body: body} }
	tests := []struct {
		name string
		r    request
	}{
		{"content type", request{claims: claims, body: `{}`, headers: map[string]string{"content-type": marker}}},
		{"content type's parameter", request{claims: claims, body: `{}`, headers: map[string]string{"content-type": `application/json; "` + marker}}},
		{"another header", request{claims: claims, body: `{}`, headers: map[string]string{"authorization": marker, marker: marker}}},
		{"text", jsonHeaders(marker + "x")},
		{"number", jsonHeaders(marker)},
		{"unknown member", jsonHeaders(`{"` + marker + `":1}`)},
		{"unknown member's value", jsonHeaders(`{"x":"` + marker + `"}`)},
		{"member twice", jsonHeaders(`{"name":"` + marker + `","name":"` + marker + `"}`)},
		{"unknown member twice", jsonHeaders(`{"` + marker + `":1,"` + marker + `":1}`)},
		{"string of the wrong type", jsonHeaders(`{"length":"` + marker + `"}`)},
		{"number of the wrong type", jsonHeaders(`{"name":` + marker + `}`)},
		{"number out of range", jsonHeaders(`{"length":` + marker + marker + marker + `}`)},
		{"member of the wrong type", jsonHeaders(`{"name":{"` + marker + `":1}}`)},
		{"element of the wrong type", jsonHeaders(`{"keys":["` + marker + `",` + marker + `]}`)},
		{"without a tag", jsonHeaders(`{"plain":"` + marker + `"}`)},
		{"unknown member inside", jsonHeaders(`{"options":{"` + marker + `":1}}`)},
		{"trailing data", jsonHeaders(`{} ` + marker)},
		{"invalid UTF-8", jsonHeaders(`{"name":"` + marker + "\xff\"}")},
		{"bad escape", jsonHeaders(`{"name":"` + marker + `\q"}`)},
		{"too large", jsonHeaders(strings.Repeat(marker, api.MaxBodyBytes))},
		{"no base64", request{claims: claims, body: marker + "%", base64: true}},
		{"base64", request{claims: claims, body: base64.StdEncoding.EncodeToString([]byte(marker + "x")), base64: true}},
		{"use of the token", request{body: `{}`, claims: `{"sub":"alice","token_use":"` + marker + `"}`}},
		{"subject", request{body: `{}`, claims: `{"sub":"` + strings.Repeat(marker, 40) + `"}`}},
		{"numeric subject", request{body: `{}`, claims: `{"sub":` + marker + `}`}},
		{"claims", request{body: `{}`, claims: `{"` + marker + `":"` + marker + `"}`}},
		{"claim twice", request{body: `{}`, claims: `{"` + marker + `":1,"` + marker + `":1}`}},
		{"no authorizer", request{body: marker}},
		{"unknown route", request{route: "GET /", claims: claims, body: marker}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a, log := invoke(t, tt.r)
			if a.StatusCode < 400 {
				t.Fatalf("Invoke(%.200s) = %+v, want a refusal", tt.r.payload(), a)
			}
			for _, where := range []string{a.Body, log} {
				if strings.Contains(where, marker) {
					t.Errorf("Invoke(%.200s) repeats the input: %s", tt.r.payload(), where)
				}
			}
			for name, value := range a.Headers {
				if strings.Contains(name+value, marker) {
					t.Errorf("Invoke(%.200s) repeats the input in the header %s: %s", tt.r.payload(), name, value)
				}
			}
		})
	}
}

// refusals are all the answers a client can get out of this package. An answer
// that is one of them holds nothing of the request.
var refusals = []problem{
	{Status: http.StatusUnauthorized, Code: api.Unauthenticated, Detail: "a valid access token is needed"},
	{Status: http.StatusUnauthorized, Code: api.Unauthenticated, Detail: "an access token is needed, not another kind of token"},
	{Status: http.StatusUnauthorized, Code: api.Unauthenticated, Detail: "the token names no usable subject"},
	{Status: http.StatusUnsupportedMediaType, Code: api.UnsupportedContentType, Detail: "the request's content-type must be application/json"},
	{Status: http.StatusRequestEntityTooLarge, Code: api.ContentTooLarge, Detail: "the body is larger than 65536 bytes"},
	{Status: http.StatusBadRequest, Code: api.MalformedBody, Detail: "the body is not the base64 its event says it is"},
	{Status: http.StatusBadRequest, Code: api.MalformedBody, Detail: "the body is not one JSON object in UTF-8"},
	{Status: http.StatusBadRequest, Code: api.MalformedBody, Detail: "the body has a member that is not known here; names are case-sensitive"},
	{Status: http.StatusBadRequest, Code: api.MalformedBody, Detail: "the body names a member twice"},
	{Status: http.StatusBadRequest, Code: api.MalformedBody, Detail: "a value of the body has the wrong type"},
	{Status: http.StatusBadRequest, Code: api.InvalidName, Detail: "a field of the body has the wrong type"},
	{Status: http.StatusBadRequest, Code: api.InvalidContentLength, Detail: "a field of the body has the wrong type"},
	{Status: http.StatusBadRequest, Code: api.InvalidObjectKey, Detail: "a field of the body has the wrong type"},
	{Status: http.StatusBadRequest, Code: api.InvalidChecksum, Detail: "a field of the body has the wrong type"},
}

// FuzzInvoke: whatever a client sends, the answer is the endpoint's or one of a
// fixed list, and never an error of the function.
func FuzzInvoke(f *testing.F) {
	add := func(name, value, claims, body string, base64 bool) { f.Add(name, value, claims, []byte(body), base64) }
	add("content-type", "application/json", claims, `{"name":"x","length":7,"keys":["a"],"options":{"checksum":"c"},"plain":true}`, false)
	add("content-type", "application/json", claims, "{\"name\":\"\xff\xfe\"}", false)
	add("content-type", "application/json", claims, `e30=`, true)
	add("Content-Type", "application/json; charset=utf-8", `{"sub":"a","scope":"[a b]","scp":"c"}`, ` {} `, false)
	add("content-type", "application/json", claims, `{"length":1e400,"length":1}`, false)
	add("\xff", "\xfe", `{"sub":"a","sub":"b"}`, `null`, false)
	add("host", "", `{"sub":7,"token_use":"id"}`, `{"K":1}`, false)
	add("", "", "", "", true)
	f.Fuzz(func(t *testing.T, headerName, headerValue, claims string, body []byte, base64 bool) {
		// A gateway writes JSON: what is none can only be inside a claim.
		if claims != "" && !json.Valid([]byte(claims)) {
			claims = `{"sub":` + quote(claims) + `}`
		}
		r := request{
			headers: map[string]string{headerName: headerValue}, claims: claims, body: string(body), base64: base64,
		}
		a, log := invoke(t, r)
		if a.StatusCode == http.StatusCreated {
			var got echo
			decode(t, a.Body, &got)
			if line := logged(t, log); line["msg"] != "answered" || len(line) != 5 {
				t.Errorf("Invoke(%q) answered and logged %s", r.payload(), log)
			}
			return
		}
		p := problemOf(t, a)
		if !slices.Contains(refusals, problem{Status: p.Status, Code: p.Code, Detail: p.Detail}) {
			t.Errorf("Invoke(%q) = %+v, which is not in the list of refusals", r.payload(), p)
		}
		line := logged(t, log)
		counted(line, "Refusals")
		for name, want := range map[string]any{
			"level": "INFO", "msg": "refused", "route": route, "requestId": "request-1",
			"status": float64(p.Status), "code": string(p.Code),
		} {
			if line[name] != want {
				t.Errorf("Invoke(%q) logged %s, want %s %v", r.payload(), log, name, want)
			}
			delete(line, name)
		}
		if len(line) > 0 {
			t.Errorf("Invoke(%q) logged %v besides", r.payload(), line)
		}
	})
}
