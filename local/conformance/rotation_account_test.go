package conformance

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"airlock/local/iam"
)

// motoAccount is an account at moto, and an operator's clients in it.
type motoAccount struct {
	endpoint   string
	secrets    *secretsmanager.Client
	cloudFront *cloudfront.Client
}

var operatorOfMoto = iam.Credentials{AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "example"}

// openMoto is for a moto that listens there.
func openMoto(address string) motoAccount {
	endpoint := "http://" + address
	return motoAccount{endpoint, secretsClient(endpoint, operatorOfMoto), cloudFrontClient(endpoint, operatorOfMoto)}
}

func cloudFrontClient(endpoint string, c iam.Credentials) *cloudfront.Client {
	return cloudfront.New(cloudfront.Options{
		BaseEndpoint: &endpoint, Region: "us-east-1", RetryMaxAttempts: 1, HTTPClient: wholeBody{},
		Credentials: credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, c.SessionToken),
	})
}

// answerCode is the error code of an answer, "" for success, or the status of a
// page in HTML, which is moto's way to say that it does not know further.
func answerCode(err error) string {
	var api smithy.APIError
	var response interface{ HTTPStatusCode() int }
	switch {
	case err == nil:
		return ""
	case errors.As(err, &response) && response.HTTPStatusCode() == 500:
		return "500"
	case errors.As(err, &api):
		return api.ErrorCode()
	}
	return err.Error()
}

// rotationState is all that moto holds. Values are hashed: a difference is
// printed.
type rotationState struct {
	Keys     map[string]string   // public keys: name and PEM by id
	Groups   map[string][]string // name and items by id
	Versions map[string][]string // labels
	Values   map[string]string   // of versions, "" for none
}

func (s *rotationStack) state(t *testing.T) rotationState {
	t.Helper()
	now := rotationState{make(map[string]string), make(map[string][]string), make(map[string][]string), make(map[string]string)}
	for id, k := range s.publicKeys(t) {
		now.Keys[id] = *k.Name + "\n" + *k.EncodedKey
	}
	groups, err := s.cloudFront.ListKeyGroups(t.Context(), &cloudfront.ListKeyGroupsInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups.KeyGroupList.Items {
		now.Groups[*g.KeyGroup.Id] = append([]string{*g.KeyGroup.KeyGroupConfig.Name}, g.KeyGroup.KeyGroupConfig.Items...)
	}
	secret, err := s.secrets.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &s.secretARN})
	if err != nil {
		t.Fatal(err)
	}
	for id, labels := range secret.VersionIdsToStages {
		now.Versions[id] = sorted(labels)
		value, err := s.secrets.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &s.secretARN, VersionId: &id})
		switch {
		case answerCode(err) == notFound:
			now.Values[id] = ""
		case err != nil:
			t.Fatal(err)
		default:
			now.Values[id] = fmt.Sprintf("%x", sha256.Sum256([]byte(*value.SecretString)))
		}
	}
	return now
}

func (s *rotationStack) publicKeys(t *testing.T) map[string]types.PublicKeySummary {
	t.Helper()
	out, err := s.cloudFront.ListPublicKeys(t.Context(), &cloudfront.ListPublicKeysInput{})
	if err != nil {
		t.Fatal(err)
	}
	keys := make(map[string]types.PublicKeySummary)
	for _, k := range out.PublicKeyList.Items {
		keys[*k.Id] = k
	}
	return keys
}

// group is the stack's key group: its id and items.
func (s *rotationStack) group(t *testing.T) (id string, items []string) {
	t.Helper()
	for found, group := range s.state(t).Groups {
		if group[0] != s.prefix {
			continue
		}
		if id != "" {
			t.Fatalf("two key groups are called %s", s.prefix)
		}
		id, items = found, group[1:]
	}
	return id, items
}

// setGroup is an operator who changes the key group.
func (s *rotationStack) setGroup(t *testing.T, items ...string) {
	t.Helper()
	id, _ := s.group(t)
	got, err := s.cloudFront.GetKeyGroup(t.Context(), &cloudfront.GetKeyGroupInput{Id: &id})
	if err == nil {
		_, err = s.cloudFront.UpdateKeyGroup(t.Context(), &cloudfront.UpdateKeyGroupInput{
			Id: &id, IfMatch: got.ETag, KeyGroupConfig: &types.KeyGroupConfig{Name: &s.prefix, Items: items},
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// signingKeys is the secret's document as the function writes it. It is never
// printed.
type signingKeys struct {
	KeyPairID  string       `json:"keyPairId"`
	PrivateKey string       `json:"privateKey"`
	Next       *nextKey     `json:"next,omitempty"`
	Retired    []retiredKey `json:"retired,omitempty"`
}

type nextKey struct {
	KeyPairID  string    `json:"keyPairId"`
	PrivateKey string    `json:"privateKey"`
	Published  time.Time `json:"published"`
}

type retiredKey struct {
	KeyPairID string    `json:"keyPairId"`
	Until     time.Time `json:"until"`
}

// retired are the ids of the keys that sign nothing any more.
func (k signingKeys) retired() (ids []string) {
	for _, r := range k.Retired {
		ids = append(ids, r.KeyPairID)
	}
	return ids
}

// signingKeys reads the version that has a label.
func (s *rotationStack) signingKeys(t *testing.T, label string) (k signingKeys, version string) {
	t.Helper()
	out, err := s.secrets.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &s.secretARN, VersionStage: &label})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(*out.SecretString), &k); err != nil || k.Next == nil {
		t.Fatalf("the version %s of the secret is no document with a next key", label)
	}
	s.keep(k.PrivateKey)
	s.keep(k.Next.PrivateKey)
	return k, *out.VersionId
}

// store is an operator who edits the current document. moto goes wrong where
// AWSCURRENT comes with the value (motoRotationFaults), so it follows.
func (s *rotationStack) store(t *testing.T, edit func(*signingKeys)) {
	t.Helper()
	k, current := s.signingKeys(t, "AWSCURRENT")
	edit(&k)
	text, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.secrets.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{
		SecretId: &s.secretARN, SecretString: aws.String(string(text)), VersionStages: []string{"OPERATOR"},
	})
	if err == nil {
		_, err = s.secrets.UpdateSecretVersionStage(t.Context(), &secretsmanager.UpdateSecretVersionStageInput{
			SecretId: &s.secretARN, VersionStage: aws.String("AWSCURRENT"), RemoveFromVersionId: &current, MoveToVersionId: out.VersionId,
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}
