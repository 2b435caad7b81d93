package stack_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"airlock/local/iam"
	"airlock/local/stack"
)

// witness sees what a stack says while tests run on it: its log, with every
// function's; every refusal; each request made in a function's name; and the
// secrets that none of it may tell.
type witness struct {
	log logBuffer

	mu       sync.Mutex
	refusals []refusal
	calls    map[call]iam.Request
	secrets  map[string]kind // what was handed out so far
}

// refusal is a whole answer of status 400 and above.
type refusal struct{ service, text string }

// call is one thing that a function asked of AWS.
type call struct {
	function, action, resource string
	allowed                    bool
}

// watched is told of every answer the harness gets itself. It is the only way to
// see S3's, which has a server of its own.
var watched atomic.Pointer[witness]

// watch lets a witness see all of the stack that o starts.
func watch(t *testing.T, o *stack.Options) *witness {
	t.Helper()
	w := &witness{calls: map[call]iam.Request{}, secrets: map[string]kind{}}
	o.Log = slog.New(slog.NewJSONHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	o.Decided, o.Issued = w.decided, w.issued
	before := o.Intercept
	o.Intercept = func(service string, next http.Handler) http.Handler {
		if before != nil {
			next = before(service, next)
		}
		return w.intercept(service, next)
	}
	// Some of the embedded services log here.
	previous := slog.Default()
	slog.SetDefault(o.Log)
	watched.Store(w)
	t.Cleanup(func() {
		slog.SetDefault(previous)
		watched.Store(nil)
	})
	return w
}

func (w *witness) decided(function string, r iam.Request, allowed bool) {
	// The gateway's strings are of a buffer that the next request overwrites.
	c := call{strings.Clone(function), strings.Clone(r.Action), strings.Clone(r.Resource), allowed}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls[c] = iam.Request{Action: c.action, Resource: c.resource}
}

// called says whether a function has asked for an action.
func (w *witness) called(function, action string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.calls {
		if c.function == function && c.action == action {
			return true
		}
	}
	return false
}

func (w *witness) issued(_ string, c iam.Credentials) {
	w.secret(secretKey, c.SecretAccessKey)
	w.secret(sessionToken, c.SessionToken)
	w.secret(sessionToken, url.QueryEscape(c.SessionToken))
}

func (w *witness) secret(k kind, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(text) >= windowSize {
		w.secrets[text] = k
	}
}

// refused keeps an answer if it is a refusal.
func (w *witness) refused(service string, a answer) {
	if a.status < http.StatusBadRequest {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refusals = append(w.refusals, refusal{service, fmt.Sprintf("%d\n%v\n%s", a.status, a.header, a.body)})
}

// got tells the witness of an answer, if there is one.
func got(host string, a answer) {
	if w := watched.Load(); w != nil {
		w.refused(host, a)
	}
}

// signatures are those of an answer's URLs, or of a request of the SDK.
var signatures = regexp.MustCompile(`Signature=([A-Za-z0-9_~-]{16,})`)

// intercept sees who asks and what is answered, also where the story or a
// function is the client.
func (w *witness) intercept(service string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(res http.ResponseWriter, r *http.Request) {
		authorization := r.Header.Get("Authorization")
		if bearer, ok := strings.CutPrefix(authorization, "Bearer "); ok {
			w.secret(token, bearer)
		}
		a := &answering{ResponseWriter: res, keepAll: service == "api"}
		next.ServeHTTP(a, r)
		for _, m := range signatures.FindAllStringSubmatch(authorization+a.body.String(), -1) {
			w.secret(signature, m[1])
		}
		w.refused(service, answer{a.status, res.Header(), a.body.Bytes()})
	})
}

// answering notes an answer while it is written.
type answering struct {
	http.ResponseWriter
	keepAll bool // else refusals alone
	status  int
	body    bytes.Buffer
}

func (a *answering) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answering) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

func (a *answering) Write(b []byte) (int, error) {
	if a.keepAll || a.status >= http.StatusBadRequest {
		a.body.Write(b)
	}
	return a.ResponseWriter.Write(b)
}

// finder knows all that s may not tell.
func (w *witness) finder(t *testing.T, s *stack.Stack) finder {
	t.Helper()
	client := secretsmanager.NewFromConfig(s.AWS(s.Endpoints.SecretsManager))
	out, err := client.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &s.Endpoints.Secret})
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		PrivateKey string
		Next       struct{ PrivateKey string }
	}
	if err := json.Unmarshal([]byte(*out.SecretString), &document); err != nil {
		t.Fatal(err)
	}
	var f finder
	for _, text := range []string{document.PrivateKey, document.Next.PrivateKey} {
		block, _ := pem.Decode([]byte(text))
		if block == nil {
			t.Fatal("the secret holds no PEM")
		}
		if _, err := x509.ParsePKCS8PrivateKey(block.Bytes); err != nil {
			t.Fatal(err)
		}
		f.knowBytes(signingKey, block.Bytes)
	}
	f.knowText(secretKey, s.Operator.SecretAccessKey)
	w.mu.Lock()
	defer w.mu.Unlock()
	kinds := map[kind]int{}
	for text, k := range w.secrets {
		kinds[k]++
		if k == signature { // there are thousands
			f.know(k, text[:windowSize])
		} else {
			f.knowText(k, text)
		}
	}
	for _, k := range []kind{secretKey, sessionToken, token, signature} {
		if kinds[k] == 0 {
			t.Errorf("%s to look for was never seen", k)
		}
	}
	t.Logf("secrets: %v", kinds)
	return f
}
