package secretsmanager

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"go.etcd.io/bbolt"

	"airlock/local/iam"
	"airlock/local/template"
)

const (
	testRegion = "eu-central-1"
	keyARN     = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:airlock/key-a1B2c3"
	partialARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:airlock/key"
	keyName    = "airlock/key"
	seededName = "airlock/seeded"
	hidden     = "hidden-value" // must never be seen in an error or a log

	tokenA = "aaaaaaaa-0000-4000-8000-000000000000"
	tokenB = "bbbbbbbb-0000-4000-8000-000000000000"
	tokenC = "cccccccc-0000-4000-8000-000000000000"
)

func testSecrets() []template.Secret {
	return []template.Secret{
		{
			LogicalID: "Seeded", Name: seededName, Value: "from the template",
			ARN: "arn:aws:secretsmanager:eu-central-1:123456789012:secret:airlock/seeded-x9Y8z7",
		},
		{LogicalID: "SigningKeySecret", Name: keyName, ARN: keyARN, Description: "a key pair"},
	}
}

// stand is a service with its endpoint and the operator's client.
type stand struct {
	service  *Service
	db       *bbolt.DB
	iam      *iam.Directory
	url      string
	operator iam.Credentials
}

func openDB(t *testing.T, path string) *bbolt.DB {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func newStand(t *testing.T) *stand {
	t.Helper()
	db := openDB(t, filepath.Join(t.TempDir(), "db"))
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &stand{db: db, iam: iam.NewDirectory()}
	var err error
	s.service, err = New(Config{DB: db, IAM: s.iam, Region: testRegion, AccountID: "123456789012", Secrets: testSecrets()})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.service)
	t.Cleanup(server.Close)
	s.url = server.URL
	s.operator = s.iam.Issue(&iam.Principal{Name: "operator", ARN: "arn:aws:iam::123456789012:user/operator", Operator: true}, time.Hour)
	return s
}

func (s *stand) client(c iam.Credentials) *sdk.Client {
	return sdk.New(sdk.Options{
		BaseEndpoint:     aws.String(s.url),
		Region:           testRegion,
		Credentials:      credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, c.SessionToken),
		RetryMaxAttempts: 1,
	})
}

// role issues credentials whose policy is the given one.
func (s *stand) role(t *testing.T, action, resource string) iam.Credentials {
	t.Helper()
	policy, err := iam.ParsePolicy(map[string]any{
		"Version":   "2012-10-17",
		"Statement": map[string]any{"Effect": "Allow", "Action": action, "Resource": resource},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s.iam.Issue(&iam.Principal{
		Name: "SignFunction", ARN: "arn:aws:iam::123456789012:role/sign", Policies: []iam.Policy{policy},
	}, time.Hour)
}

// send is a request as no SDK would make it.
func (s *stand) send(t *testing.T, operation, body string, change func(*http.Request)) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("X-Amz-Target", "secretsmanager."+operation)
	if change != nil {
		change(r)
	}
	err = v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{
		AccessKeyID: s.operator.AccessKeyID, SecretAccessKey: s.operator.SecretAccessKey, SessionToken: s.operator.SessionToken,
	}, r, sha256Hex(body), serviceName, testRegion, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	read, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
	if response.Header.Get("X-Amzn-Requestid") == "" || response.Header.Get("Content-Type") != contentType {
		t.Errorf("%s answers with the header %v", operation, response.Header)
	}
	return response.StatusCode, strings.TrimSuffix(string(read), "\n")
}

func sha256Hex(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
