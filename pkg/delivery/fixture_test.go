package delivery_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"airlock/pkg/delivery"
)

const (
	keyPairID = "K2JCJMDEHXQW5F"
	secretID  = "airlock/signing-key"
)

// document is a secret with one of the test keys of pkg/signingkey.
func document(tb testing.TB, id, pemFile string) string {
	tb.Helper()
	pem, err := os.ReadFile(filepath.Join("..", "signingkey", "testdata", pemFile))
	if err != nil {
		tb.Fatal(err)
	}
	d, err := json.Marshal(map[string]string{"keyPairId": id, "privateKey": string(pem)})
	if err != nil {
		tb.Fatal(err)
	}
	return string(d)
}

// secrets is Secrets Manager at the other end of the client's wire, without a
// socket, which virtual time could not wait for.
type secrets struct {
	mu     sync.Mutex
	answer answer
	calls  int
}

// answer is how a call goes: after delay, an HTTP answer, or none where status is 0.
type answer struct {
	delay  time.Duration
	status int
	body   string
}

const hour = time.Hour // as a delay: longer than anybody waits

func value(secret string) answer {
	body, _ := json.Marshal(map[string]string{"SecretString": secret}) // strings always marshal
	return answer{status: http.StatusOK, body: string(body)}
}

// down is what a service in trouble answers, and what it may say of accounts.
var down = answer{status: http.StatusInternalServerError, body: `{"__type":"InternalServiceError","message":"arn:aws:iam::111122223333:role/sign is unwell"}`}

func (s *secrets) set(a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = a
}

// count returns the calls since it was last asked.
func (s *secrets) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.calls
	s.calls = 0
	return n
}

func (s *secrets) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.calls++
	a := s.answer
	s.mu.Unlock()

	var in struct{ SecretId string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, err
	}
	if in.SecretId != secretID || r.Header.Get("X-Amz-Target") != "secretsmanager.GetSecretValue" {
		a = answer{status: http.StatusBadRequest, body: `{"__type":"ResourceNotFoundException"}`}
	}
	timer := time.NewTimer(a.delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if a.status == 0 {
		return nil, errors.New("connection reset by the test")
	}
	return &http.Response{
		StatusCode: a.status, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(a.body)), ContentLength: int64(len(a.body)),
	}, nil
}

// cache returns an empty cache in front of s, and what it logs.
func (s *secrets) cache(ttl time.Duration) (*delivery.KeyCache, *logBuffer) {
	client := secretsmanager.NewFromConfig(aws.Config{
		Region:     "eu-west-1",
		HTTPClient: &http.Client{Transport: s},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "secret", SessionToken: "token"}, nil
		}),
	})
	var log logBuffer
	config := delivery.KeyCacheConfig{SecretID: secretID, TTL: ttl, Client: client}
	return delivery.NewKeyCache(config, slog.New(slog.NewJSONHandler(&log, nil))), &log
}

// logBuffer may be written and read at once.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// lines returns the log's records.
func (l *logBuffer) lines(tb testing.TB) []map[string]any {
	tb.Helper()
	var all []map[string]any
	for line := range strings.Lines(l.String()) {
		record := make(map[string]any)
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			tb.Fatalf("log line %q: %v", line, err)
		}
		all = append(all, record)
	}
	return all
}
