package rotation_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"airlock/pkg/rotation"
	"airlock/pkg/signingkey"
)

const (
	secretARN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:SigningKeySecret-a1b2c3"
	prefix    = "airlock-eu-west-1-media"
	maxTTL    = 24 * time.Hour
	cacheTTL  = 5 * time.Minute
)

// account is CloudFront, Secrets Manager and CloudFormation's ear at the other
// end of the clients' wire: without a socket, which virtual time could not wait for.
type account struct {
	mu sync.Mutex
	fakeCloudFront
	fakeSecrets

	log     bytes.Buffer
	calls   []string
	crashAt int // after that many calls more, nothing works; 0: never
	dead    bool
	loseAt  int                                          // the answer to that call is lost, once; 0: none
	tries   int                                          // of the clients; 0: as many as they like
	fault   func(ctx context.Context, call string) error // nil: none; an error is no answer
	heard   []heard                                      // by CloudFormation
	deaf    int                                          // answers CloudFormation does not take
	// deniedCall is one the role may not make yet, that many times.
	deniedCall string
	denied     int
	answered   func(call string) error // nil: none; an error loses the answer
}

// heard is one answer to CloudFormation.
type heard struct {
	contentType []string
	length      int64
	body        string
}

func newAccount() *account {
	return &account{fakeCloudFront: newFakeCloudFront(), fakeSecrets: newFakeSecrets()}
}

func (a *account) config() rotation.Config {
	client := &http.Client{Transport: a}
	cfg := aws.Config{Region: "eu-west-1", HTTPClient: client, Credentials: aws.AnonymousCredentials{}, RetryMaxAttempts: a.tries}
	return rotation.Config{
		SecretID: secretARN, Prefix: prefix, Algorithm: signingkey.ECDSAP256, MaxTTL: maxTTL, CacheTTL: cacheTTL,
		Secrets: secretsmanager.NewFromConfig(cfg), CloudFront: cloudfront.NewFromConfig(cfg), HTTP: client,
		Log: slog.New(slog.NewJSONHandler(&a.log, nil)),
	}
}

func (a *account) handler() *rotation.Handler { return rotation.New(a.config()) }

var errDead = errors.New("the process has died")

// RoundTrip serves a call; the one the process dies after has its effect.
func (a *account) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.dead {
		return nil, errDead
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	if r.URL.Host == "cloudformation.example" {
		return a.hear(r, body), nil
	}
	call := callName(r)
	a.calls = append(a.calls, call)
	if a.fault != nil {
		if err := a.fault(r.Context(), call); err != nil {
			return nil, err
		}
	}
	if a.denied > 0 && call == a.deniedCall {
		a.denied--
		if strings.HasPrefix(call, "cloudfront:") {
			return cloudFrontError(http.StatusForbidden, "AccessDenied"), nil
		}
		return respond(http.StatusForbidden, `{"__type":"AccessDeniedException"}`), nil
	}
	var res *http.Response
	if strings.HasPrefix(r.URL.Host, "secretsmanager.") {
		res = a.serveSecrets(strings.TrimPrefix(call, "secretsmanager:"), body)
	} else {
		res = a.serveCloudFront(r, body)
	}
	res.Request = r
	if a.answered != nil {
		if err := a.answered(call); err != nil {
			return nil, err
		}
	}
	if a.loseAt > 0 {
		if a.loseAt--; a.loseAt == 0 {
			return nil, io.ErrUnexpectedEOF
		}
	}
	if a.crashAt > 0 {
		if a.crashAt--; a.crashAt == 0 {
			a.dead = true
			return nil, errDead
		}
	}
	return res, nil
}

func (a *account) hear(r *http.Request, body []byte) *http.Response {
	if a.deaf > 0 {
		a.deaf--
		return respond(http.StatusServiceUnavailable, "")
	}
	a.heard = append(a.heard, heard{r.Header["Content-Type"], r.ContentLength, string(body)})
	return respond(http.StatusOK, "")
}

// callName is a request in IAM's words.
func callName(r *http.Request) string {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return strings.Replace(target, ".", ":", 1)
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/2020-05-31/"), "/")
	noun := map[string]string{"public-key": "PublicKey", "key-group": "KeyGroup"}[parts[0]]
	verb := map[string]string{"GET": "Get", "PUT": "Update", "POST": "Create", "DELETE": "Delete"}[r.Method]
	if r.Method == http.MethodGet && len(parts) == 1 {
		return "cloudfront:List" + noun + "s"
	}
	return "cloudfront:" + verb + noun
}

func respond(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: make(http.Header), ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
	}
}

// token is a version id, the n-th.
func token(n int) string { return fmt.Sprintf("%08d-aaaa-4bbb-8ccc-0123456789ab", n) }

// resource is a custom resource's event; properties "" are those of the template.
func resource(kind, requestID, physicalID, properties string) []byte {
	if properties == "" {
		properties = fmt.Sprintf(`{"ServiceToken":"arn:rotate","ServiceTimeout":"120","SecretId":%q,"KeyNamePrefix":%q,"KeyAlgorithm":"ECDSA_P256"}`, secretARN, prefix)
	}
	return fmt.Appendf(nil, `{"RequestType":%q,"ResponseURL":"https://cloudformation.example/answer?Signature=bearer","StackId":"arn:stack","RequestId":%q,
		"ResourceType":"Custom::KeyGroup","LogicalResourceId":"KeyGroup","PhysicalResourceId":%q,"ResourceProperties":%s}`, kind, requestID, physicalID, properties)
}

func step(name, token string) []byte {
	return fmt.Appendf(nil, `{"SecretId":%q,"ClientRequestToken":%q,"Step":%q}`, secretARN, token, name)
}

var daily = []byte(`{"action":"retire"}`)

var stepNames = []string{"createSecret", "setSecret", "testSecret", "finishSecret"}

// create makes the stack's keys.
func (a *account) create(t *testing.T) {
	t.Helper()
	if _, err := a.handler().HandleEvent(t.Context(), resource("Create", token(1), "", "")); err != nil {
		t.Fatal(err)
	}
	if len(a.heard) == 0 || !strings.Contains(a.heard[len(a.heard)-1].body, `"SUCCESS"`) {
		t.Fatalf("CloudFormation heard %+v, want SUCCESS", a.heard)
	}
}

// rotate does what Secrets Manager does, in one go.
func (a *account) rotate(t *testing.T, token string) error {
	t.Helper()
	a.stage(token)
	for _, name := range stepNames {
		if _, err := a.handler().HandleEvent(t.Context(), step(name, token)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
