package conformance

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	cftypes "github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// catcher is an SDK's HTTP client that keeps the request and sends nothing.
type catcher struct {
	sentRequest
}

var errCaught = errors.New("caught")

func (c *catcher) Do(r *http.Request) (*http.Response, error) {
	c.sentRequest = sentRequest{Method: r.Method, URI: r.URL.RequestURI(), Headers: r.Header.Clone()}
	if r.Body != nil {
		var err error
		if c.Body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	return nil, errCaught
}

// soundRequests are the SDK's, by operation. They have something of every kind
// that the models know.
func soundRequests(t *testing.T) map[string]sentRequest {
	t.Helper()
	catcher := new(catcher)
	config := aws.Config{
		Region: "eu-central-1", BaseEndpoint: aws.String("http://127.0.0.1:1"), HTTPClient: catcher,
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "example", "example"),
	}
	requests := map[string]sentRequest{"PutObject": presignedPut(t, config)}
	caught := func(service, operation string, err error) {
		t.Helper()
		if !errors.Is(err, errCaught) {
			t.Fatalf("%s = %v, want that it sends something", operation, err)
		}
		r := catcher.sentRequest
		r.Service = service
		requests[operation] = r
	}
	ctx, text, then := t.Context(), aws.String, aws.Time(time.Unix(1e9, 0))

	tables := dynamodb.NewFromConfig(config)
	_, err := tables.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: text("catalog"), ConditionExpression: text("attribute_not_exists(#p)"),
		ExpressionAttributeNames: map[string]string{"#p": "path"},
		Item: map[string]types.AttributeValue{
			"path": &types.AttributeValueMemberS{Value: "a"}, "size": &types.AttributeValueMemberN{Value: "7"},
			"sum": &types.AttributeValueMemberB{Value: []byte("bytes")},
		},
	})
	caught("dynamodb", "PutItem", err)
	_, err = tables.RestoreTableToPointInTime(ctx, &dynamodb.RestoreTableToPointInTimeInput{TargetTableName: text("restored"), RestoreDateTime: then})
	caught("dynamodb", "RestoreTableToPointInTime", err)

	secrets := secretsmanager.NewFromConfig(config)
	_, err = secrets.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: text("secret"), SecretString: text("value"), VersionStages: []string{"AWSPENDING"},
		ClientRequestToken: text(strings.Repeat("7", 32)), RotationToken: text(strings.Repeat("7", 36)),
	})
	caught("secretsmanager", "PutSecretValue", err)
	_, err = secrets.ListSecrets(ctx, &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(100), IncludePlannedDeletion: aws.Bool(true)})
	caught("secretsmanager", "ListSecrets", err)

	edges := cloudfront.NewFromConfig(config)
	_, err = edges.UpdateKeyGroup(ctx, &cloudfront.UpdateKeyGroupInput{
		Id: text("a+b c"), IfMatch: text("E1"), KeyGroupConfig: &cftypes.KeyGroupConfig{
			Name: text("group"), Items: []string{"K1", "K2"}, Comment: text("<&> \n"),
		},
	})
	caught("cloudfront", "UpdateKeyGroup", err)
	_, err = edges.ListPublicKeys(ctx, &cloudfront.ListPublicKeysInput{Marker: text("K 1")})
	caught("cloudfront", "ListPublicKeys", err)
	_, err = edges.CreateContinuousDeploymentPolicy(ctx, &cloudfront.CreateContinuousDeploymentPolicyInput{
		ContinuousDeploymentPolicyConfig: &cftypes.ContinuousDeploymentPolicyConfig{
			Enabled: aws.Bool(true), StagingDistributionDnsNames: &cftypes.StagingDistributionDnsNames{Quantity: aws.Int32(0)},
			TrafficConfig: &cftypes.TrafficConfig{
				Type: "SingleWeight", SingleWeightConfig: &cftypes.ContinuousDeploymentSingleWeightConfig{Weight: aws.Float32(0.15)},
			},
		},
	})
	caught("cloudfront", "CreateContinuousDeploymentPolicy", err)

	objects := s3.NewFromConfig(config)
	_, err = objects.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket: text("bucket"), Key: text("ä/a+b c"), ChecksumMode: s3types.ChecksumModeEnabled,
		VersionId: text("a+b c/"), PartNumber: aws.Int32(7), IfModifiedSince: then,
	})
	caught("s3", "HeadObject", err)
	_, err = objects.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: text("bucket"), Key: text("a"), PartNumber: aws.Int32(7), UploadId: text("u"),
		Body: strings.NewReader("part"), ChecksumSHA256: text("Y2hlY2tzdW0="),
	})
	caught("s3", "UploadPart", err)
	_, err = objects.DeleteObjects(ctx, &s3.DeleteObjectsInput{
		Bucket: text("bucket"), Delete: &s3types.Delete{Quiet: aws.Bool(true), Objects: []s3types.ObjectIdentifier{
			{Key: text("a"), LastModifiedTime: then}, {Key: text("b")},
		}},
	})
	caught("s3", "DeleteObjects", err)
	_, err = objects.GetObjectAttributes(ctx, &s3.GetObjectAttributesInput{
		Bucket: text("bucket"), Key: text("a"), ObjectAttributes: []s3types.ObjectAttributes{"ETag", "ObjectSize"},
	})
	caught("s3", "GetObjectAttributes", err)
	_, err = objects.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: text("bucket")})
	caught("s3", "GetBucketLifecycleConfiguration", err)
	return requests
}

// presignedPut is what a user sends to a presigned URL.
func presignedPut(t *testing.T, config aws.Config) sentRequest {
	t.Helper()
	presigned, err := s3.NewPresignClient(s3.NewFromConfig(config)).PresignPutObject(t.Context(), &s3.PutObjectInput{
		Bucket: aws.String("bucket"), Key: aws.String("a"), ContentType: aws.String("text/plain"), ContentLength: aws.Int64(5),
		Metadata: map[string]string{"color": "red"},
	})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(presigned.URL)
	if err != nil {
		t.Fatal(err)
	}
	headers := presigned.SignedHeader.Clone()
	headers.Del("Host") // servers keep it apart
	return sentRequest{Service: "s3", Method: presigned.Method, URI: u.RequestURI(), Headers: headers, Body: []byte("bytes")}
}
