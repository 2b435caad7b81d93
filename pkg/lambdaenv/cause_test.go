package lambdaenv_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"airlock/pkg/lambdaenv"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(status int, body string) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

// fail is the error of a real client whose wire ends in f.
func fail(ctx context.Context, f roundTrip) error {
	client := s3.New(s3.Options{
		Region: "eu-west-1", HTTPClient: &http.Client{Transport: f}, Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "secret"}, nil
		}),
	})
	_, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("media"), Key: aws.String("u/alice/payslip")})
	return err
}

func TestCause(t *testing.T) {
	t.Parallel()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	refused := `<Error><Code>AccessDenied</Code><Message>User: arn:aws:sts::111122223333:assumed-role/sign may not read payslip</Message></Error>`
	reset := func(*http.Request) (*http.Response, error) { return nil, errors.New("read: connection reset") }
	hang := func(*http.Request) (*http.Response, error) { return nil, context.DeadlineExceeded }

	tests := []struct {
		name string
		err  error
		want string
	}{
		{"refused", fail(t.Context(), answer(http.StatusForbidden, refused)), "AccessDenied, status 403"},
		{"no such key", fail(t.Context(), answer(http.StatusNotFound, `<Error><Code>NoSuchKey</Code><Key>payslip</Key></Error>`)), "NoSuchKey, status 404"},
		{"no body", fail(t.Context(), answer(http.StatusServiceUnavailable, "")), "ServiceUnavailable, status 503"},
		{"no answer", fail(t.Context(), reset), "no answer, read: connection reset"},
		{"timed out", fail(t.Context(), hang), "no answer, timed out"},
		{"cancelled", fail(cancelled, reset), "no answer, cancelled"},
		{"bad argument", &smithy.InvalidParamsError{Context: "payslip"}, "no answer, *smithy.InvalidParamsError"},
		{"any other", fmt.Errorf("of arn:aws:iam::111122223333: %w", io.ErrUnexpectedEOF), "no answer, *errors.errorString"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := lambdaenv.Cause(tt.err)
			if got.Error() != tt.want {
				t.Errorf("Cause(%v) = %q, want %q", tt.err, got, tt.want)
			}
			if !errors.Is(got, tt.err) {
				t.Errorf("Cause(%v) does not unwrap to it", tt.err)
			}
		})
	}
	if got := lambdaenv.Cause(nil); got != nil {
		t.Errorf("Cause(nil) = %v, want nil", got)
	}
}
