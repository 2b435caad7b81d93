package catalog_test

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"airlock/pkg/catalog"
)

// transport plays both services without a socket.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func connecting(play transport) *catalog.Catalog {
	cfg := aws.Config{Region: "eu-west-1", Credentials: aws.AnonymousCredentials{}, HTTPClient: &http.Client{Transport: play}}
	return catalog.New(catalog.Config{
		Table: table, Bucket: bucket, DynamoDB: dynamodb.NewFromConfig(cfg), S3: s3.NewFromConfig(cfg), Log: slog.New(slog.DiscardHandler),
	})
}

// TestConnect: both services, where the clients will ask them, and nothing that
// a policy would have to allow.
func TestConnect(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got []string
	connecting(func(r *http.Request) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r.Method+" "+r.URL.String())
		if r.Header.Get("Authorization") != "" || r.URL.RawQuery != "" {
			t.Errorf("%s is signed", r.URL)
		}
		return &http.Response{StatusCode: http.StatusForbidden, Body: http.NoBody}, nil
	}).Connect(t.Context())
	slices.Sort(got)
	want := []string{"HEAD https://dynamodb.eu-west-1.amazonaws.com", "HEAD https://media.s3.eu-west-1.amazonaws.com"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Connect asked (-want +got):\n%s", diff)
	}
}

// TestConnectionsAreUsed: what Connect opens is what an event is written with.
func TestConnectionsAreUsed(t *testing.T) {
	t.Parallel()
	var opened, asked atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Method == http.MethodPost {
			_, _ = io.WriteString(w, "{}")
		}
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	cfg := aws.Config{Region: "eu-west-1", BaseEndpoint: &server.URL, Credentials: aws.AnonymousCredentials{}}
	c := catalog.New(catalog.Config{
		Table: table, Bucket: bucket, DynamoDB: dynamodb.NewFromConfig(cfg),
		S3:  s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }),
		Log: slog.New(slog.DiscardHandler),
	})
	c.Connect(t.Context())
	if opened.Load() != 2 || asked.Load() != 2 {
		t.Fatalf("Connect opened %d connections for %d requests, want 2 and 2", opened.Load(), asked.Load())
	}
	if _, err := c.HandleEvent(t.Context(), []byte(notification(created("u/alice/a.txt", "01")))); err != nil {
		t.Fatal(err)
	}
	if opened.Load() != 2 || asked.Load() != 4 {
		t.Errorf("with an event there are %d connections for %d requests, want 2 and 4", opened.Load(), asked.Load())
	}
}

// TestConnectGivesUp: a container starts whatever the services do.
func TestConnectGivesUp(t *testing.T) {
	t.Parallel()
	for name, play := range map[string]transport{
		"refused": func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") },
		"silent": func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				connecting(play).Connect(t.Context())
				if took := time.Since(start); took > 2*time.Second {
					t.Errorf("Connect took %v, want at most 2s", took)
				}
			})
		})
	}
}
