package stack

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.etcd.io/bbolt"

	"airlock/local/iam"
)

const (
	endpointsFile = "endpoints.json"
	awsFile       = "aws.env"
	samFile       = "env.json"
)

// Endpoints is where a running stack is, as endpoints.json tells it.
type Endpoints struct {
	API            string `json:"api"`
	CDN            string `json:"cdn"`
	S3             string `json:"s3"`
	Lambda         string `json:"lambda"`
	DynamoDB       string `json:"dynamodb"`
	SecretsManager string `json:"secretsmanager"`
	CloudFront     string `json:"cloudfront"`
	Issuer         string `json:"issuer"`
	Token          string `json:"token"`
	Region         string `json:"region"`
	Bucket         string `json:"bucket"`
	Table          string `json:"table"`
	Secret         string `json:"secret"`
	DistributionID string `json:"distributionId"`
}

func (s *Stack) locate(p *ports) Endpoints {
	return Endpoints{
		API: p.url(portAPI), CDN: p.url(portCDN), S3: p.url(portS3), Lambda: p.url(portLambda),
		DynamoDB: p.url(portDynamoDB), SecretsManager: p.url(portSecretsManager), CloudFront: p.url(portCloudFront),
		Issuer: p.url(portIssuer), Token: p.url(portIssuer) + "/token",
		Region: Region, Bucket: s.Template.Buckets[0].Name, Table: s.Template.Tables[0].Name,
		Secret: s.Template.Secrets[0].ARN, DistributionID: s.Template.Distributions[0].ID,
	}
}

// sdkVariables send AWS's SDKs and its command line to the stack.
func (e Endpoints) sdkVariables() map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL_S3":              e.S3,
		"AWS_ENDPOINT_URL_DYNAMODB":        e.DynamoDB,
		"AWS_ENDPOINT_URL_SECRETS_MANAGER": e.SecretsManager,
		"AWS_ENDPOINT_URL_CLOUDFRONT":      e.CloudFront,
	}
}

// writeEndpoints tells where the stack is, once it is ready: endpoints.json last,
// since whoever sees it may rely on the others. env.json is for `sam local
// invoke`: every function's variables, as they are here.
func (s *Stack) writeEndpoints() error {
	variables := s.Endpoints.sdkVariables()
	variables["AWS_ENDPOINT_URL_LAMBDA"] = s.Endpoints.Lambda
	variables["AWS_ACCESS_KEY_ID"] = s.Operator.AccessKeyID
	variables["AWS_SECRET_ACCESS_KEY"] = s.Operator.SecretAccessKey
	variables["AWS_REGION"] = Region
	variables["AWS_DEFAULT_REGION"] = Region
	var env strings.Builder
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		fmt.Fprintf(&env, "%s=%s\n", name, variables[name])
	}
	endpoints, err := json.MarshalIndent(s.Endpoints, "", "  ")
	if err != nil {
		return err
	}
	environments := map[string]map[string]string{}
	for _, f := range s.Template.Functions {
		environments[f.LogicalID] = maps.Clone(f.Environment)
		maps.Copy(environments[f.LogicalID], s.localEnvironment(f))
	}
	sam, err := json.MarshalIndent(environments, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(
		writeFile(filepath.Join(s.options.Data, samFile), append(sam, '\n')),
		writeFile(filepath.Join(s.options.Data, awsFile), []byte(env.String())),
		writeFile(filepath.Join(s.options.Data, endpointsFile), append(endpoints, '\n')),
	)
}

// removeEndpoints takes back what writeEndpoints told, if anything.
func (s *Stack) removeEndpoints() error {
	err := os.Remove(filepath.Join(s.options.Data, endpointsFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// writeFile replaces a file in one step.
func writeFile(path string, content []byte) error {
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// operator returns the long-term credentials of the data folder, made at its
// first start, so that aws.env stays good across restarts.
func (s *Stack) operator() (iam.Credentials, error) {
	var c iam.Credentials
	err := s.db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte("stack/operator"))
		if err != nil {
			return err
		}
		if v := b.Get([]byte("credentials")); v != nil {
			return json.Unmarshal(v, &c)
		}
		c = newAccessKey()
		v, err := json.Marshal(c)
		if err != nil {
			return err
		}
		return b.Put([]byte("credentials"), v)
	})
	if err != nil {
		return c, fmt.Errorf("reading the operator's credentials: %w", err)
	}
	s.iam.Add(&iam.Principal{
		Name: "operator", ARN: "arn:aws:iam::" + AccountID + ":user/operator", Operator: true,
	}, c)
	return c, nil
}

// newAccessKey makes a long-term access key of the length AWS's have.
func newAccessKey() iam.Credentials {
	return iam.Credentials{
		AccessKeyID:     "AKIA" + rand.Text()[:16],
		SecretAccessKey: (rand.Text() + rand.Text())[:40],
	}
}
