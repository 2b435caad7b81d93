package conformance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"airlock/local/stack"
)

const rotateFunction = "RotateFunction"

// playRotation lets the function that made the keys when the stack started do the
// rest of what it can: change the key, clear up, and make way for the stack's
// end. It leaves nothing to sign with.
func playRotation(t *testing.T, s *stack.Stack, p *tap) {
	t.Helper()
	var prefix string
	for _, f := range s.Template.Functions {
		if f.LogicalID == rotateFunction {
			prefix = f.Environment["KEY_NAME_PREFIX"]
		}
	}
	leaveKey(t, s, prefix)
	ripen(t, s)
	secrets := secretsmanager.NewFromConfig(s.AWS(s.Endpoints.SecretsManager))
	until(t, func() string { // a rotation of the start may still be under way
		if _, err := secrets.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{SecretId: &s.Endpoints.Secret}); err != nil {
			return err.Error()
		}
		return ""
	})
	p.await(t, "PUT /2020-05-31/key-group/")
	p.await(t, "DELETE /2020-05-31/public-key/")
	p.await(t, "secretsmanager.UpdateSecretVersionStage")

	result, err := s.Lambda.Invoke(t.Context(), rotateFunction, []byte(`{"action":"retire"}`))
	if err != nil || result.FunctionError != "" {
		t.Fatalf("retire = %s %s, %v, want no error", result.FunctionError, result.Payload, err)
	}

	// CloudFormation deletes the distribution first; here the function is refused
	// the group, and would try again until its time is over.
	var ending sync.WaitGroup
	t.Cleanup(ending.Wait)
	cloudFormation := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(cloudFormation.Close)
	end, err := json.Marshal(map[string]any{
		"RequestType": "Delete", "ResponseURL": cloudFormation.URL, "StackId": "stack", "RequestId": "end",
		"LogicalResourceId": "SigningKey", "PhysicalResourceId": prefix, "ResourceProperties": map[string]any{},
	})
	if err != nil {
		t.Fatal(err)
	}
	ending.Go(func() { _, _ = s.Lambda.Invoke(t.Context(), rotateFunction, end) })
	p.await(t, "DELETE /2020-05-31/key-group/")
}

// leaveKey leaves CloudFront a public key as a rotation does that dies before it
// has stored the private one.
func leaveKey(t *testing.T, s *stack.Stack, prefix string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	_, err = cloudfront.NewFromConfig(s.AWS(s.Endpoints.CloudFront)).CreatePublicKey(t.Context(), &cloudfront.CreatePublicKeyInput{
		PublicKeyConfig: &types.PublicKeyConfig{
			Name: aws.String(prefix + "_" + rand.Text() + rand.Text()), CallerReference: aws.String(rand.Text()),
			EncodedKey: aws.String(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// ripen makes the next key old enough to be at every edge.
func ripen(t *testing.T, s *stack.Stack) {
	t.Helper()
	secrets := secretsmanager.NewFromConfig(s.AWS(s.Endpoints.SecretsManager))
	secret, err := secrets.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &s.Endpoints.Secret})
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal([]byte(*secret.SecretString), &document); err != nil {
		t.Fatal(err)
	}
	next, ok := document["next"].(map[string]any)
	if !ok {
		t.Fatal("the secret has no next key")
	}
	next["published"] = time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	if err := stack.StoreSigningKey(t.Context(), secrets, s.Endpoints.Secret, string(text)); err != nil {
		t.Fatal(err)
	}
}
