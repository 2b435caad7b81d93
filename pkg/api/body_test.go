package api_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"airlock/pkg/api"
)

func TestReadsContentType(t *testing.T) {
	t.Parallel()
	tests := []struct {
		header, value string
		status        int
	}{
		{"content-type", "application/json", http.StatusCreated},
		{"Content-Type", "application/json", http.StatusCreated},
		{"CONTENT-TYPE", "application/json", http.StatusCreated},
		{"content-type", "application/json; charset=utf-8", http.StatusCreated},
		{"content-type", "Application/JSON;CHARSET=UTF-8", http.StatusCreated},
		{"accept", "application/json", http.StatusUnsupportedMediaType},
		{"content-type", "", http.StatusUnsupportedMediaType},
		{"content-type", "text/plain", http.StatusUnsupportedMediaType},
		{"content-type", "application/json+x", http.StatusUnsupportedMediaType},
		{"content-type", "application/problem+json", http.StatusUnsupportedMediaType},
		{"content-type", "application/json,text/plain", http.StatusUnsupportedMediaType},
		{"content-type", "application/json; charset", http.StatusUnsupportedMediaType},
		// Forms may be sent across origins without a preflight.
		{"content-type", "application/x-www-form-urlencoded", http.StatusUnsupportedMediaType},
	}
	for _, tt := range tests {
		t.Run(tt.header+" "+tt.value, func(t *testing.T) {
			t.Parallel()
			a, _ := invoke(t, request{claims: claims, body: `{}`, headers: map[string]string{tt.header: tt.value}})
			if a.StatusCode != tt.status {
				t.Fatalf("Invoke with %s: %s = %+v, want status %d", tt.header, tt.value, a, tt.status)
			}
			if tt.status == http.StatusCreated {
				return
			}
			if p := problemOf(t, a); p.Code != api.UnsupportedContentType {
				t.Errorf("Invoke with %s: %s = %+v, want code %s", tt.header, tt.value, p, api.UnsupportedContentType)
			}
		})
	}
}

func TestReadsBody(t *testing.T) {
	t.Parallel()
	length := int64(1<<62 + 1) // no float64 holds it
	plain := false
	full := thing{Name: "ü \"&<>\u2028\U0001f600", Length: &length, Keys: []string{"a", ""}, Plain: &plain}
	full.Options.Checksum = "c"
	const fullText = `{"name":"ü \"&<>\u2028😀","length":4611686018427387905,"keys":["a",""],"plain":false,"options":{"checksum":"c"}}`
	tests := []struct {
		name string
		r    request
		want thing
	}{
		{"nothing but braces", request{body: `{}`}, thing{}},
		{"white space around", request{body: " \t\r\n{ } \n"}, thing{}},
		{"every member", request{body: fullText}, full},
		{"base64", request{body: base64.StdEncoding.EncodeToString([]byte(fullText)), base64: true}, full},
		{"null is no value", request{body: `{"name":null,"length":null,"keys":null,"plain":null}`}, thing{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.r.claims = claims
			a, log := invoke(t, tt.r)
			if a.StatusCode != http.StatusCreated || a.Headers["content-type"] != "application/json" {
				t.Fatalf("Invoke(%+v) = %+v, want 201 with JSON", tt.r, a)
			}
			var got echo
			decode(t, a.Body, &got)
			// A nil list is [] on the wire, as apps that iterate over it need it.
			if tt.want.Keys == nil {
				tt.want.Keys = []string{}
			}
			if diff := cmp.Diff(tt.want, got.Thing); diff != "" {
				t.Errorf("Invoke(%+v) read another body (-want +got):\n%s", tt.r, diff)
			}
			want := `{"level":"INFO","msg":"answered","route":"POST /things","requestId":"request-1","status":201}`
			if line := logged(t, log); fmt.Sprint(line) != fmt.Sprint(logged(t, want+"\n")) {
				t.Errorf("Invoke(%+v) logged %s, want %s", tt.r, log, want)
			}
			// URLs in answers are read by people and by tools that are no JSON parsers.
			if strings.Contains(a.Body, `\u0026`) {
				t.Errorf("Invoke(%+v) = %s, want & unescaped", tt.r, a.Body)
			}
		})
	}
}

func TestRefusesMalformedBody(t *testing.T) {
	t.Parallel()
	const (
		notJSON   = "the body is not one JSON object in UTF-8"
		unknown   = "the body has a member that is not known here; names are case-sensitive"
		duplicate = "the body names a member twice"
		noBase64  = "the body is not the base64 its event says it is"
	)
	tests := []struct{ name, body, detail string }{
		{"nothing", "", notJSON},
		{"white space", " \n", notJSON},
		{"null", `null`, notJSON},
		{"array", `[]`, notJSON},
		{"array of objects", `[{"name":"x"}]`, notJSON},
		{"string", `"name"`, notJSON},
		{"number", `7`, notJSON},
		{"cut off", `{"name":"x"`, notJSON},
		{"trailing comma", `{"name":"x",}`, notJSON},
		{"single quotes", `{'name':'x'}`, notJSON},
		{"comment", `{/**/}`, notJSON},
		{"byte order mark", "\ufeff{}", notJSON},
		{"trailing object", `{}{}`, notJSON},
		{"trailing text", `{} x`, notJSON},
		{"trailing zero byte", "{}\x00", notJSON},
		{"control character", "{\"name\":\"a\nb\"}", notJSON},
		{"invalid UTF-8 in a value", "{\"name\":\"a\xffb\"}", notJSON},
		{"invalid UTF-8 in a name", "{\"name\xff\":\"a\"}", notJSON},
		{"overlong encoding", "{\"name\":\"a\xc0\xafb\"}", notJSON},
		{"surrogate as bytes", "{\"name\":\"\xed\xa0\x80\"}", notJSON},
		{"half a surrogate pair", `{"name":"\ud800"}`, notJSON},
		{"unknown member", `{"name":"x","size":1}`, unknown},
		{"unknown member inside", `{"options":{"size":1}}`, unknown},
		{"empty name", `{"":1}`, unknown},
		{"another case", `{"Name":"x"}`, unknown},
		{"upper case", `{"NAME":"x"}`, unknown},
		// encoding/json folds the Kelvin sign to k.
		{"Kelvin sign", `{"` + "\u212a" + `eys":[]}`, unknown},
		{"member twice", `{"name":"x","name":"y"}`, duplicate},
		{"member twice, escaped", `{"name":"x","n\u0061me":"y"}`, duplicate},
		{"member twice inside", `{"options":{"checksum":"x","checksum":"x"}}`, duplicate},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, r := range []request{
				{claims: claims, body: tt.body},
				{claims: claims, body: base64.StdEncoding.EncodeToString([]byte(tt.body)), base64: true},
			} {
				a, _ := invoke(t, r)
				if a.StatusCode != http.StatusBadRequest {
					t.Fatalf("Invoke(%+v) = %+v, want status 400", r, a)
				}
				if p := problemOf(t, a); p.Code != api.MalformedBody || p.Detail != tt.detail {
					t.Errorf("Invoke(%+v) = %+v, want malformed_body: %s", r, p, tt.detail)
				}
			}
		})
	}
	for _, body := range []string{"%%%%", "e30", "e30=e30=", "{}", "e3 0="} {
		t.Run("base64 "+body, func(t *testing.T) {
			t.Parallel()
			a, _ := invoke(t, request{claims: claims, body: body, base64: true})
			if p := problemOf(t, a); p.Status != http.StatusBadRequest || p.Code != api.MalformedBody || p.Detail != noBase64 {
				t.Errorf("Invoke with base64 %q = %+v, want malformed_body: %s", body, p, noBase64)
			}
		})
	}
}

func TestRefusesWrongTypes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		body string
		code api.Code
	}{
		{`{"name":7}`, api.InvalidName},
		{`{"name":["x"]}`, api.InvalidName},
		{`{"name":{"x":1}}`, api.InvalidName},
		{`{"name":true}`, api.InvalidName},
		{`{"length":"7"}`, api.InvalidContentLength},
		{`{"length":1.5}`, api.InvalidContentLength},
		{`{"length":1e3}`, api.InvalidContentLength},
		{`{"length":9223372036854775808}`, api.InvalidContentLength},
		{`{"length":1e999999}`, api.InvalidContentLength},
		{`{"keys":"x"}`, api.InvalidObjectKey},
		{`{"keys":{"0":"x"}}`, api.InvalidObjectKey},
		{`{"keys":["x",7]}`, api.InvalidObjectKey},
		{`{"options":[]}`, api.InvalidChecksum},
		{`{"options":{"checksum":7}}`, api.InvalidChecksum},
		// A field without a tag has no code of its own.
		{`{"plain":"yes"}`, api.MalformedBody},
	}
	for _, tt := range tests {
		t.Run(tt.body, func(t *testing.T) {
			t.Parallel()
			a, _ := invoke(t, request{claims: claims, body: tt.body})
			if p := problemOf(t, a); p.Status != http.StatusBadRequest || p.Code != tt.code {
				t.Errorf("Invoke with %s = %+v, want 400 %s", tt.body, p, tt.code)
			}
		})
	}
}

func TestLimitsBody(t *testing.T) {
	t.Parallel()
	// ofSize is an object of exactly n bytes.
	ofSize := func(n int) string { return `{"name":"` + strings.Repeat("n", n-len(`{"name":""}`)) + `"}` }
	plain := func(s string) request { return request{claims: claims, body: s} }
	encoded := func(s string) request {
		return request{claims: claims, body: base64.StdEncoding.EncodeToString([]byte(s)), base64: true}
	}
	tests := []struct {
		name string
		r    request
		ok   bool
	}{
		{"at the limit", plain(ofSize(api.MaxBodyBytes)), true},
		{"one byte more", plain(ofSize(api.MaxBodyBytes + 1)), false},
		{"base64 at the limit", encoded(ofSize(api.MaxBodyBytes)), true},
		{"base64 one byte less", encoded(ofSize(api.MaxBodyBytes - 1)), true},
		{"base64 one byte more", encoded(ofSize(api.MaxBodyBytes + 1)), false},
		{"base64 two bytes more", encoded(ofSize(api.MaxBodyBytes + 2)), false},
		{"base64 three bytes more", encoded(ofSize(api.MaxBodyBytes + 3)), false},
		{"a megabyte of white space", plain(`{}` + strings.Repeat(" ", 1<<20)), false},
		{"a megabyte of no base64", request{claims: claims, body: strings.Repeat("%", 1<<20), base64: true}, false},
		// What grows in the event's JSON is not counted twice.
		{"escapes at the limit", plain(`{}` + strings.Repeat("\n", api.MaxBodyBytes-2)), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a, _ := invoke(t, tt.r)
			if tt.ok {
				if a.StatusCode != http.StatusCreated {
					t.Errorf("Invoke with %d bytes of body = %+v, want status 201", len(tt.r.body), a)
				}
				return
			}
			if p := problemOf(t, a); p.Status != http.StatusRequestEntityTooLarge || p.Code != api.ContentTooLarge {
				t.Errorf("Invoke with %d bytes of body = %+v, want 413 content_too_large", len(tt.r.body), p)
			}
		})
	}
}
