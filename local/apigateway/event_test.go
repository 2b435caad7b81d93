package apigateway

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The known answer is the documentation's sample of payload format 2.0, less
// what no request here has (mutual TLS, Lambda authorizers, stage variables),
// its headers in lower case as the page says they are, and with AWS's own added.
func TestEventIsTheDocumentedSample(t *testing.T) {
	t.Parallel()
	sample, err := os.ReadFile("testdata/event.json")
	if err != nil {
		t.Fatalf("reading the sample: %v", err)
	}
	var want map[string]any
	if err := json.Unmarshal(sample, &want); err != nil {
		t.Fatalf("decoding the sample: %v", err)
	}

	const body = "Hello from Lambda"
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost,
		"/my/path?parameter1=value1&parameter1=value2&parameter2=value", strings.NewReader(body))
	request.Header = http.Header{
		"Header1": {"value1"}, "Header2": {"value1", "value2"}, "Cookie": {"cookie1; cookie2"},
		"User-Agent": {"agent"}, "Content-Type": {"text/plain"}, "Connection": {"keep-alive, X-Hop"},
		"Keep-Alive": {"timeout=5"}, "Te": {"trailers"}, "X-Hop": {"1"}, "X-Forwarded-Proto": {"gopher"},
	}
	in, err := newIncoming(request, []byte(body))
	if err != nil {
		t.Fatalf("newIncoming: %v", err)
	}
	g := newGateway(t, respond(`{}`), nil)
	routes := compiled(t, "POST /my/{parameter1}")
	matched, params := match(routes, in.method, in.path)
	payload, err := g.event(in, matched, params, &grant{
		Claims: map[string]string{"claim1": "value1", "claim2": "value2"}, Scopes: []string{"scope1", "scope2"},
	}, "id", time.UnixMilli(1584039838390))
	if err != nil {
		t.Fatalf("event: %v", err)
	}
	var got map[string]any
	if err := json.Unmarshal(payload, &got); err != nil {
		t.Fatalf("the event is not JSON: %v", err)
	}
	headers, _ := got["headers"].(map[string]any)
	trace, _ := headers["x-amzn-trace-id"].(string)
	if !regexp.MustCompile(`^Root=1-5e6a879e-[0-9a-f]{24}$`).MatchString(trace) {
		t.Errorf("x-amzn-trace-id = %q", trace)
	}
	headers["x-amzn-trace-id"] = trace[:min(len(trace), len("Root=1-5e6a879e-"))]
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
}

// A field that has no value is not there at all.
func TestEventOfTheBarestRequest(t *testing.T) {
	t.Parallel()
	g := newGateway(t, respond(`{"statusCode":204}`), nil)
	g.send(t, "GET", "/open", "")
	event := g.lastEvent(t)
	for _, name := range []string{"cookies", "queryStringParameters", "pathParameters", "body", "stageVariables"} {
		if value, ok := event[name]; ok {
			t.Errorf("%s is there: %v", name, value)
		}
	}
	if _, ok := event["requestContext"].(map[string]any)["authorizer"]; ok {
		t.Errorf("an open route has an authorizer")
	}
	if got := event["rawQueryString"]; got != "" {
		t.Errorf("rawQueryString = %v, want an empty string", got)
	}
	if got := dig(t, event, "headers", "content-length"); got != "0" {
		t.Errorf("content-length = %v, want 0", got)
	}
}

func TestPath(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		target string
		status int
		path   string
		id     string
	}{
		"plain":                      {"/files/a", 204, "/files/a", "a"},
		"base64url id":               {"/files/dS9hL2I_-", 204, "/files/dS9hL2I_-", "dS9hL2I_-"},
		"decoded once":               {"/files/a%20b%2525", 204, "/files/a b%25", "a b%25"},
		"plus is a plus":             {"/files/a+b", 204, "/files/a+b", "a+b"},
		"encoded slash parts":        {"/files/a%2Fb", 404, "", ""},
		"doubly encoded does not":    {"/files/a%252Fb", 204, "/files/a%2Fb", "a%2Fb"},
		"encoded letters route":      {"/%66iles/a", 204, "/files/a", "a"},
		"encoded question mark ends": {"/files/a%3Fb", 204, "/files/a", "a"},
		"UTF-8":                      {"/files/%C3%A9", 204, "/files/é", "é"},
		"not UTF-8":                  {"/files/%FF", 400, "", ""},
		"dots are not resolved":      {"/files/..", 204, "/files/..", ".."},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, respond(`{"statusCode":204}`), func(c *Config) {
				c.Routes = []Route{testRoute("GET", "/files/{id}", "")}
			})
			response := g.send(t, "GET", test.target, "")
			if response.StatusCode != test.status {
				t.Fatalf("GET %s = %d, want %d", test.target, response.StatusCode, test.status)
			}
			if test.status != 204 {
				return
			}
			event := g.lastEvent(t)
			for _, got := range []any{event["rawPath"], dig(t, event, "requestContext", "http", "path")} {
				if got != test.path {
					t.Errorf("GET %s has path %q, want %q", test.target, got, test.path)
				}
			}
			if got := dig(t, event, "pathParameters", "id"); got != test.id {
				t.Errorf("GET %s has id %q, want %q", test.target, got, test.id)
			}
		})
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		raw  string
		want map[string]string
		bad  bool
	}{
		"none":              {"", nil, false},
		"only ampersands":   {"&&", nil, false},
		"decoded":           {"a%20b=c+d%2C", map[string]string{"a b": "c d,"}, false},
		"without a value":   {"a&b=", map[string]string{"a": "", "b": ""}, false},
		"repeated":          {"a=1&b=2&a=3", map[string]string{"a": "1,3", "b": "2"}, false},
		"case matters":      {"a=1&A=2", map[string]string{"a": "1", "A": "2"}, false},
		"equals in a value": {"cursor=a==", map[string]string{"cursor": "a=="}, false},
		"semicolons stay":   {"a=1;b=2", map[string]string{"a": "1;b=2"}, false},
		"bad escape":        {"a=%zz", nil, true},
		"bad escape, name":  {"%=1", nil, true},
		"not UTF-8":         {"a=%FF", nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := joinQuery(test.raw)
			if (err != nil) != test.bad {
				t.Fatalf("joinQuery(%q) error = %v, want one: %v", test.raw, err, test.bad)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("joinQuery(%q) (-want +got):\n%s", test.raw, diff)
			}
		})
	}
}

func TestBody(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		contentType, body string
		want              any
		encoded           bool
	}{
		"text":            {"text/plain", "a", "a", false},
		"text, charset":   {"text/html; charset=utf-8", "é", "é", false},
		"JSON":            {"application/json", `{"a":1}`, `{"a":1}`, false},
		"JSON, loud":      {"Application/JSON;charset=UTF-8", `{}`, `{}`, false},
		"XML":             {"application/xml", "<a/>", "<a/>", false},
		"JavaScript":      {"application/javascript", "a()", "a()", false},
		"+json":           {"application/problem+json", "{}", "{}", false},
		"+xml":            {"image/svg+xml", "<svg/>", "<svg/>", false},
		"form":            {"application/x-www-form-urlencoded", "a=1", "YT0x", true},
		"octets":          {"application/octet-stream", "\x00\xff", "AP8=", true},
		"image":           {"image/png", "a", "YQ==", true},
		"no type":         {"", "a", "YQ==", true},
		"malformed type":  {"text", "a", "YQ==", true},
		"text, not UTF-8": {"text/plain", "\xff", "/w==", true},
		"nothing":         {"application/octet-stream", "", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, respond(`{"statusCode":204}`), nil)
			var headers []string
			if test.contentType != "" {
				headers = []string{"Content-Type", test.contentType}
			}
			g.send(t, "POST", "/open", test.body, headers...)
			event := g.lastEvent(t)
			if event["body"] != test.want || event["isBase64Encoded"] != test.encoded {
				t.Errorf("body %v, base64 %v, want %v, %v", event["body"], event["isBase64Encoded"], test.want, test.encoded)
			}
		})
	}
}

func TestForwardedFor(t *testing.T) {
	t.Parallel()
	g := newGateway(t, respond(`{"statusCode":204}`), nil)
	g.send(t, "GET", "/open", "", "X-Forwarded-For", "203.0.113.9", "X-Forwarded-Port", "1", "X-Amzn-Trace-Id", "mine")
	event := g.lastEvent(t)
	if got := dig(t, event, "headers", "x-forwarded-for"); got != "203.0.113.9, 192.0.2.1" {
		t.Errorf("x-forwarded-for = %v", got)
	}
	if got := dig(t, event, "requestContext", "http", "sourceIp"); got != "192.0.2.1" {
		t.Errorf("sourceIp = %v, want the connection's, whatever the client says", got)
	}
	if got := dig(t, event, "headers", "x-forwarded-port"); got != "443" {
		t.Errorf("x-forwarded-port = %v", got)
	}
}
