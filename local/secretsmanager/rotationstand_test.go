package secretsmanager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"go.etcd.io/bbolt"

	"airlock/local/iam"
)

const functionARN = "arn:aws:lambda:eu-central-1:123456789012:function:RotateFunction"

// errIdle as a fault lets the function do nothing and report success.
var errIdle = errors.New("idle")

// rotationStand is a service whose rotation function is written as AWS's
// templates for one are, over the SDK's client. It uses no socket, so that it
// can live in virtual time.
type rotationStand struct {
	*Service
	db     *bbolt.DB
	iam    *iam.Directory
	client *sdk.Client
	began  time.Time
	stop   func()

	mu sync.Mutex
	// steps are those made, as "createSecret aaaa 1m0s".
	steps []string
	// fault is asked before and after each step; nil: no faults.
	fault func(step string, done bool) error
}

func newRotationStand(t *testing.T) *rotationStand {
	t.Helper()
	s := &rotationStand{db: openDB(t, filepath.Join(t.TempDir(), "db")), iam: iam.NewDirectory(), began: time.Now()}
	operator := s.iam.Issue(&iam.Principal{Name: "operator", ARN: "arn:aws:iam::123456789012:user/operator", Operator: true}, 10*365*day)
	s.client = sdk.New(sdk.Options{
		BaseEndpoint:     aws.String("http://secretsmanager.test"),
		Region:           testRegion,
		Credentials:      credentials.NewStaticCredentialsProvider(operator.AccessKeyID, operator.SecretAccessKey, operator.SessionToken),
		HTTPClient:       &http.Client{Transport: s},
		RetryMaxAttempts: 1,
	})
	s.start(t)
	t.Cleanup(func() {
		s.stop()
		if err := s.db.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// RoundTrip lets the SDK's client call the handler.
func (s *rotationStand) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result(), nil
}

// start begins a process over the database; stop ends it.
func (s *rotationStand) start(t *testing.T) {
	t.Helper()
	var err error
	s.Service, err = New(Config{DB: s.db, IAM: s.iam, Region: testRegion, AccountID: "123456789012", Secrets: testSecrets(), Invoke: s.function})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	s.stop = func() {
		cancel()
		running.Wait()
	}
}

// function is the rotation function.
func (s *rotationStand) function(ctx context.Context, arn string, payload []byte) error {
	var e rotationEvent
	if err := json.Unmarshal(payload, &e); err != nil || arn != functionARN || e.RotationToken == "" {
		return fmt.Errorf("invoking %s with %s: %w", arn, payload, err)
	}
	s.mu.Lock()
	s.steps = append(s.steps, fmt.Sprintf("%s %.4s %v", e.Step, e.ClientRequestToken, time.Since(s.began)))
	fault := s.fault
	s.mu.Unlock()
	if fault == nil {
		fault = func(string, bool) error { return nil }
	}
	if err := fault(e.Step, false); errors.Is(err, errIdle) {
		return nil
	} else if err != nil {
		return err
	}
	if err := s.step(ctx, e); err != nil {
		return err
	}
	return fault(e.Step, true)
}

func (s *rotationStand) step(ctx context.Context, e rotationEvent) error {
	described, err := s.client.DescribeSecret(ctx, &sdk.DescribeSecretInput{SecretId: &e.SecretID})
	if err != nil {
		return err
	}
	stages := described.VersionIdsToStages[e.ClientRequestToken]
	if slices.Contains(stages, stageCurrent) {
		return nil
	}
	if !slices.Contains(stages, stagePending) {
		return errors.New("the version is not set as AWSPENDING")
	}
	switch e.Step {
	case "createSecret":
		_, err := s.client.GetSecretValue(ctx, &sdk.GetSecretValueInput{SecretId: &e.SecretID, VersionId: &e.ClientRequestToken, VersionStage: aws.String(stagePending)})
		var none *types.ResourceNotFoundException
		if !errors.As(err, &none) {
			return err
		}
		_, err = s.client.PutSecretValue(ctx, &sdk.PutSecretValueInput{
			SecretId: &e.SecretID, ClientRequestToken: &e.ClientRequestToken,
			SecretString: aws.String("value of " + e.ClientRequestToken), VersionStages: []string{stagePending},
		})
		return err
	case "finishSecret":
		in := &sdk.UpdateSecretVersionStageInput{SecretId: &e.SecretID, VersionStage: aws.String(stageCurrent), MoveToVersionId: &e.ClientRequestToken}
		for id, stages := range described.VersionIdsToStages {
			if slices.Contains(stages, stageCurrent) {
				in.RemoveFromVersionId = &id
			}
		}
		_, err := s.client.UpdateSecretVersionStage(ctx, in)
		return err
	default:
		return nil
	}
}

// taken gives the steps made since it was last called.
func (s *rotationStand) taken() string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	steps := strings.Join(s.steps, "; ")
	s.steps = nil
	return steps
}

func (s *rotationStand) failWith(fault func(step string, done bool) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// failing fails the next n times a step is made, before it or when it is done.
func failing(n int, step string, done bool) func(string, bool) error {
	return func(s string, d bool) error {
		if s == step && d == done && n > 0 {
			n--
			return errors.New("as the test wants it")
		}
		return nil
	}
}

// four is what a rotation begun at an instant makes.
func four(version string, at time.Duration) string {
	return fmt.Sprintf("createSecret %[1]s %[2]v; setSecret %[1]s %[2]v; testSecret %[1]s %[2]v; finishSecret %[1]s %[2]v", version, at)
}

func (s *rotationStand) describe(t *testing.T) *sdk.DescribeSecretOutput {
	t.Helper()
	out, err := s.client.DescribeSecret(t.Context(), &sdk.DescribeSecretInput{SecretId: aws.String(keyName)})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// labels draws them as the other tests do, by the first letter of each version.
func (s *rotationStand) labels(t *testing.T) string {
	t.Helper()
	r, err := s.read(keyName)
	if err != nil {
		t.Fatal(err)
	}
	short := &record{Versions: make(map[string]*version)}
	for id, v := range r.Versions {
		short.Versions[id[:1]] = v
	}
	return labels(short)
}

// clearPending takes AWSPENDING from a version, as an operator does.
func (s *rotationStand) clearPending(t *testing.T, versionID string) {
	t.Helper()
	_, err := s.client.UpdateSecretVersionStage(t.Context(), &sdk.UpdateSecretVersionStageInput{
		SecretId: aws.String(keyName), VersionStage: aws.String(stagePending), RemoveFromVersionId: &versionID,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// rotateNow asks for a rotation, configured for every ninety days.
func (s *rotationStand) rotateNow(t *testing.T, token string, change func(*sdk.RotateSecretInput)) error {
	t.Helper()
	in := &sdk.RotateSecretInput{
		SecretId: aws.String(keyName), ClientRequestToken: &token, RotationLambdaARN: aws.String(functionARN),
		RotationRules: &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(90)},
	}
	if change != nil {
		change(in)
	}
	out, err := s.client.RotateSecret(t.Context(), in)
	if err == nil && (*out.ARN != keyARN || *out.Name != keyName || *out.VersionId != token) {
		t.Errorf("RotateSecret = %s, %s, %s", *out.ARN, *out.Name, *out.VersionId)
	}
	return err
}
