package api_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"airlock/pkg/api"
)

// BenchmarkDecode takes a request from event to answer and reports how long that
// takes compared with the usual, lenient way: encoding/json into the structs of
// aws-lambda-go, x-encoding/json below 1 being faster.
func BenchmarkDecode(b *testing.B) {
	payload := request{
		claims: `{"sub":"alice","iss":"https://issuer.example.com","aud":"app","token_use":"access","scope":"openid things/read","exp":"1772360000","iat":"1772356400"}`,
		body:   `{"name":"hello.txt","length":13,"keys":["u/alice/a/hello.txt","u/alice/b/hello.txt"],"plain":true}`,
		headers: map[string]string{
			"accept": "*/*", "authorization": "Bearer header.payload.signature", "content-length": "98", "content-type": "application/json",
			"user-agent": "app/1.0", "x-amzn-trace-id": "Root=1-5e6a879e-0123456789abcdef01234567", "x-forwarded-for": "203.0.113.7",
			"x-forwarded-port": "443", "x-forwarded-proto": "https",
		},
	}.payload()
	h := api.NewHandler(slog.New(slog.DiscardHandler), map[string]api.Endpoint{route: api.JSON(http.StatusCreated, answerEcho)})

	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Invoke(b.Context(), payload); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	ours := b.Elapsed()

	start := time.Now()
	for range b.N {
		if err := lenient(payload); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(ours)/float64(time.Since(start)), "x-encoding/json")
}

// lenient is the same round in the usual way.
func lenient(payload []byte) error {
	var e events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(payload, &e); err != nil {
		return err
	}
	var in thing
	if err := json.Unmarshal([]byte(e.Body), &in); err != nil {
		return err
	}
	body, err := json.Marshal(echo{Subject: e.RequestContext.Authorizer.JWT.Claims["sub"], Read: true, Thing: in})
	if err != nil {
		return err
	}
	_, err = json.Marshal(events.APIGatewayV2HTTPResponse{
		StatusCode: http.StatusCreated, Body: string(body),
		Headers: map[string]string{"content-type": "application/json", "cache-control": "no-store"},
	})
	return err
}
