package lambdaenv

import (
	"context"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// RequestID is Lambda's id of the invocation that ctx belongs to, "" outside of
// one.
func RequestID(ctx context.Context) string {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		return lc.AwsRequestID
	}
	return ""
}
