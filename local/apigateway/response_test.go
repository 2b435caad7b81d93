package apigateway

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDecodeResponse(t *testing.T) {
	t.Parallel()
	type want struct {
		Status int
		Header http.Header
		Body   string
	}
	json := http.Header{"Content-Type": {"application/json"}}
	text := http.Header{"Content-Type": {"text/plain;charset=UTF-8"}}
	tests := map[string]struct {
		payload string
		want    want
	}{
		// The documentation's own two.
		"documented string": {`"Hello from Lambda!"`, want{200, json, "Hello from Lambda!"}},
		"documented object": {`{ "message": "Hello from Lambda!" }`, want{200, json, `{ "message": "Hello from Lambda!" }`}},

		"an array":                 {`[1,2]`, want{200, json, `[1,2]`}},
		"null":                     {`null`, want{200, json, `null`}},
		"statusCode in other case": {`{"StatusCode":204}`, want{200, json, `{"StatusCode":204}`}},
		"everything": {
			`{"statusCode":201,"headers":{"content-type":"text/html","x-a":"1"},"cookies":["a=1","b=2; Secure"],"body":"<p>","isBase64Encoded":false}`,
			want{201, http.Header{"Content-Type": {"text/html"}, "X-A": {"1"}, "Set-Cookie": {"a=1", "b=2; Secure"}}, "<p>"},
		},
		"as aws-lambda-go writes it": {
			`{"statusCode":200,"headers":{"content-type":"application/json"},"multiValueHeaders":null,"body":"{}","cookies":null}`,
			want{200, json, "{}"},
		},
		"no type":                    {`{"statusCode":200,"body":"a"}`, want{200, text, "a"}},
		"no body":                    {`{"statusCode":204}`, want{204, http.Header{}, ""}},
		"null body":                  {`{"statusCode":404,"body":null}`, want{404, http.Header{}, ""}},
		"binary":                     {`{"statusCode":200,"body":"AAEC","isBase64Encoded":true,"headers":{"Content-Type":"image/png"}}`, want{200, http.Header{"Content-Type": {"image/png"}}, "\x00\x01\x02"}},
		"headers of the connection":  {`{"statusCode":200,"headers":{"Connection":"close","transfer-encoding":"chunked","Content-Length":"9","apigw-requestid":"x"},"body":"a"}`, want{200, text, "a"}},
		"fields nobody knows":        {`{"statusCode":200,"body":"a","more":1}`, want{200, text, "a"}},
		"empty multi-value headers":  {`{"statusCode":200,"multiValueHeaders":{},"body":"a"}`, want{200, text, "a"}},
		"white space around":         {" {\"statusCode\":200}\n", want{200, http.Header{}, ""}},
		"unicode is passed as UTF-8": {`{"statusCode":200,"body":"\u00e9"}`, want{200, text, "é"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := decodeResponse([]byte(test.payload))
			if err != nil {
				t.Fatalf("decodeResponse(%s): %v", test.payload, err)
			}
			if diff := cmp.Diff(test.want, want{got.status, got.header, string(got.body)}); diff != "" {
				t.Errorf("decodeResponse(%s) (-want +got):\n%s", test.payload, diff)
			}
		})
	}
}

func TestDecodeResponseRefusals(t *testing.T) {
	t.Parallel()
	for name, payload := range map[string]string{
		"nothing":               ``,
		"not JSON":              `hello`,
		"two values":            `{"statusCode":200}{}`,
		"status as a string":    `{"statusCode":"200"}`,
		"null status":           `{"statusCode":null}`,
		"informational status":  `{"statusCode":101}`,
		"status zero":           `{"statusCode":0}`,
		"status 600":            `{"statusCode":600}`,
		"status with a part":    `{"statusCode":200.5}`,
		"object as body":        `{"statusCode":200,"body":{}}`,
		"number as header":      `{"statusCode":200,"headers":{"a":1}}`,
		"list of headers":       `{"statusCode":200,"headers":["a"]}`,
		"a string of cookies":   `{"statusCode":200,"cookies":"a=1"}`,
		"bad base64":            `{"statusCode":200,"body":"*","isBase64Encoded":true}`,
		"encoded as a string":   `{"statusCode":200,"body":"","isBase64Encoded":"true"}`,
		"a line break in value": `{"statusCode":200,"headers":{"a":"b\r\nset-cookie: c"}}`,
		"a line break in name":  `{"statusCode":200,"headers":{"a\nb":"c"}}`,
		"a colon in a name":     `{"statusCode":200,"headers":{"a:b":"c"}}`,
		"a header without name": `{"statusCode":200,"headers":{"":"c"}}`,
		"a line break, cookie":  `{"statusCode":200,"cookies":["a\nb"]}`,
		"multi-value headers":   `{"statusCode":200,"multiValueHeaders":{"a":["b"]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := decodeResponse([]byte(payload)); err == nil {
				t.Errorf("decodeResponse(%s) = %+v, want an error", payload, got)
			}
			g := newGateway(t, respond(payload), nil)
			response := g.send(t, "GET", "/open", "")
			if body := bodyOf(t, response); response.StatusCode != http.StatusInternalServerError || body != `{"message":"Internal Server Error"}` {
				t.Errorf("a function that answers %s = %d %s, want a 500", payload, response.StatusCode, body)
			}
		})
	}
}

func FuzzDecodeResponse(f *testing.F) {
	for _, payload := range []string{
		`"a"`, `{"statusCode":200,"headers":{"a":"b"},"cookies":["c"],"body":"ZA==","isBase64Encoded":true}`,
		`{"statusCode":200,"headers":{"a":"\r\n"}}`, `{"statusCode":99999999999999999999}`, `{}`, `[`, "\x00",
	} {
		f.Add([]byte(payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		got, err := decodeResponse(payload)
		if err != nil {
			return
		}
		if got.status < 200 || got.status > 599 {
			t.Errorf("decodeResponse(%q) has status %d", payload, got.status)
		}
		for name, values := range got.header {
			for _, value := range values {
				if !validHeader(name, value) || name != http.CanonicalHeaderKey(name) {
					t.Errorf("decodeResponse(%q) has header %q: %q", payload, name, value)
				}
			}
		}
	})
}
