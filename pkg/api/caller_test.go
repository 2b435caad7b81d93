package api_test

import (
	"net/http"
	"strings"
	"testing"

	"airlock/pkg/api"
)

func TestIdentifies(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("s", 255)
	tests := []struct {
		name, claims string
		subject      string
		read         bool // whether the token carries things/read
	}{
		{"subject alone", `{"sub":"alice"}`, "alice", false},
		{"subject of every kind of character", `{"sub":"auth0|7 \"ü"}`, `auth0|7 "ü`, false},
		{"longest subject", `{"sub":"` + longest + `"}`, longest, false},
		{"access token", `{"sub":"alice","token_use":"access"}`, "alice", false},
		{"scope", `{"sub":"alice","scope":"things/read"}`, "alice", true},
		{"scope among others", `{"sub":"alice","scope":"openid things/read email"}`, "alice", true},
		{"scope as a flattened array", `{"sub":"alice","scope":"[openid things/read]"}`, "alice", true},
		{"scp", `{"sub":"alice","scp":"openid things/read"}`, "alice", true},
		{"scp as a flattened array", `{"sub":"alice","scp":"[things/read openid]"}`, "alice", true},
		{"scp beside another scope", `{"sub":"alice","scope":"openid","scp":"[things/read]"}`, "alice", true},
		{"no scope", `{"sub":"alice","scope":"","scp":"[]"}`, "alice", false},
		{"longer scope", `{"sub":"alice","scope":"things/readable xthings/read"}`, "alice", false},
		{"scope in another case", `{"sub":"alice","scope":"Things/Read"}`, "alice", false},
		{"scopes joined by commas", `{"sub":"alice","scope":"openid,things/read"}`, "alice", false},
		// API Gateway sends strings only. What else might come gives no rights.
		{"scope as an array", `{"sub":"alice","scope":["things/read"]}`, "alice", false},
		{"scope as null", `{"sub":"alice","scope":null}`, "alice", false},
		{"scopes in another claim", `{"sub":"alice","scopes":"things/read","Scope":"things/read"}`, "alice", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a, _ := invoke(t, request{claims: tt.claims, body: `{}`})
			if a.StatusCode != http.StatusCreated {
				t.Fatalf("Invoke with claims %s = %+v, want status 201", tt.claims, a)
			}
			var got echo
			decode(t, a.Body, &got)
			if got.Subject != tt.subject || got.Read != tt.read {
				t.Errorf("Invoke with claims %s = subject %q, scope %t, want %q, %t", tt.claims, got.Subject, got.Read, tt.subject, tt.read)
			}
		})
	}
}

func TestRefusesWhoIsNotIdentified(t *testing.T) {
	t.Parallel()
	const (
		noToken    = "a valid access token is needed"
		wrongToken = "an access token is needed, not another kind of token"
		noSubject  = "the token names no usable subject"
	)
	tests := []struct{ name, claims, detail string }{
		{"no authorizer", "", noToken},
		{"no claims", `null`, noToken},
		{"empty claims", `{}`, noToken},
		{"claims that are no object", `"sub"`, noToken},
		{"a claim twice", `{"sub":"alice","sub":"bob"}`, noToken},
		{"invalid UTF-8", "{\"sub\":\"alice\xff\"}", noToken},
		{"no subject", `{"scope":"things/read"}`, noSubject},
		{"subject in another case", `{"Sub":"alice"}`, noSubject},
		{"empty subject", `{"sub":""}`, noSubject},
		{"subject of more than 255 bytes", `{"sub":"` + strings.Repeat("s", 256) + `"}`, noSubject},
		{"numeric subject", `{"sub":7}`, noSubject},
		{"null subject", `{"sub":null}`, noSubject},
		{"list of subjects", `{"sub":["alice"]}`, noSubject},
		{"id token", `{"sub":"alice","token_use":"id"}`, wrongToken},
		{"another use", `{"sub":"alice","token_use":"Access"}`, wrongToken},
		{"empty use", `{"sub":"alice","token_use":""}`, wrongToken},
		{"null use", `{"sub":"alice","token_use":null}`, wrongToken},
		{"list of uses", `{"sub":"alice","token_use":["access"]}`, wrongToken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a, _ := invoke(t, request{claims: tt.claims, body: `{}`})
			p := problemOf(t, a)
			if a.StatusCode != http.StatusUnauthorized || p.Code != api.Unauthenticated || p.Detail != tt.detail {
				t.Errorf("Invoke with claims %s = %+v, want 401 unauthenticated: %s", tt.claims, p, tt.detail)
			}
			if got := a.Headers["www-authenticate"]; got != "Bearer" {
				t.Errorf("Invoke with claims %s has www-authenticate %q, want Bearer", tt.claims, got)
			}
		})
	}
}

// An unknown route must not tell anything to someone who is not even known.
func TestIdentifiesBeforeItRoutes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, claims string
		status       int
		code         api.Code
	}{
		{"without a token", "", http.StatusUnauthorized, api.Unauthenticated},
		{"with a token", claims, http.StatusNotFound, api.NotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a, _ := invoke(t, request{route: "POST /elsewhere", claims: tt.claims, body: `{}`})
			if p := problemOf(t, a); a.StatusCode != tt.status || p.Code != tt.code {
				t.Errorf("Invoke of an unknown route = %+v, want %d %s", p, tt.status, tt.code)
			}
		})
	}
}

func TestNewCaller(t *testing.T) {
	t.Parallel()
	c := api.NewCaller("alice", "a", "b")
	if c.Subject != "alice" || !c.HasScope("a") || !c.HasScope("b") || c.HasScope("c") || c.HasScope("") {
		t.Errorf("NewCaller(alice, a, b) = %+v, want the subject and those scopes", c)
	}
}
