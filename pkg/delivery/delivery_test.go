package delivery_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"airlock/pkg/api"
	"airlock/pkg/delivery"
	"airlock/pkg/lambdaenv"
	"airlock/pkg/signingkey"
)

const (
	baseURL = "https://d111111abcdef8.cloudfront.net"
	readAny = "airlock/read.any"
)

// newHandler is the route as functions/sign has it. Its secret comes from s.
func newHandler(s *secrets, log io.Writer) *api.Handler {
	keys, _ := s.cache(0)
	config := delivery.Config{BaseURL: baseURL, TTL: time.Hour, MaxTTL: 24 * time.Hour, ReadAnyScope: readAny}
	return api.NewHandler(slog.New(slog.NewJSONHandler(log, nil)), map[string]api.Endpoint{
		"POST /signed-urls": api.JSON(http.StatusOK, delivery.New(config, keys).CreateSignedURLs),
	})
}

// response is what API Gateway gets, with the body decoded.
type response struct {
	Status  int `json:"statusCode"`
	Headers map[string]string
	Body    string
	answer  delivery.SignedURLs
	problem struct{ Code, Detail string }
}

// post sends body as the user of that subject and scope.
func post(t *testing.T, h *api.Handler, subject, scope, body string) response {
	t.Helper()
	event, err := json.Marshal(map[string]any{
		"routeKey": "POST /signed-urls", "headers": map[string]string{"content-type": "application/json"}, "body": body,
		"requestContext": map[string]any{
			"requestId":  "request-1",
			"authorizer": map[string]any{"jwt": map[string]any{"claims": map[string]string{"sub": subject, "scope": scope}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := h.Invoke(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}
	var r response
	if err := json.Unmarshal(payload, &r); err != nil {
		t.Fatal(err)
	}
	var decoded any = &r.problem
	if r.Status == http.StatusOK {
		decoded = &r.answer
	}
	if err := json.Unmarshal([]byte(r.Body), decoded); err != nil {
		t.Fatal(err)
	}
	return r
}

// ask is a body for these keys; more are further members.
func ask(t *testing.T, keys []string, more string) string {
	t.Helper()
	list, err := json.Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"objectKeys":%s%s}`, list, more)
}

func numbered(prefix string, n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("%s%d", prefix, i)
	}
	return keys
}

func TestCreateSignedURLsKeys(t *testing.T) {
	t.Parallel()
	h := newHandler(&secrets{answer: value(document(t, keyPairID, "ec-sec1.pem"))}, io.Discard)
	mine, bobs, shared := "u/alice/mysubpath/hello.txt", "u/bob/x", "mysubpath/hello.txt"
	const count = "objectKeys has 1 to 100 keys"
	const rule = "an object key is 1 to 1,024 bytes of UTF-8"
	tests := []struct {
		name   string
		scope  string
		keys   []string
		code   string // "": signed
		detail string
	}{
		{"own", "", []string{mine}, "", ""},
		{"own, twice", "", []string{mine, mine}, "", ""},
		{"100", "", numbered("u/alice/", 100), "", ""},
		{"another's", "", []string{bobs}, "not_found", ""},
		{"shared", "", []string{shared}, "not_found", ""},
		{"one foreign among own", "", append(numbered("u/alice/", 99), bobs), "not_found", ""},
		{"another's space by a longer name", "", []string{"u/alice2/x"}, "not_found", ""},
		{"the space itself", "", []string{"u/alice/"}, "not_found", ""},
		{"own owner spelled otherwise", "", []string{"u/.61lice/x"}, "not_found", ""},
		{"with another scope", "airlock/read", []string{shared}, "not_found", ""},
		{"read-any: another's, shared and own", "openid " + readAny, []string{bobs, shared, mine}, "", ""},
		{"none", "", []string{}, "invalid_object_key", count},
		{"101", "", numbered("u/alice/", 101), "invalid_object_key", count},
		{"empty", "", []string{mine, ""}, "invalid_object_key", rule},
		{"too long", "", []string{"u/alice/" + strings.Repeat("x", 1017)}, "invalid_object_key", rule},
		{"101, read-any", readAny, numbered("a", 101), "invalid_object_key", count},
		{"empty, read-any", readAny, []string{""}, "invalid_object_key", rule},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := post(t, h, "alice", tt.scope, ask(t, tt.keys, ""))
			if name, n := r.answer.Counts(); tt.code == "" && (name != "URLsSigned" || n != len(tt.keys)) {
				t.Errorf("CreateSignedURLs(%q) counts %d %s, want %d URLsSigned", tt.keys, n, name, len(tt.keys))
			}
			if tt.code != "" {
				if r.problem.Code != tt.code || tt.detail != "" && r.problem.Detail != tt.detail {
					t.Errorf("CreateSignedURLs(%q) = %d %s, want %s %q", tt.keys, r.Status, r.Body, tt.code, tt.detail)
				}
				return
			}
			var got []string
			for i, u := range r.answer.SignedURLs {
				got = append(got, u.ObjectKey)
				if !strings.HasPrefix(u.URL, baseURL+"/"+tt.keys[i]+"?Expires=") {
					t.Errorf("URL of %q = %s", tt.keys[i], u.URL)
				}
			}
			if diff := cmp.Diff(tt.keys, got); r.Status != http.StatusOK || diff != "" {
				t.Errorf("CreateSignedURLs(%q) = %d (-want +got):\n%s", tt.keys, r.Status, diff)
			}
		})
	}
	t.Run("missing member", func(t *testing.T) {
		t.Parallel()
		if r := post(t, h, "alice", "", `{}`); r.problem.Detail != count {
			t.Errorf("CreateSignedURLs({}) = %d %s, want %q", r.Status, r.Body, count)
		}
	})
}

// Another's file, no file and a shared one can't be told apart by one byte.
func TestCreateSignedURLsNotFoundIsOneAnswer(t *testing.T) {
	t.Parallel()
	h := newHandler(&secrets{answer: value(document(t, keyPairID, "ec-sec1.pem"))}, io.Discard)
	want := post(t, h, "alice", "", ask(t, []string{"no/such/file"}, ""))
	if want.Status != http.StatusNotFound {
		t.Fatalf("status %d, want 404", want.Status)
	}
	for _, keys := range [][]string{{"u/bob/x"}, {"u/alice/x", "u/bob/x"}, {"mysubpath/hello.txt"}, {"u/bob/" + strings.Repeat("x", 1000)}} {
		if got := post(t, h, "alice", "", ask(t, keys, "")); !cmp.Equal(got, want, cmp.AllowUnexported(response{})) {
			t.Errorf("CreateSignedURLs(%q) = %+v, want %+v", keys, got, want)
		}
	}
}

// Time stands still at 2000-01-01T00:00:00Z, and a fraction where one is given.
func TestCreateSignedURLsTerms(t *testing.T) {
	t.Parallel()
	const (
		now = 946684800
		day = 86400
	)
	tests := []struct {
		more    string // of the body
		offset  time.Duration
		expires int64  // 0: refused
		policy  string // the conditions after DateLessThan, or the refusal's code
	}{
		{``, 0, now + 3600, ""},
		{`,"expiresInSeconds":null,"notBefore":null,"ipAddress":null`, 0, now + 3600, ""},
		{`,"expiresInSeconds":1`, 0, now + 1, ""},
		{`,"expiresInSeconds":86400`, 0, now + day, ""},
		{`,"expiresInSeconds":10`, 999 * time.Millisecond, now + 10, ""}, // never later than asked for
		{`,"expiresInSeconds":86401`, 0, 0, "invalid_expiry"},
		{`,"expiresInSeconds":0`, 0, 0, "invalid_expiry"},
		{`,"expiresInSeconds":-1`, 0, 0, "invalid_expiry"},
		{`,"expiresInSeconds":9223372036854775807`, 0, 0, "invalid_expiry"},
		{`,"expiresInSeconds":9223372036854775808`, 0, 0, "invalid_expiry"},
		{`,"expiresInSeconds":1.5`, 0, 0, "invalid_expiry"},
		{`,"expiresInSeconds":"60"`, 0, 0, "invalid_expiry"},

		{`,"notBefore":"2000-01-01T00:30:00Z"`, 0, now + 3600, `,"DateGreaterThan":{"AWS:EpochTime":946686600}`},
		{`,"notBefore":"2000-01-01T02:30:00+02:00"`, 0, now + 3600, `,"DateGreaterThan":{"AWS:EpochTime":946686600}`},
		{`,"notBefore":"2000-01-01T00:29:59.000000001Z"`, 0, now + 3600, `,"DateGreaterThan":{"AWS:EpochTime":946686600}`},
		{`,"notBefore":"1999-12-31T23:00:00Z"`, 0, now + 3600, `,"DateGreaterThan":{"AWS:EpochTime":946681200}`},
		{`,"notBefore":"1970-01-01T00:00:01Z"`, 0, now + 3600, `,"DateGreaterThan":{"AWS:EpochTime":1}`},
		{`,"notBefore":"2000-01-01T00:59:59Z"`, 0, now + 3600, `,"DateGreaterThan":{"AWS:EpochTime":946688399}`},
		{`,"notBefore":"2000-01-01T00:59:59.5Z"`, 0, 0, "invalid_expiry"}, // rounded up to the end
		{`,"notBefore":"2000-01-01T01:00:00Z"`, 0, 0, "invalid_expiry"},
		{`,"notBefore":"2000-01-01T03:00:00+02:00"`, 0, 0, "invalid_expiry"},
		{`,"notBefore":"2001-01-01T00:00:00Z"`, 0, 0, "invalid_expiry"},
		{`,"notBefore":"1970-01-01T00:00:00Z"`, 0, 0, "invalid_expiry"},
		{`,"notBefore":"1969-01-01T00:00:00Z"`, 0, 0, "invalid_expiry"},
		{`,"notBefore":"0000-01-01T00:00:00Z"`, 0, 0, "invalid_expiry"},
		{`,"notBefore":"2000-02-30T00:00:00Z"`, 0, 0, "invalid_expiry"},
		{`,"notBefore":"2000-01-01"`, 0, 0, "invalid_expiry"},
		{`,"notBefore":"soon"`, 0, 0, "invalid_expiry"},
		{`,"notBefore":""`, 0, 0, "invalid_expiry"},
		{`,"notBefore":946686600`, 0, 0, "invalid_expiry"},

		{`,"ipAddress":"203.0.113.0/24"`, 0, now + 3600, `,"IpAddress":{"AWS:SourceIp":"203.0.113.0/24"}`},
		{`,"ipAddress":"203.0.113.7"`, 0, now + 3600, `,"IpAddress":{"AWS:SourceIp":"203.0.113.7/32"}`},
		{`,"ipAddress":"203.0.113.7/24"`, 0, now + 3600, `,"IpAddress":{"AWS:SourceIp":"203.0.113.0/24"}`},
		{`,"ipAddress":"0.0.0.0/0"`, 0, now + 3600, `,"IpAddress":{"AWS:SourceIp":"0.0.0.0/0"}`},
		{`,"ipAddress":"2001:db8::/32"`, 0, 0, "invalid_ip_address"},
		{`,"ipAddress":"2001:db8::1"`, 0, 0, "invalid_ip_address"},
		{`,"ipAddress":"::ffff:203.0.113.7"`, 0, 0, "invalid_ip_address"},
		{`,"ipAddress":"::ffff:203.0.113.0/120"`, 0, 0, "invalid_ip_address"},
		{`,"ipAddress":"203.0.113.0/33"`, 0, 0, "invalid_ip_address"},
		{`,"ipAddress":"203.0.113.0/-1"`, 0, 0, "invalid_ip_address"},
		{`,"ipAddress":"203.0.113.0/024"`, 0, 0, "invalid_ip_address"},
		{`,"ipAddress":"203.0.113.010"`, 0, 0, "invalid_ip_address"},
		{`,"ipAddress":"203.0.113"`, 0, 0, "invalid_ip_address"},
		{`,"ipAddress":" 203.0.113.7"`, 0, 0, "invalid_ip_address"},
		{`,"ipAddress":"203.0.113.7%eth0"`, 0, 0, "invalid_ip_address"},
		{`,"ipAddress":"*"`, 0, 0, "invalid_ip_address"},
		{`,"ipAddress":""`, 0, 0, "invalid_ip_address"},
		{`,"ipAddress":5`, 0, 0, "invalid_ip_address"},
		{
			`,"expiresInSeconds":7200,"notBefore":"2000-01-01T00:30:00Z","ipAddress":"10.0.0.0/8"`, 0, now + 7200,
			`,"DateGreaterThan":{"AWS:EpochTime":946686600},"IpAddress":{"AWS:SourceIp":"10.0.0.0/8"}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.more, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, func(t *testing.T) {
				h := newHandler(&secrets{answer: value(document(t, keyPairID, "ec-sec1.pem"))}, io.Discard)
				time.Sleep(tt.offset)
				r := post(t, h, "alice", "", ask(t, []string{"u/alice/a", "u/alice/b"}, tt.more))
				if tt.expires == 0 {
					if r.Status != http.StatusBadRequest || r.problem.Code != tt.policy {
						t.Errorf("CreateSignedURLs(%s) = %d %s, want 400 %s", tt.more, r.Status, r.Body, tt.policy)
					}
					return
				}
				if len(r.answer.SignedURLs) != 2 {
					t.Fatalf("CreateSignedURLs(%s) = %d %s, want 2 URLs", tt.more, r.Status, r.Body)
				}
				for i, u := range r.answer.SignedURLs {
					resource := baseURL + "/u/alice/" + string("ab"[i])
					want := fmt.Sprintf("%s?Expires=%d&", resource, tt.expires)
					if tt.policy != "" {
						policy := fmt.Sprintf(`{"Statement":[{"Resource":"%s","Condition":{"DateLessThan":{"AWS:EpochTime":%d}%s}}]}`, resource, tt.expires, tt.policy)
						want = fmt.Sprintf("%s?Policy=%s&", resource, signingkey.AppendBase64(nil, []byte(policy)))
					}
					if !strings.HasPrefix(u.URL, want) {
						t.Errorf("CreateSignedURLs(%s) = %s, want it to begin %s", tt.more, u.URL, want)
					}
					if want := time.Unix(tt.expires, 0).UTC().Format(time.RFC3339); u.Expires != want {
						t.Errorf("CreateSignedURLs(%s): expires %s, want %s", tt.more, u.Expires, want)
					}
				}
			})
		})
	}
}

// Without a key the answer is 503, with no word of the cause but in the log,
// and the log has no word of AWS's.
func TestCreateSignedURLsUnavailable(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(t *testing.T) {
		var log logBuffer
		s := &secrets{answer: answer{status: 400, body: `{"__type":"AccessDeniedException","Message":"User: arn:aws:sts::111122223333:assumed-role/sign is not authorized"}`}}
		h := newHandler(s, &log)
		r := post(t, h, "alice", "", ask(t, []string{"u/alice/a"}, ""))
		if r.Status != http.StatusServiceUnavailable || r.problem.Code != "unavailable" || r.Headers["retry-after"] != "2" || strings.Contains(r.Body, "Denied") {
			t.Errorf("CreateSignedURLs without a key = %+v, want 503 with Retry-After 2", r)
		}
		lines := log.lines(t)
		if len(lines) != 1 || lines[0]["cause"] != "reading the signing key's secret: AccessDeniedException, status 400" {
			t.Errorf("log = %v, want one line with the cause", lines)
		}
		assertNoAccount(t, log.String())

		// A refused request asks for no key.
		s.count()
		post(t, h, "alice", "", ask(t, []string{"u/bob/a"}, ""))
		post(t, h, "alice", "", ask(t, []string{"u/alice/a"}, `,"expiresInSeconds":0`))
		wantCalls(t, s, 0)

		s.set(value(document(t, keyPairID, "ec-sec1.pem")))
		if r := post(t, h, "alice", "", ask(t, []string{"u/alice/a"}, "")); r.Status != http.StatusOK {
			t.Errorf("CreateSignedURLs after the outage = %d %s, want 200", r.Status, r.Body)
		}
	})
}

// t.Setenv and t.Parallel exclude each other.
func TestRead(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
		"DELIVERY_BASE_URL": baseURL + "/", "SIGNING_KEY_SECRET": secretID,
		"SIGNED_URL_TTL": "", "SIGNED_URL_MAX_TTL": "", "SIGNING_HASH": "", "SIGNING_KEY_CACHE_TTL": "", "READ_ANY_SCOPE": "",
	} {
		t.Setenv(name, value)
	}
	day := 24 * time.Hour
	tests := []struct {
		name, value string
		want        delivery.Config
		cacheTTL    time.Duration
		problem     string
	}{
		{"SIGNED_URL_TTL", "", delivery.Config{BaseURL: baseURL, TTL: time.Hour, MaxTTL: day, ReadAnyScope: readAny}, 5 * time.Minute, ""},
		{"SIGNED_URL_TTL", "2h", delivery.Config{BaseURL: baseURL, TTL: 2 * time.Hour, MaxTTL: day, ReadAnyScope: readAny}, 5 * time.Minute, ""},
		{"SIGNED_URL_MAX_TTL", "10m", delivery.Config{BaseURL: baseURL, TTL: 10 * time.Minute, MaxTTL: 10 * time.Minute, ReadAnyScope: readAny}, 5 * time.Minute, ""},
		{"SIGNING_HASH", "SHA1", delivery.Config{BaseURL: baseURL, Hash: signingkey.SHA1, TTL: time.Hour, MaxTTL: day, ReadAnyScope: readAny}, 5 * time.Minute, ""},
		{"SIGNING_KEY_CACHE_TTL", "0", delivery.Config{BaseURL: baseURL, TTL: time.Hour, MaxTTL: day, ReadAnyScope: readAny}, 0, ""},
		{"READ_ANY_SCOPE", "files/all", delivery.Config{BaseURL: baseURL, TTL: time.Hour, MaxTTL: day, ReadAnyScope: "files/all"}, 5 * time.Minute, ""},
		{name: "SIGNED_URL_TTL", value: "25h", problem: "environment: SIGNED_URL_TTL must be 1s to 24h0m0s"},
		{name: "SIGNED_URL_MAX_TTL", value: "9000h", problem: "environment: SIGNED_URL_MAX_TTL must be 1s to 8760h0m0s"},
		{name: "SIGNING_HASH", value: "MD5", problem: "environment: SIGNING_HASH must be SHA256 or SHA1"},
		{name: "SIGNING_KEY_SECRET", value: "", problem: "environment: SIGNING_KEY_SECRET is not set"},
		{name: "SIGNING_KEY_CACHE_TTL", value: "25h", problem: "environment: SIGNING_KEY_CACHE_TTL must be 0s to 24h0m0s"},
	}
	for _, tt := range tests {
		t.Run(tt.name+"="+tt.value, func(t *testing.T) {
			t.Setenv(tt.name, tt.value)
			env := lambdaenv.New()
			got, cache := delivery.Read(env), delivery.ReadKeyCache(env)
			if tt.problem != "" {
				if err := env.Err(); err == nil || err.Error() != tt.problem {
					t.Errorf("Read with %s=%s: %v, want %q", tt.name, tt.value, err, tt.problem)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); env.Err() != nil || diff != "" {
				t.Errorf("Read with %s=%s: %v (-want +got):\n%s", tt.name, tt.value, env.Err(), diff)
			}
			if cache.SecretID != secretID || cache.TTL != tt.cacheTTL || cache.Client == nil {
				t.Errorf("ReadKeyCache with %s=%s = %+v, want secret %s and TTL %v", tt.name, tt.value, cache, secretID, tt.cacheTTL)
			}
		})
	}
}
