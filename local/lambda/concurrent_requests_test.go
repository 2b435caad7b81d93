package lambda

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// What TestConcurrentInvocations asks of the functions. Every name in a request
// is its own, and so is the user.

func httpEvent(route, subject, body string) string {
	return fmt.Sprintf(`{"version":"2.0","routeKey":%q,"headers":{"content-type":"application/json"},"body":%q,"isBase64Encoded":false,`+
		`"requestContext":{"requestId":%q,"authorizer":{"jwt":{"claims":{"sub":%q},"scopes":null}}}}`, route, body, subject, subject)
}

func presignRequest(name string) (event, want string) {
	body := fmt.Sprintf(`{"name":"%s.txt","folder":"f","contentType":"text/plain","contentLength":1}`, name)
	return httpEvent("POST /uploads", name, body), fmt.Sprintf("201 u/%s/f/%s.txt", name, name)
}

func signRequest(name string) (event, want string) {
	body := fmt.Sprintf(`{"objectKeys":["u/%s/a","u/%s/b"]}`, name, name)
	return httpEvent("POST /signed-urls", name, body), fmt.Sprintf("200 u/%s/a u/%s/b", name, name)
}

// recordRequest is a batch of six creations, of which dependencies refuses every
// other one.
func recordRequest(name string) (event, want string) {
	var records, failed []string
	for i := range 6 {
		id := fmt.Sprintf("%s-%d", name, i)
		body := fmt.Sprintf(`{"Records":[{"eventVersion":"2.6","eventSource":"aws:s3","eventName":"ObjectCreated:Put","eventTime":"2026-03-01T09:30:15.123Z",`+
			`"s3":{"bucket":{"name":"media"},"object":{"key":"u/%s/%s","size":1,"eTag":"e","sequencer":"1"}}}]}`, name, id)
		records = append(records, fmt.Sprintf(`{"messageId":%q,"eventSource":"aws:sqs","body":%q}`, id, body))
		if i%2 == 1 {
			failed = append(failed, "{"+id+"}")
		}
	}
	return `{"Records":[` + strings.Join(records, ",") + `]}`, fmt.Sprint(failed)
}

// dependencies plays Secrets Manager with one signing key, DynamoDB, which refuses
// paths with an odd digit at the end, and S3, which has every object.
func dependencies(t *testing.T) http.Handler {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	document, err := json.Marshal(map[string]string{
		"keyPairId": "K2JCJMDEHXQW5F", "privateKey": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	if err != nil {
		t.Fatal(err)
	}
	secret, err := json.Marshal(map[string]string{"SecretString": string(document)})
	if err != nil {
		t.Fatal(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch target := r.Header.Get("X-Amz-Target"); {
		case target == "secretsmanager.GetSecretValue":
			_, _ = w.Write(secret)
		case target == "DynamoDB_20120810.PutItem":
			var in struct {
				Item struct{ Path struct{ S string } }
			}
			if err := json.NewDecoder(r.Body).Decode(&in); err != nil || strings.ContainsAny(in.Item.Path.S[len(in.Item.Path.S)-1:], "13579") {
				w.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#AccessDeniedException","message":"not authorized"}`)
				return
			}
			_, _ = io.WriteString(w, "{}")
		case r.Method != http.MethodHead:
			w.WriteHeader(http.StatusBadRequest)
		}
	})
}
