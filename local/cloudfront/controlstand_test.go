package cloudfront

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"go.etcd.io/bbolt"

	"airlock/local/iam"
)

// controlStand is a control plane over a database that a test may reopen, and
// what answers the SDK's client.
type controlStand struct {
	*Control
	iam      *iam.Directory
	operator iam.Credentials
	config   ControlConfig
	path     string
}

func newControlStand(t *testing.T, delay time.Duration) *controlStand {
	t.Helper()
	s := &controlStand{iam: iam.NewDirectory(), path: filepath.Join(t.TempDir(), "db")}
	s.operator = s.iam.Issue(&iam.Principal{Name: "operator", ARN: "arn:aws:iam::123456789012:user/operator", Operator: true}, 24*time.Hour)
	s.config = ControlConfig{IAM: s.iam, Region: "eu-west-1", PropagationDelay: delay}
	s.open(t)
	t.Cleanup(func() {
		if err := s.config.DB.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *controlStand) open(t *testing.T) {
	t.Helper()
	var err error
	if s.config.DB, err = bbolt.Open(s.path, 0o600, &bbolt.Options{NoSync: true}); err != nil {
		t.Fatal(err)
	}
	if s.Control, err = NewControl(s.config); err != nil {
		t.Fatal(err)
	}
}

// served is the client of who over a socket.
func (s *controlStand) served(t *testing.T, who iam.Credentials) *sdk.Client {
	t.Helper()
	server := httptest.NewServer(s.Control)
	t.Cleanup(server.Close)
	return controlClient(server.URL, who, http.DefaultClient)
}

// direct is the operator's client without a socket, for virtual time.
func (s *controlStand) direct() *sdk.Client {
	return controlClient("http://cloudfront.test", s.operator, &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.Body == nil {
			r.Body = http.NoBody // as a server has it
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Result(), nil
	})})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func controlClient(url string, who iam.Credentials, over *http.Client) *sdk.Client {
	return sdk.New(sdk.Options{
		BaseEndpoint:     aws.String(url),
		Region:           controlRegion,
		Credentials:      credentials.NewStaticCredentialsProvider(who.AccessKeyID, who.SecretAccessKey, who.SessionToken),
		HTTPClient:       over,
		RetryMaxAttempts: 1,
	})
}

func publicKeyInput(tb testing.TB, name, keyID string) *sdk.CreatePublicKeyInput {
	tb.Helper()
	return &sdk.CreatePublicKeyInput{PublicKeyConfig: &types.PublicKeyConfig{
		Name: aws.String(name), CallerReference: aws.String("reference of " + name), EncodedKey: aws.String(string(publicKey(tb, keyID).PEM)),
	}}
}

// mustCreateKey gives the new key's id.
func mustCreateKey(t *testing.T, client *sdk.Client, name, keyID string) string {
	t.Helper()
	out, err := client.CreatePublicKey(t.Context(), publicKeyInput(t, name, keyID))
	if err != nil {
		t.Fatalf("CreatePublicKey(%s) = %v", name, err)
	}
	return *out.PublicKey.Id
}

func groupConfig(name string, publicKeyIDs ...string) *types.KeyGroupConfig {
	return &types.KeyGroupConfig{Name: aws.String(name), Items: publicKeyIDs}
}

// mustCreateGroup gives the new group's id and version.
func mustCreateGroup(t *testing.T, client *sdk.Client, name string, publicKeyIDs ...string) (id, etag string) {
	t.Helper()
	out, err := client.CreateKeyGroup(t.Context(), &sdk.CreateKeyGroupInput{KeyGroupConfig: groupConfig(name, publicKeyIDs...)})
	if err != nil {
		t.Fatalf("CreateKeyGroup(%s) = %v", name, err)
	}
	return *out.KeyGroup.Id, *out.ETag
}

// wantRefusal checks what the SDK made of a refusal.
func wantRefusal(t *testing.T, err error, status int, code, message string) {
	t.Helper()
	var api smithy.APIError
	var response *smithyhttp.ResponseError
	if !errors.As(err, &api) || !errors.As(err, &response) || api.ErrorCode() != code ||
		response.HTTPStatusCode() != status || !strings.Contains(api.ErrorMessage(), message) {
		t.Errorf("error = %v, want %d %s: … %s", err, status, code, message)
	}
}

// dump is all that is stored.
func dump(t *testing.T, s *controlStand) string {
	t.Helper()
	var all strings.Builder
	err := s.config.DB.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
			return b.ForEach(func(id, record []byte) error {
				_, err := fmt.Fprintf(&all, "%s %s\n", id, record)
				return err
			})
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// damage spoils the record of a key group.
func damage(t *testing.T, s *controlStand, id string) {
	t.Helper()
	err := s.config.DB.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(keyGroupsBucket)).Put([]byte(id), []byte(`{"Views":7}`))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func sha256Hex(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }
