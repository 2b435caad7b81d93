package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

const secretARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:airlock-SigningKeySecret-AbCdEf"

// setenv gives the process what the template and Lambda give the function.
func setenv(t *testing.T, secretsManager string) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "", "AWS_CREDENTIAL_EXPIRATION": "",
		"AWS_ACCESS_KEY_ID": "ASIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example", "AWS_SESSION_TOKEN": "token",
		"AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_S3": "", "AWS_ENDPOINT_URL_DYNAMODB": "", "AWS_ENDPOINT_URL_SECRETS_MANAGER": secretsManager,
		"DELIVERY_BASE_URL": "https://d111111abcdef8.cloudfront.net", "SIGNED_URL_TTL": "1h", "SIGNED_URL_MAX_TTL": "24h",
		"SIGNING_HASH": "SHA256", "SIGNING_KEY_CACHE_TTL": "5m", "SIGNING_KEY_SECRET": secretARN, "READ_ANY_SCOPE": "airlock/read.any",
	} {
		t.Setenv(name, value)
	}
}

// serveSecret plays Secrets Manager for GetSecretValue. Without a key it refuses.
func serveSecret(t *testing.T, key *ecdsa.PrivateKey) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("content-type", "application/x-amz-json-1.1")
		var in struct{ SecretId string }
		err := json.NewDecoder(r.Body).Decode(&in)
		if err != nil || in.SecretId != secretARN || r.Header.Get("X-Amz-Target") != "secretsmanager.GetSecretValue" {
			t.Errorf("Secrets Manager was asked for %s of %+v, %v, want GetSecretValue of %s", r.Header.Get("X-Amz-Target"), in, err, secretARN)
		}
		if key == nil {
			// Not one of the refusals that the client tries again.
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprint(w, `{"__type":"AccessDeniedException","Message":"not authorized"}`)
			return
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Error(err)
		}
		secret, err := json.Marshal(map[string]string{
			"keyPairId": "K2JCJMDEHXQW5F", "privateKey": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		})
		if err != nil {
			t.Error(err)
		}
		if err := json.NewEncoder(w).Encode(map[string]string{"ARN": secretARN, "SecretString": string(secret)}); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestInvoke(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, event string
		key         *ecdsa.PrivateKey // nil: the secret cannot be read
	}{
		{"post-signed-urls", "sign-post-signed-urls.json", key},
		{"no-token", "sign-post-signed-urls-no-token.json", key},
		{"no-signing-key", "sign-post-signed-urls.json", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			setenv(t, serveSecret(t, tt.key))
			handler, err := build()
			if err != nil {
				t.Fatal(err)
			}
			before := time.Now()
			out, err := handler.Invoke(t.Context(), readEvent(t, tt.event))
			if err != nil {
				t.Fatalf("Invoke(%s) = %v, want an answer", tt.event, err)
			}
			golden(t, tt.name+".json", normalise(t, out, &key.PublicKey, before))
		})
	}
}

// normalise verifies what differs each time, expiry and signature, and puts a
// word in its place.
func normalise(t *testing.T, out []byte, key *ecdsa.PublicKey, before time.Time) string {
	t.Helper()
	var answer struct {
		StatusCode int               `json:"statusCode"`
		Headers    map[string]string `json:"headers"`
		Body       string            `json:"body"`
	}
	decodeStrictly(t, out, &answer)
	var body struct {
		SignedURLs []struct{ URL, Expires string } `json:"signedURLs"`
	}
	if err := json.Unmarshal([]byte(answer.Body), &body); err != nil {
		t.Fatal(err)
	}
	for _, signed := range body.SignedURLs {
		u, err := url.Parse(signed.URL)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		epoch, err := strconv.ParseInt(q.Get("Expires"), 10, 64)
		expires := time.Unix(epoch, 0).UTC()
		if err != nil || expires.Before(before.Truncate(time.Second).Add(time.Hour)) || expires.After(time.Now().Add(time.Hour)) ||
			signed.Expires != expires.Format(time.RFC3339) {
			t.Errorf("%s expires at %v, and %s is said, want in one hour: %v", signed.URL, expires, signed.Expires, err)
		}
		policy := fmt.Sprintf(`{"Statement":[{"Resource":"https://%s%s","Condition":{"DateLessThan":{"AWS:EpochTime":%d}}}]}`, u.Host, u.EscapedPath(), epoch)
		digest := sha256.Sum256([]byte(policy))
		signature, err := base64.StdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "=", "~", "/").Replace(q.Get("Signature")))
		if err != nil || !ecdsa.VerifyASN1(key, digest[:], signature) {
			t.Errorf("%s is not signed over %s: %v", signed.URL, policy, err)
		}
		answer.Body = strings.NewReplacer(
			q.Get("Signature"), "SIGNATURE", "Expires="+q.Get("Expires"), "Expires=EPOCH", signed.Expires, "EXPIRES",
		).Replace(answer.Body)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	var opened any
	decodeStrictly(t, []byte(answer.Body), &opened)
	if err := e.Encode(map[string]any{"statusCode": answer.StatusCode, "headers": answer.Headers, "body": opened}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The codes stand in tags, which the compiler does not check.
func TestWrongTypes(t *testing.T) {
	setenv(t, serveSecret(t, nil))
	handler, err := build()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ member, code string }{
		{`"objectKeys":"x"`, "invalid_object_key"},
		{`"expiresInSeconds":"7"`, "invalid_expiry"},
		{`"notBefore":7`, "invalid_expiry"},
		{`"ipAddress":7`, "invalid_ip_address"},
	} {
		t.Run(tt.member, func(t *testing.T) {
			var e events.APIGatewayV2HTTPRequest
			decodeStrictly(t, readEvent(t, "sign-post-signed-urls.json"), &e)
			e.Body = "{" + tt.member + "}"
			payload, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			out, err := handler.Invoke(t.Context(), payload)
			if err != nil || !strings.Contains(string(out), `\"code\":\"`+tt.code+`\"`) {
				t.Errorf("Invoke with %s = %s, %v, want code %s", e.Body, out, err, tt.code)
			}
		})
	}
}

func TestBuildNamesEveryMissingVariable(t *testing.T) {
	setenv(t, "")
	required := []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "DELIVERY_BASE_URL", "SIGNING_KEY_SECRET"}
	for _, name := range required {
		t.Setenv(name, "")
	}
	const want = "environment: DELIVERY_BASE_URL is not set; SIGNING_KEY_SECRET is not set; " +
		"AWS_ACCESS_KEY_ID is not set; AWS_SECRET_ACCESS_KEY is not set; AWS_REGION is not set"
	if handler, err := build(); handler != nil || err == nil || err.Error() != want {
		t.Errorf("build() without %q = %v, %v, want error %q", required, handler, err, want)
	}
}

func TestBuildNamesEveryBadVariable(t *testing.T) {
	setenv(t, "nonsense")
	t.Setenv("DELIVERY_BASE_URL", "https://d111111abcdef8.cloudfront.net/files")
	t.Setenv("SIGNED_URL_MAX_TTL", "1")
	t.Setenv("SIGNED_URL_TTL", "25h")
	t.Setenv("SIGNING_HASH", "MD5")
	t.Setenv("SIGNING_KEY_CACHE_TTL", "-1s")
	_, err := build()
	if err == nil {
		t.Fatal("build() with six bad variables = nil, want an error")
	}
	for _, name := range []string{
		"AWS_ENDPOINT_URL_SECRETS_MANAGER", "DELIVERY_BASE_URL", "SIGNED_URL_MAX_TTL", "SIGNED_URL_TTL", "SIGNING_HASH", "SIGNING_KEY_CACHE_TTL",
	} {
		if strings.Count(err.Error(), name+" ") != 1 {
			t.Errorf("build() = %q, want %s named once", err, name)
		}
	}
}

// readEvent reads a sample event, which must have API Gateway's shape.
func readEvent(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "events", name))
	if err != nil {
		t.Fatal(err)
	}
	decodeStrictly(t, b, new(events.APIGatewayV2HTTPRequest))
	return b
}

func decodeStrictly(t *testing.T, b []byte, v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("decoding %s: %v", b, err)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, diff)
	}
}
