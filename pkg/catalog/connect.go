package catalog

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	transport "github.com/aws/smithy-go/endpoints"
)

// connectTimeout is well within the ten seconds that Lambda gives a container to
// start.
const connectTimeout = 2 * time.Second

// Connect opens the connections to DynamoDB and S3 that the first event would
// wait for. Called while the container starts, when Lambda grants it a whole
// CPU, however small it is: what a TLS handshake takes is mostly computation.
//
// Each service is asked for nothing, without a signature. Any answer will do, and
// so will none: an event then connects by itself.
func (c *Catalog) Connect(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	d, o := c.dynamoDB.Options(), c.s3.Options()
	var wg sync.WaitGroup
	wg.Go(func() {
		e, err := d.EndpointResolverV2.ResolveEndpoint(ctx, dynamodb.EndpointParameters{
			Region: &d.Region, Endpoint: d.BaseEndpoint,
		}.WithDefaults())
		c.head(ctx, d.HTTPClient, e, err)
	})
	wg.Go(func() {
		e, err := o.EndpointResolverV2.ResolveEndpoint(ctx, s3.EndpointParameters{
			Bucket: &c.bucket, Region: &o.Region, Endpoint: o.BaseEndpoint, ForcePathStyle: &o.UsePathStyle,
		}.WithDefaults())
		c.head(ctx, o.HTTPClient, e, err)
	})
	wg.Wait()
}

func (c *Catalog) head(ctx context.Context, client aws.HTTPClient, e transport.Endpoint, err error) {
	if err != nil {
		return
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodHead, e.URI.String(), http.NoBody)
	if err != nil {
		return
	}
	if res, err := client.Do(r); err == nil {
		_ = res.Body.Close()
	}
}
