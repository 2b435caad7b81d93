// Package metric makes metrics of log lines: CloudWatch reads the Embedded Metric
// Format out of a function's log ("Specification: Embedded metric format", Amazon
// CloudWatch User Guide). That takes no call, no permission and no library.
//
// The namespace is Airlock. Every metric is there by FunctionName, which
// keeps stacks apart, since CloudFormation puts the stack's name into it.
//
// It needs no environment of ours (AWS_LAMBDA_FUNCTION_NAME is Lambda's) and no
// IAM action.
package metric

import (
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

const (
	namespace    = "Airlock"
	aws          = "_aws"
	functionName = "FunctionName"
)

// MaxValues is how many a line may hold of one metric. CloudWatch drops the
// metric for one more.
const MaxValues = 100

// Metric is one measure of what a line reports.
type Metric struct {
	name, unit string
	value      any
}

// Count is how many there were, n at least 0.
func Count(name string, n int) Metric { return Metric{name, "Count", n} }

// Durations are the times that things took, at most [MaxValues].
func Durations(name string, all []time.Duration) Metric {
	milliseconds := make([]float64, len(all))
	for i, d := range all {
		milliseconds[i] = float64(d.Microseconds()) / 1000
	}
	return Metric{name, "Milliseconds", milliseconds}
}

// directive is what the format wants under _aws.
type directive struct {
	Timestamp         int64 // ms since 1970
	CloudWatchMetrics [1]struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []definition
	}
}

type definition struct{ Name, Unit string }

// Attrs turns a log line into metrics: append them to the line's own attributes.
// The line must be JSON and have these at its top. Where by names an attribute of
// the line, the metrics are there by that as well; its values must be few.
func Attrs(by string, metrics ...Metric) []slog.Attr {
	var d directive
	d.Timestamp = time.Now().UnixMilli()
	m := &d.CloudWatchMetrics[0]
	m.Namespace, m.Dimensions = namespace, [][]string{{functionName}}
	if by != "" {
		m.Dimensions = append(m.Dimensions, []string{functionName, by})
	}
	attrs := make([]slog.Attr, 0, 2+len(metrics))
	attrs = append(attrs, slog.Any(aws, &d), slog.String(functionName, lambdacontext.FunctionName)) //nolint:sloglint // CloudWatch's names
	for _, metric := range metrics {
		m.Metrics = append(m.Metrics, definition{metric.name, metric.unit})
		attrs = append(attrs, slog.Any(metric.name, metric.value))
	}
	return attrs
}
