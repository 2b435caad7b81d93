package catalog

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
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
		if err == nil {
			connect(ctx, d.HTTPClient, e.URI.String())
		}
	})
	wg.Go(func() {
		e, err := o.EndpointResolverV2.ResolveEndpoint(ctx, s3.EndpointParameters{
			Bucket: &c.bucket, Region: &o.Region, Endpoint: o.BaseEndpoint, ForcePathStyle: &o.UsePathStyle,
		}.WithDefaults())
		if err == nil {
			connect(ctx, o.HTTPClient, e.URI.String())
		}
	})
	wg.Wait()
}

func connect(ctx context.Context, client aws.HTTPClient, url string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodHead, url, http.NoBody)
	if err != nil {
		return
	}
	if res, err := client.Do(r); err == nil {
		_ = res.Body.Close()
	}
}
