package metric_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"airlock/pkg/metric"
)

// line logs one line and returns it as CloudWatch reads it.
func line(t *testing.T, attrs ...slog.Attr) map[string]any {
	t.Helper()
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, nil)).LogAttrs(t.Context(), slog.LevelInfo, "m", attrs...)
	var got map[string]any
	if err := json.Unmarshal(b.Bytes(), &got); err != nil || bytes.Count(b.Bytes(), []byte("\n")) != 1 {
		t.Fatalf("logged %s: %v, want one line of JSON", &b, err)
	}
	delete(got, "time")
	return got
}

// The expected lines are written out from the format's specification.
func TestAttrs(t *testing.T) {
	previous := lambdacontext.FunctionName
	lambdacontext.FunctionName = "stack-SignFunction-1A2B"
	t.Cleanup(func() { lambdacontext.FunctionName = previous })
	for _, tt := range []struct {
		name  string
		attrs func() []slog.Attr
		want  string
	}{
		{
			"count", func() []slog.Attr { return metric.Attrs("", metric.Count("URLsSigned", 3)) },
			`{"level":"INFO","msg":"m","FunctionName":"stack-SignFunction-1A2B","URLsSigned":3,"_aws":{"Timestamp":946684800000,
			"CloudWatchMetrics":[{"Namespace":"Airlock","Dimensions":[["FunctionName"]],"Metrics":[{"Name":"URLsSigned","Unit":"Count"}]}]}}`,
		},
		{
			"by an attribute", func() []slog.Attr {
				return append([]slog.Attr{slog.String("code", "not_found")}, metric.Attrs("code", metric.Count("Refusals", 1))...)
			},
			`{"level":"INFO","msg":"m","code":"not_found","FunctionName":"stack-SignFunction-1A2B","Refusals":1,"_aws":{"Timestamp":946684800000,
			"CloudWatchMetrics":[{"Namespace":"Airlock","Dimensions":[["FunctionName"],["FunctionName","code"]],"Metrics":[{"Name":"Refusals","Unit":"Count"}]}]}}`,
		},
		{
			"durations", func() []slog.Attr {
				return metric.Attrs("", metric.Count("Recorded", 2), metric.Durations("Delay", []time.Duration{1500 * time.Microsecond, time.Minute}))
			},
			`{"level":"INFO","msg":"m","FunctionName":"stack-SignFunction-1A2B","Recorded":2,"Delay":[1.5,60000],"_aws":{"Timestamp":946684800000,
			"CloudWatchMetrics":[{"Namespace":"Airlock","Dimensions":[["FunctionName"]],
			"Metrics":[{"Name":"Recorded","Unit":"Count"},{"Name":"Delay","Unit":"Milliseconds"}]}]}}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var want map[string]any
			if err := json.Unmarshal([]byte(tt.want), &want); err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) { // whose clock begins in 2000
				if diff := cmp.Diff(want, line(t, tt.attrs()...)); diff != "" {
					t.Errorf("line (-want +got):\n%s", diff)
				}
			})
		})
	}
}
