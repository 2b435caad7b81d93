package apigateway

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"airlock/local/template"
)

// corsHeaders are an answer's access-control-* headers.
func corsHeaders(header http.Header) map[string]string {
	got := make(map[string]string)
	for name := range header {
		if short, ok := strings.CutPrefix(name, "Access-Control-"); ok {
			got[strings.ToLower(short)] = strings.Join(header[name], "|")
		}
	}
	return got
}

func withCORS(cors template.APICORS) func(*Config) {
	return func(c *Config) { c.API.CORS = &cors }
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	star := template.APICORS{
		AllowOrigins: []string{"*"}, AllowMethods: []string{"GET", "POST", "DELETE", "OPTIONS"},
		AllowHeaders: []string{"authorization", "content-type"}, MaxAge: 10 * time.Minute,
	}
	named := template.APICORS{
		AllowOrigins: []string{"https://other.example.com", testOrigin}, AllowMethods: []string{"*"},
		AllowHeaders: []string{"*"}, ExposeHeaders: []string{"date"}, AllowCredentials: true,
	}
	allowed := map[string]string{
		"allow-origin": "*", "allow-methods": "GET,POST,DELETE,OPTIONS", "allow-headers": "authorization,content-type", "max-age": "600",
	}
	tests := map[string]struct {
		cors                    template.APICORS
		origin, method, headers string
		want                    map[string]string
	}{
		"simple":                {star, testOrigin, "POST", "", allowed},
		"headers in any case":   {star, testOrigin, "POST", "Authorization, CONTENT-TYPE", allowed},
		"other method":          {star, testOrigin, "PUT", "", nil},
		"other header":          {star, testOrigin, "POST", "authorization,x-other", nil},
		"no method":             {star, testOrigin, "", "", nil},
		"no origin":             {star, "", "POST", "", nil},
		"named origin":          {named, testOrigin, "PATCH", "x-any", map[string]string{"allow-origin": testOrigin, "allow-methods": "*", "allow-headers": "*", "allow-credentials": "true"}},
		"origin not named":      {named, "https://app.example.com.evil.com", "GET", "", nil},
		"origin of other port":  {named, testOrigin + ":8443", "GET", "", nil},
		"any https":             {template.APICORS{AllowOrigins: []string{"https://*"}, AllowMethods: []string{"GET"}}, testOrigin, "GET", "", map[string]string{"allow-origin": testOrigin, "allow-methods": "GET"}},
		"any https is not http": {template.APICORS{AllowOrigins: []string{"https://*"}, AllowMethods: []string{"GET"}}, "http://a.example.com", "GET", "", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, respond(`{}`), withCORS(test.cors))
			var headers []string
			for name, value := range map[string]string{
				"Origin": test.origin, "Access-Control-Request-Method": test.method, "Access-Control-Request-Headers": test.headers,
			} {
				if value != "" {
					headers = append(headers, name, value)
				}
			}
			// A path that needs a token, and one that no route has.
			for _, path := range []string{"/uploads", "/nowhere"} {
				response := g.send(t, "OPTIONS", path, "", headers...)
				if response.StatusCode != http.StatusNoContent || bodyOf(t, response) != "" {
					t.Errorf("OPTIONS %s = %d, want 204 and nothing", path, response.StatusCode)
				}
				want := test.want
				if want == nil {
					want = map[string]string{}
				}
				if diff := cmp.Diff(want, corsHeaders(response.Header)); diff != "" {
					t.Errorf("OPTIONS %s: headers (-want +got):\n%s", path, diff)
				}
			}
			if g.called() != 0 {
				t.Errorf("the function was called")
			}
		})
	}
}

func TestCORSOnAnswers(t *testing.T) {
	t.Parallel()
	config := template.APICORS{
		AllowOrigins: []string{testOrigin}, AllowMethods: []string{"GET"}, AllowCredentials: true, ExposeHeaders: []string{"etag", "x-a"},
	}
	allowed := map[string]string{"allow-origin": testOrigin, "allow-credentials": "true", "expose-headers": "etag,x-a"}
	const own = `{"statusCode":200,"headers":{"access-control-allow-origin":"https://evil.example","Access-Control-Max-Age":"9"},"body":"a"}`
	tests := map[string]struct {
		method, path, origin string
		status               int
		want                 map[string]string
	}{
		"the function's own are replaced": {"GET", "/open", testOrigin, 200, allowed},
		"other origin":                    {"GET", "/open", "https://evil.example", 200, map[string]string{}},
		"no origin":                       {"GET", "/open", "", 200, map[string]string{}},
		"401":                             {"POST", "/uploads", testOrigin, 401, allowed},
		"404":                             {"GET", "/nowhere", testOrigin, 404, allowed},
		"method not listed":               {"POST", "/open", testOrigin, 200, allowed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, respond(own), withCORS(config))
			var headers []string
			if test.origin != "" {
				headers = []string{"Origin", test.origin}
			}
			response := g.send(t, test.method, test.path, "", headers...)
			if response.StatusCode != test.status {
				t.Errorf("status %d, want %d", response.StatusCode, test.status)
			}
			if diff := cmp.Diff(test.want, corsHeaders(response.Header)); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
		})
	}
}

// Without a configuration CORS is the function's business, and OPTIONS a method
// like any other.
func TestNoCORS(t *testing.T) {
	t.Parallel()
	g := newGateway(t, respond(`{"statusCode":200,"headers":{"Access-Control-Allow-Origin":"x"}}`), nil)
	response := g.send(t, "GET", "/open", "", "Origin", testOrigin)
	if diff := cmp.Diff(map[string]string{"allow-origin": "x"}, corsHeaders(response.Header)); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	response = g.send(t, "OPTIONS", "/open", "", "Origin", testOrigin, "Access-Control-Request-Method", "GET")
	if response.StatusCode != http.StatusNotFound || len(corsHeaders(response.Header)) != 0 {
		t.Errorf("OPTIONS without CORS = %d %v, want 404", response.StatusCode, corsHeaders(response.Header))
	}
}

// A route that takes OPTIONS keeps it, with its authorizer.
func TestOptionsRouteGoesFirst(t *testing.T) {
	t.Parallel()
	cors := template.APICORS{AllowOrigins: []string{"*"}, AllowMethods: []string{"GET"}}
	for name, test := range map[string]struct {
		routes []Route
		status int
	}{
		"OPTIONS":               {[]Route{testRoute("OPTIONS", "/{proxy+}", "")}, 200},
		"$default, with a lock": {[]Route{testRoute("ANY", defaultKey, "Token")}, 401},
		"open OPTIONS before it": {
			[]Route{testRoute("ANY", defaultKey, "Token"), testRoute("OPTIONS", "/{proxy+}", "")}, 200,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, respond(`{"statusCode":200}`), func(c *Config) { c.API.CORS, c.Routes = &cors, test.routes })
			response := g.send(t, "OPTIONS", "/a", "", "Origin", testOrigin, "Access-Control-Request-Method", "GET")
			if response.StatusCode != test.status {
				t.Errorf("OPTIONS = %d, want %d", response.StatusCode, test.status)
			}
			if diff := cmp.Diff(map[string]string{"allow-origin": "*"}, corsHeaders(response.Header)); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCORSConfigRefusals(t *testing.T) {
	t.Parallel()
	good := template.APICORS{AllowOrigins: []string{testOrigin}, AllowMethods: []string{"GET"}}
	for name, change := range map[string]func(*template.APICORS){
		"credentials for all":   func(c *template.APICORS) { c.AllowOrigins, c.AllowCredentials = []string{"*"}, true },
		"wildcard in a host":    func(c *template.APICORS) { c.AllowOrigins = []string{"https://*.example.com"} },
		"origin without scheme": func(c *template.APICORS) { c.AllowOrigins = []string{"app.example.com"} },
		"origin with a slash":   func(c *template.APICORS) { c.AllowOrigins = []string{testOrigin + "/"} },
		"empty origin":          func(c *template.APICORS) { c.AllowOrigins = []string{""} },
		"lower-case method":     func(c *template.APICORS) { c.AllowMethods = []string{"get"} },
		"empty method":          func(c *template.APICORS) { c.AllowMethods = []string{""} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := good
			change(&config)
			if _, err := newCORS(&config); err == nil {
				t.Errorf("newCORS(%+v) succeeded", config)
			}
		})
	}
	if _, err := newCORS(&good); err != nil {
		t.Errorf("newCORS(%+v): %v", good, err)
	}
}

func TestCORSHeadersDoNotLeak(t *testing.T) {
	t.Parallel()
	g := newGateway(t, respond(`{}`), withCORS(template.APICORS{AllowOrigins: []string{"*"}}))
	response := g.send(t, "GET", "/open", "", "Origin", testOrigin, "Host", "evil.example")
	if got := corsHeaders(response.Header); response.StatusCode != http.StatusForbidden || !maps.Equal(got, map[string]string{}) {
		t.Errorf("a foreign host = %d %v, want 403 and no CORS", response.StatusCode, got)
	}
}
