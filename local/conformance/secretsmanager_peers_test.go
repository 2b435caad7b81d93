package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"airlock/local/iam"
	"airlock/local/secretsmanager"
	"airlock/local/template"
)

// secretsPeer is one of the two: the client that reaches it, and the ARNs its
// secrets have there.
type secretsPeer struct {
	client *sdk.Client
	arns   map[string]string // by name
}

func secretsClient(endpoint string, c iam.Credentials) *sdk.Client {
	return sdk.New(sdk.Options{
		BaseEndpoint: aws.String(endpoint), Region: "eu-central-1", RetryMaxAttempts: 1, HTTPClient: wholeBody{},
		Credentials: credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, c.SessionToken),
	})
}

// embeddedSecrets serves secrets without a value, as a template without one
// makes them.
func embeddedSecrets(t *testing.T, names []string) secretsPeer {
	t.Helper()
	peer := secretsPeer{arns: make(map[string]string)}
	c := secretsmanager.Config{DB: openDatabase(t), IAM: iam.NewDirectory(), Region: "eu-central-1", AccountID: "123456789012"}
	for i, name := range names {
		peer.arns[name] = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:" + name + "-a1B2c3"
		c.Secrets = append(c.Secrets, template.Secret{LogicalID: fmt.Sprint("Secret", i), Name: name, ARN: peer.arns[name]})
	}
	service, err := secretsmanager.New(c)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(service)
	t.Cleanup(server.Close)
	operator := c.IAM.Issue(&iam.Principal{Name: "operator", ARN: "arn:aws:iam::123456789012:user/operator", Operator: true}, time.Hour)
	peer.client = secretsClient(server.URL, operator)
	return peer
}

func motoSecrets(t *testing.T, names []string) secretsPeer {
	t.Helper()
	endpoint := "http://" + serve(t, "python3", "-m", "moto.server", "-H", "127.0.0.1", "-p")
	peer := secretsPeer{secretsClient(endpoint, iam.Credentials{AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "example"}), make(map[string]string)}
	for _, name := range names {
		out, err := peer.client.CreateSecret(t.Context(), &sdk.CreateSecretInput{Name: &name})
		if err != nil {
			t.Fatal(err)
		}
		peer.arns[name] = *out.ARN
	}
	return peer
}

// secretStep is one call. Its zero fields are left out of the request.
type secretStep struct {
	Operation  string
	ByARN      bool
	Name       string
	Version    string // ClientRequestToken, VersionId, MoveToVersionId
	From       string // RemoveFromVersionId
	Text       string
	Binary     string
	Stages     []string
	Deprecated bool // IncludeDeprecated
	Max        int32
}

// secretAnswer is what can be compared of an answer, and the labels that
// DescribeSecret shows after it: a record of its own for each peer.
type secretAnswer struct {
	Code     string // of the error, "" for success
	Version  string
	Text     string
	Binary   string
	Stages   []string
	Versions map[string][]string // DescribeSecret, ListSecretVersionIds
	Names    []string            // ListSecrets
	After    map[string][]string // the labels of all versions that have some
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }

func (p secretsPeer) id(s secretStep) *string {
	if s.ByARN && p.arns[s.Name] != "" {
		return aws.String(p.arns[s.Name])
	}
	return &s.Name
}

// do makes the call and looks at the secret afterwards.
func (p secretsPeer) do(ctx context.Context, s secretStep) (secretAnswer, error) {
	a, err := p.call(ctx, s)
	var api smithy.APIError
	var response interface{ HTTPStatusCode() int }
	switch {
	case errors.As(err, &api):
		a = secretAnswer{Code: api.ErrorCode()}
	case errors.As(err, &response): // a page in HTML
		a = secretAnswer{Code: fmt.Sprint(response.HTTPStatusCode())}
	case err != nil:
		return a, err
	}
	if p.arns[s.Name] == "" {
		return a, nil
	}
	out, err := p.client.DescribeSecret(ctx, &sdk.DescribeSecretInput{SecretId: &s.Name})
	if err != nil {
		return a, err
	}
	a.After = make(map[string][]string)
	for id, stages := range out.VersionIdsToStages {
		if len(stages) > 0 {
			a.After[id] = sorted(stages)
		}
	}
	return a, nil
}

func (p secretsPeer) call(ctx context.Context, s secretStep) (a secretAnswer, err error) {
	switch s.Operation {
	case "PutSecretValue":
		in := &sdk.PutSecretValueInput{SecretId: p.id(s), ClientRequestToken: &s.Version, SecretString: optional(s.Text), VersionStages: s.Stages}
		if s.Binary != "" {
			in.SecretBinary = []byte(s.Binary)
		}
		out, err := p.client.PutSecretValue(ctx, in)
		if err != nil {
			return a, err
		}
		a.Version, a.Stages = aws.ToString(out.VersionId), sorted(out.VersionStages)
	case "GetSecretValue":
		in := &sdk.GetSecretValueInput{SecretId: p.id(s), VersionId: optional(s.Version)}
		if len(s.Stages) > 0 {
			in.VersionStage = &s.Stages[0]
		}
		out, err := p.client.GetSecretValue(ctx, in)
		if err != nil {
			return a, err
		}
		a.Version, a.Stages = aws.ToString(out.VersionId), sorted(out.VersionStages)
		a.Text, a.Binary = aws.ToString(out.SecretString), string(out.SecretBinary)
	case "UpdateSecretVersionStage":
		_, err = p.client.UpdateSecretVersionStage(ctx, &sdk.UpdateSecretVersionStageInput{
			SecretId: p.id(s), VersionStage: &s.Stages[0], RemoveFromVersionId: optional(s.From), MoveToVersionId: optional(s.Version),
		})
	case "DescribeSecret":
		out, err := p.client.DescribeSecret(ctx, &sdk.DescribeSecretInput{SecretId: p.id(s)})
		if err != nil {
			return a, err
		}
		a.Versions = make(map[string][]string)
		for id, stages := range out.VersionIdsToStages {
			a.Versions[id] = sorted(stages)
		}
	case "ListSecretVersionIds":
		in := &sdk.ListSecretVersionIdsInput{SecretId: p.id(s), IncludeDeprecated: aws.Bool(s.Deprecated), MaxResults: &s.Max}
		a.Versions = make(map[string][]string)
		for {
			out, err := p.client.ListSecretVersionIds(ctx, in)
			if err != nil {
				return a, err
			}
			for _, v := range out.Versions {
				a.Versions[*v.VersionId] = sorted(v.VersionStages)
			}
			if in.NextToken = optional(aws.ToString(out.NextToken)); in.NextToken == nil {
				break
			}
		}
	case "ListSecrets":
		pages := sdk.NewListSecretsPaginator(p.client, &sdk.ListSecretsInput{MaxResults: &s.Max})
		for pages.HasMorePages() {
			out, err := pages.NextPage(ctx)
			if err != nil {
				return a, err
			}
			for _, secret := range out.SecretList {
				a.Names = append(a.Names, aws.ToString(secret.Name))
			}
		}
	default:
		err = fmt.Errorf("no call for %q", s.Operation)
	}
	return a, err
}
