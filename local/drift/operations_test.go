package drift

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"airlock/local/template"
)

// metrics are those that a function's code writes.
func metrics(t *testing.T, f template.Function) []string {
	t.Helper()
	names := find(readFunction(t, f.LogicalID).code, `(?:metric\.(?:Count|Durations)\("|return ")([A-Z]\w+)",? `)
	if len(f.Routes) > 0 {
		names = append(names, find(read(t, "pkg/api/api.go"), `metric\.Count\("(\w+)"`)...)
	}
	return names
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	var code []string
	for _, f := range load(t).Functions {
		code = append(code, metrics(t, f)...)
	}
	slices.Sort(code)
	documented := find(read(t, "docs/operations.md"), "(?m)^\\| `([A-Z]\\w+)` \\| `[a-z`, ]+ \\| (?:Count|Milliseconds) \\|")
	if d := cmp.Diff(slices.Compact(code), documented); d != "" {
		t.Errorf("metrics (-code +docs/operations.md):\n%s", d)
	}
}

// TestWatchedMetrics finds every metric of ours that an alarm or the dashboard
// names in the code of the very function it names it for: CloudWatch takes any
// name, and is silent about one that never comes.
func TestWatchedMetrics(t *testing.T) {
	t.Parallel()
	stack := load(t)
	written := map[string][]string{} // by the function's name
	for _, f := range stack.Functions {
		written[f.Name] = metrics(t, f)
	}
	namespace := find(read(t, "pkg/metric/metric.go"), `namespace\s+= "(\w+)"`)
	watched := map[string][]template.Metric{}
	for _, a := range stack.Alarms {
		watched[a.LogicalID] = append(watched[a.LogicalID], a.Metric)
	}
	for _, d := range stack.Dashboards {
		for _, g := range d.Graphs {
			for _, line := range g.Lines {
				watched[d.LogicalID] = append(watched[d.LogicalID], line.Metric)
			}
		}
	}
	ours := 0
	for id, all := range watched {
		for _, m := range all {
			if strings.HasPrefix(m.Namespace, "AWS/") {
				continue
			}
			ours++
			if !slices.Equal(namespace, []string{m.Namespace}) || !slices.Contains(written[m.Of], m.Name) {
				t.Errorf("%s watches %+v; that function writes %q in %q", id, m, written[m.Of], namespace)
			}
		}
	}
	if ours < 5 {
		t.Errorf("found only %d metrics of ours", ours)
	}
}

// TestAlarms wants every function and every queue watched, and every alarm
// explained to whom it wakes.
func TestAlarms(t *testing.T) {
	t.Parallel()
	stack := load(t)
	var ids []string
	watched := map[string]bool{}
	for _, a := range stack.Alarms {
		ids = append(ids, a.LogicalID)
		watched[a.Metric.Name+" of "+a.Metric.Of] = true
	}
	var want []string
	for _, f := range stack.Functions {
		want = append(want, "Errors of "+f.Name, "Throttles of "+f.Name)
	}
	for _, q := range stack.Queues {
		if q.DeadLetterARN == "" {
			want = append(want, "ApproximateNumberOfMessagesVisible of "+q.Name)
		} else {
			want = append(want, "ApproximateAgeOfOldestMessage of "+q.Name)
		}
	}
	for _, api := range stack.APIs {
		want = append(want, "5xx of "+api.ID)
	}
	for _, w := range want {
		if !watched[w] {
			t.Errorf("no alarm on %s", w)
		}
	}
	slices.Sort(ids)
	documented := find(read(t, "docs/operations.md"), "(?m)^\\| `(\\w+Alarm)` \\|")
	if d := cmp.Diff(ids, documented); d != "" {
		t.Errorf("alarms (-template +docs/operations.md):\n%s", d)
	}
}

// TestParameters compares the template's parameters and defaults with the table
// of docs/operations.md, and with the groups in which a console shows them.
func TestParameters(t *testing.T) {
	t.Parallel()
	source := read(t, "template.yaml")
	_, section, _ := strings.Cut(source, "\nParameters:\n")
	section = section[:regexp.MustCompile(`(?m)^[A-Z]`).FindStringIndex(section)[0]]
	var inTemplate, inDocs []string
	for _, entry := range regexp.MustCompile(`(?m)^  (\w+):\n((?:    .*\n)+)`).FindAllStringSubmatch(section, -1) {
		value := "none"
		if m := regexp.MustCompile(`(?m)^    Default: "?([^"#\n]*?)"?(?: #.*)?$`).FindStringSubmatch(entry[2]); m != nil {
			value = m[1]
		}
		inTemplate = append(inTemplate, entry[1]+" = "+value)
	}
	_, table, _ := strings.Cut(read(t, "docs/operations.md"), "## Template parameters\n")
	table, _, _ = strings.Cut(table, "\n## ")
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| ([^|]+) \\|").FindAllStringSubmatch(table, -1) {
		value := strings.Trim(row[2], "`")
		if value == "empty" {
			value = ""
		}
		inDocs = append(inDocs, row[1]+" = "+value)
	}
	if len(inTemplate) < 10 {
		t.Fatalf("found only the parameters %q", inTemplate)
	}
	slices.Sort(inTemplate)
	slices.Sort(inDocs)
	if d := cmp.Diff(inTemplate, inDocs); d != "" {
		t.Errorf("parameters (-template +docs/operations.md):\n%s", d)
	}
	var grouped []string
	for _, m := range regexp.MustCompile(`(?m)^        Parameters: \[(.*)\]$`).FindAllStringSubmatch(source, -1) {
		grouped = append(grouped, strings.Split(m[1], ", ")...)
	}
	slices.Sort(grouped)
	names := make([]string, 0, len(inTemplate))
	for _, p := range inTemplate {
		name, _, _ := strings.Cut(p, " = ")
		names = append(names, name)
	}
	if d := cmp.Diff(names, grouped); d != "" {
		t.Errorf("parameters (-all +in a group of the console):\n%s", d)
	}
}

// TestTracing lets functions send to X-Ray when they are traced, and only then.
func TestTracing(t *testing.T) {
	t.Parallel()
	for _, tracing := range []string{"PassThrough", "Active"} {
		stack, err := template.Load(filepath.Join(root, "template.yaml"), template.Options{
			StackName: "airlock", Region: "eu-central-1", AccountID: "123456789012",
			Parameters: map[string]string{"Issuer": "https://issuer.example.com", "Audience": "a", "Tracing": tracing},
		})
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		if tracing == "Active" {
			// AWS Lambda Developer Guide, "Execution role permissions" of X-Ray.
			want = []string{"xray:PutTelemetryRecords", "xray:PutTraceSegments"}
		}
		for _, f := range stack.Functions {
			if d := cmp.Diff(want, granted(f, `\b(xray:\w+)`)); d != "" {
				t.Errorf("%s: X-Ray permissions of %s (-want +got):\n%s", tracing, f.LogicalID, d)
			}
		}
	}
}
