package secretsmanager

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"go.etcd.io/bbolt"
)

func TestProtocol(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	long := strings.Repeat("x", maxValueBytes+1)
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	tests := []struct {
		name, operation, body string
		change                func(*http.Request)
		status                int
		want                  string
	}{
		{"unknown operation", "CreateSecret", `{}`, nil, 400, `{"__type":"UnknownOperationException"}`},
		{"rotation without a token", "RotateSecret", `{"SecretId":"airlock/key"}`, nil, 400, `{"__type":"InvalidRequestException","Message":"You must provide a ClientRequestToken value. We recommend a UUID-type value."}`},
		{"a rotation rule in another case", "RotateSecret", `{"SecretId":"airlock/key","RotationRules":{"automaticallyAfterDays":1}}`, nil, 400, `{"__type":"InvalidParameterException","Message":"The parameter automaticallyAfterDays is not supported."}`},
		{"a rotation rule of another type", "RotateSecret", `{"SecretId":"airlock/key","RotationRules":{"AutomaticallyAfterDays":"1"}}`, nil, 400, `{"__type":"SerializationException","Message":"The parameter AutomaticallyAfterDays is of another type."}`},
		{"rotation rules that are none", "RotateSecret", `{"SecretId":"airlock/key","RotationRules":[]}`, nil, 400, `{"__type":"SerializationException","Message":"The body is not a JSON object in UTF-8."}`},
		{"rotation by a partner", "RotateSecret", `{"SecretId":"airlock/key","ExternalSecretRotationRoleArn":"arn"}`, nil, 400, `{"__type":"InvalidParameterException","Message":"The parameter ExternalSecretRotationRoleArn is not supported."}`},
		{"rotation where no function is", "RotateSecret", `{"SecretId":"airlock/key","ClientRequestToken":"` + tokenA + `"}`, nil, 400, `{"__type":"AccessDeniedException","Message":"Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com."}`},
		{"another service's target", "", `{}`, header("X-Amz-Target", "DynamoDB_20120810.GetItem"), 400, `{"__type":"UnknownOperationException"}`},
		{"another method", "GetSecretValue", `{}`, func(r *http.Request) { r.Method = http.MethodPut }, 404, `{"__type":"UnknownOperationException"}`},
		{"another path", "GetSecretValue", `{}`, func(r *http.Request) { r.URL.Path = "/x" }, 404, `{"__type":"UnknownOperationException"}`},
		{"another type", "GetSecretValue", `{}`, header("Content-Type", "application/json"), 404, `{"__type":"UnknownOperationException"}`},
		{"too large", "GetSecretValue", strings.Repeat(" ", maxRequestBytes+1), nil, 413, `{"__type":"RequestEntityTooLargeException"}`},
		{"not JSON", "GetSecretValue", `{"SecretId":`, nil, 400, `{"__type":"SerializationException","Message":"The body is not a JSON object in UTF-8."}`},
		{"trailing data", "GetSecretValue", `{} {}`, nil, 400, `{"__type":"SerializationException","Message":"The body is not a JSON object in UTF-8."}`},
		{"empty", "GetSecretValue", ``, nil, 400, `{"__type":"SerializationException","Message":"The body is not a JSON object in UTF-8."}`},
		{"null", "GetSecretValue", `null`, nil, 400, `{"__type":"SerializationException","Message":"The body is not a JSON object in UTF-8."}`},
		{"bad UTF-8", "GetSecretValue", "{\"SecretId\":\"\xff\"}", nil, 400, `{"__type":"SerializationException","Message":"The body is not a JSON object in UTF-8."}`},
		{"another JSON type", "PutSecretValue", `{"SecretId":"airlock/key","SecretString":8675309}`, nil, 400, `{"__type":"SerializationException","Message":"The parameter SecretString is of another type."}`},
		{"no base64", "PutSecretValue", `{"SecretId":"airlock/key","SecretBinary":"hidden-value"}`, nil, 400, `{"__type":"SerializationException","Message":"A parameter can't be read."}`},
		{"unknown member", "GetSecretValue", `{"SecretId":"x","More":1}`, nil, 400, `{"__type":"InvalidParameterException","Message":"The parameter More is not supported."}`},
		{"member in another case", "GetSecretValue", `{"secretId":"x"}`, nil, 400, `{"__type":"InvalidParameterException","Message":"The parameter secretId is not supported."}`},
		{"member not supported", "PutSecretValue", `{"SecretId":"x","RotationToken":"hidden-value"}`, nil, 400, `{"__type":"InvalidParameterException","Message":"The parameter RotationToken is not supported."}`},
		{"no secret id", "GetSecretValue", `{}`, nil, 400, `{"__type":"ValidationException","Message":"1 validation error detected: Value null at 'secretId' failed to satisfy constraint: Member must not be null"}`},
		{"two problems", "GetSecretValue", `{"SecretId":"","VersionId":"x"}`, nil, 400, `{"__type":"ValidationException","Message":"2 validation errors detected: Value '' at 'secretId' failed to satisfy constraint: Member must have length greater than or equal to 1; Value 'x' at 'versionId' failed to satisfy constraint: Member must have length greater than or equal to 32"}`},
		{"value too long", "PutSecretValue", `{"SecretId":"airlock/key","SecretString":"` + long + `"}`, nil, 400, `{"__type":"ValidationException","Message":"1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have length less than or equal to 65536"}`},
		{"empty value", "PutSecretValue", `{"SecretId":"airlock/key","SecretString":""}`, nil, 400, `{"__type":"ValidationException","Message":"1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have length greater than or equal to 1"}`},
		{"no labels", "PutSecretValue", `{"SecretId":"airlock/key","SecretString":"x","VersionStages":[]}`, nil, 400, `{"__type":"ValidationException","Message":"1 validation error detected: Value at 'versionStages' failed to satisfy constraint: Member must have length greater than or equal to 1"}`},
		{"no token", "PutSecretValue", `{"SecretId":"airlock/key","SecretString":"x"}`, nil, 400, `{"__type":"InvalidRequestException","Message":"You must provide a ClientRequestToken value. We recommend a UUID-type value."}`},
		{"short token", "PutSecretValue", `{"SecretId":"airlock/key","SecretString":"x","ClientRequestToken":"x"}`, nil, 400, `{"__type":"InvalidParameterException","Message":"ClientRequestToken must be 32-64 characters long."}`},
		{"no value", "PutSecretValue", `{"SecretId":"airlock/key","ClientRequestToken":"` + tokenA + `"}`, nil, 400, `{"__type":"InvalidRequestException","Message":"You must provide either SecretString or SecretBinary."}`},
		{"two values", "PutSecretValue", `{"SecretId":"airlock/key","ClientRequestToken":"` + tokenA + `","SecretString":"hidden-value","SecretBinary":"AAAA"}`, nil, 400, `{"__type":"InvalidParameterException","Message":"You can't specify both a binary secret value and a string secret value in the same secret."}`},
		{"no label", "UpdateSecretVersionStage", `{"SecretId":"airlock/key"}`, nil, 400, `{"__type":"ValidationException","Message":"1 validation error detected: Value null at 'versionStage' failed to satisfy constraint: Member must not be null"}`},
		{"page too large", "ListSecrets", `{"MaxResults":101}`, nil, 400, `{"__type":"ValidationException","Message":"1 validation error detected: Value '101' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 100"}`},
		{"page of nothing", "ListSecretVersionIds", `{"SecretId":"x","MaxResults":0}`, nil, 400, `{"__type":"ValidationException","Message":"1 validation error detected: Value '0' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 1"}`},
		{"filters", "ListSecrets", `{"Filters":[{"Key":"name","Values":["a"]}]}`, nil, 400, `{"__type":"InvalidParameterException","Message":"The parameter Filters is not supported."}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			status, answer := s.send(t, test.operation, test.body, test.change)
			if status != test.status || answer != test.want {
				t.Errorf("%s %.80s = %d %s, want %d %s", test.operation, test.body, status, answer, test.status, test.want)
			}
		})
	}
}

// The numbers, names and omissions on the wire, as SDKs can't show them.
func TestWire(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	err := s.db.Update(func(tx *bbolt.Tx) error {
		at := time.UnixMilli(1700000000123)
		return save(tx, keyName, &record{Created: at, Changed: at, Versions: map[string]*version{
			tokenA: {Created: at, Stages: []string{stageCurrent}, String: aws.String("<&>")},
		}})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ operation, body, want string }{
		{"DescribeSecret", `{"SecretId":"airlock/key"}`, `{"ARN":"` + keyARN + `","Name":"airlock/key","Description":"a key pair","CreatedDate":1700000000.123,"LastChangedDate":1700000000.123,"VersionIdsToStages":{"` + tokenA + `":["AWSCURRENT"]}}`},
		{"ListSecretVersionIds", `{"SecretId":"airlock/key"}`, `{"ARN":"` + keyARN + `","Name":"airlock/key","Versions":[{"VersionId":"` + tokenA + `","VersionStages":["AWSCURRENT"],"CreatedDate":1700000000.123,"KmsKeyIds":["DefaultEncryptionKey"]}]}`},
		{"GetSecretValue", `{"SecretId":"airlock/key"}`, `{"ARN":"` + keyARN + `","Name":"airlock/key","VersionId":"` + tokenA + `","SecretString":"<&>","VersionStages":["AWSCURRENT"],"CreatedDate":1700000000.123}`},
	} {
		if status, answer := s.send(t, test.operation, test.body, nil); status != http.StatusOK || answer != test.want {
			t.Errorf("%s = %d %s, want 200 %s", test.operation, status, answer, test.want)
		}
	}
}

// A record that can't be read is the service's fault and says nothing of itself.
func TestDamaged(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	err := s.db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucketName)).Put([]byte(keyName), []byte(`{"Versions":"`+hidden+`"}`))
	})
	if err != nil {
		t.Fatal(err)
	}
	status, answer := s.send(t, "GetSecretValue", `{"SecretId":"airlock/key"}`, nil)
	if want := `{"__type":"InternalServiceError","Message":"An error occurred on the server side."}`; status != 500 || answer != want {
		t.Errorf("GetSecretValue = %d %s, want 500 %s", status, answer, want)
	}
	if _, err := s.service.read(keyName); err == nil || strings.Contains(err.Error(), hidden) {
		t.Errorf("read = %v, want an error without the value", err)
	}
	if _, err := s.service.Put(keyName, "x"); err == nil {
		t.Error("Put wrote over a damaged record")
	}
}
