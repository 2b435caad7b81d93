// Package drift holds what is written down twice to one truth: code, template
// and documents must name the same routes, variables, codes and permissions.
package drift

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"airlock/local/template"
)

const root = "../.."

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func load(t *testing.T) *template.Stack {
	t.Helper()
	s, err := template.Load(filepath.Join(root, "template.yaml"), template.Options{
		StackName: "airlock", Region: "eu-central-1", AccountID: "123456789012",
		Parameters: map[string]string{"Issuer": "https://issuer.example.com", "Audience": "a"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// source is a function's main and the packages of ours it imports, as text.
type source struct {
	code string // all of it, without comments
	docs string // the package comments
}

func readFunction(t *testing.T, logicalID string) source {
	t.Helper()
	name := strings.ToLower(strings.TrimSuffix(logicalID, "Function"))
	main := filepath.Join("functions", name, "main.go")
	dirs := []string{filepath.Dir(main)}
	for _, m := range regexp.MustCompile(`"airlock/(pkg/\w+)"`).FindAllStringSubmatch(read(t, main), -1) {
		// Every function has these two; they name nothing of their own.
		if m[1] != "pkg/lambdaenv" && m[1] != "pkg/api" {
			dirs = append(dirs, m[1])
		}
	}
	var s source
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no Go files in %s: %v", dir, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, b, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			if f.Doc != nil {
				s.docs += f.Doc.Text()
			}
			s.code += withoutComments(string(b), f)
		}
	}
	return s
}

func withoutComments(code string, f *ast.File) string {
	b := []byte(code)
	for _, group := range f.Comments {
		for i := group.Pos() - f.FileStart; i < group.End()-f.FileStart; i++ {
			b[i] = ' '
		}
	}
	return string(b)
}

// find returns the sorted set of what the first group of pattern matches.
func find(text, pattern string) []string {
	var all []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	for _, f := range load(t).Functions {
		var want []string
		for _, r := range f.Routes {
			want = append(want, r.Method+" "+r.Path)
			if r.Authorizer == "" {
				t.Errorf("%s %s of %s is open to everybody", r.Method, r.Path, f.LogicalID)
			}
		}
		slices.Sort(want)
		got := find(readFunction(t, f.LogicalID).code, `"([A-Z]+ /[^"]*)":\s+api\.`)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("routes of %s (-template +code):\n%s", f.LogicalID, d)
		}
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	documented := find(read(t, "docs/operations.md"), "`([A-Z][A-Z0-9_]+[A-Z0-9])`")
	for _, f := range load(t).Functions {
		var want []string
		for name := range f.Environment {
			// Go's own, and the SDK's, are read by none of our calls.
			if !slices.Contains([]string{"GOMAXPROCS", "SSL_CERT_DIR"}, name) && !strings.HasPrefix(name, "AWS_ENDPOINT_URL") {
				want = append(want, name)
			}
			if !slices.Contains(documented, name) {
				t.Errorf("%s of %s is not in docs/operations.md", name, f.LogicalID)
			}
		}
		slices.Sort(want)
		got := find(readFunction(t, f.LogicalID).code, `env\.(?:String|StringOr|OneOf|Duration|Int64|List|Origin)\("([A-Z_0-9]+)"`)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("variables of %s (-template +code):\n%s", f.LogicalID, d)
		}
	}
}

func TestEndpointVariables(t *testing.T) {
	t.Parallel()
	want := find(read(t, "pkg/lambdaenv/aws.go"), `= "([A-Z][A-Z_0-9]+)"\n`)
	for i, service := range want {
		want[i] = "AWS_ENDPOINT_URL_" + service
	}
	for _, f := range load(t).Functions {
		var got []string
		for name := range f.Environment {
			if strings.HasPrefix(name, "AWS_ENDPOINT_URL") {
				got = append(got, name)
			}
		}
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("endpoint variables of %s (-code +template):\n%s", f.LogicalID, d)
		}
	}
}

func TestErrorCodes(t *testing.T) {
	t.Parallel()
	code := find(read(t, "pkg/api/errors.go"), `Code = "([a-z_]+)"`)
	documented := find(read(t, "docs/errors.md"), "(?m)^\\| `([a-z_]+)` \\|")
	if len(code) < 10 {
		t.Fatalf("found only the codes %q", code)
	}
	if d := cmp.Diff(code, documented); d != "" {
		t.Errorf("codes (-code +docs/errors.md):\n%s", d)
	}
	tags := regexp.MustCompile(`code:"([^"]*)"`)
	for _, f := range load(t).Functions {
		for _, m := range tags.FindAllStringSubmatch(readFunction(t, f.LogicalID).code, -1) {
			if !slices.Contains(code, m[1]) {
				t.Errorf("a field of %s is refused with %q, which is no code", f.LogicalID, m[1])
			}
		}
	}
}

// TestPermissions compares what packages say they need with what roles give,
// leaving out what Lambda itself does with a role: writing logs, reading queues.
func TestPermissions(t *testing.T) {
	t.Parallel()
	const action = `\b((?:s3|dynamodb|secretsmanager|cloudfront):[A-Z]\w+)`
	for _, f := range load(t).Functions {
		want := find(readFunction(t, f.LogicalID).docs, action)
		if d := cmp.Diff(want, granted(f, action)); d != "" {
			t.Errorf("permissions of %s (-package docs +template):\n%s", f.LogicalID, d)
		}
	}
}

// granted are the actions in a function's policies that match pattern, sorted.
func granted(f template.Function, pattern string) []string {
	var got []string
	for _, policy := range f.Policies {
		for _, statement := range policy.(map[string]any)["Statement"].([]any) {
			s := statement.(map[string]any)
			actions, ok := s["Action"].([]any)
			if !ok {
				actions = []any{s["Action"]}
			}
			for _, a := range actions {
				got = append(got, find(a.(string), pattern)...)
			}
		}
	}
	slices.Sort(got)
	return slices.Compact(got)
}

// TestCommands finds every make target a document names in the Makefile.
func TestCommands(t *testing.T) {
	t.Parallel()
	makefile := read(t, "Makefile")
	for _, document := range []string{"README.md", "CONTRIBUTING.md", "docs/operations.md", "docs/architecture.md", "docs/deploy.md", "events/README.md"} {
		for _, target := range find(read(t, document), "(?m)(?:^|`)make ([a-z]+)\\b") {
			if !regexp.MustCompile(`(?m)^` + target + `:`).MatchString(makefile) {
				t.Errorf("%s names `make %s`, which the Makefile does not know", document, target)
			}
		}
	}
	for _, target := range find(read(t, "README.md"), "(?s)```sh\nmake ([a-z]+)\n```") {
		if target != "dev" && !strings.Contains(read(t, ".ci/run"), "make "+target) {
			t.Errorf("README's `make %s` is not run in CI", target)
		}
	}
}

// TestNamedTests finds every test that docs/testing.md names, in the folder it
// names it for.
func TestNamedTests(t *testing.T) {
	t.Parallel()
	source := map[string]string{} // of the tests in a folder
	named := 0
	for row := range strings.Lines(read(t, "docs/testing.md")) {
		var dirs []string
		for _, m := range regexp.MustCompile("`((?:pkg|local|functions)/[a-z0-9/]+|(?:Test|Fuzz)[^`]+)`").FindAllStringSubmatch(row, -1) {
			name, part, isPart := strings.Cut(m[1], "/")
			if !strings.HasPrefix(m[1], "Test") && !strings.HasPrefix(m[1], "Fuzz") {
				dirs = append(dirs, m[1])
				source[m[1]] = tests(t, m[1])
				continue
			}
			named++
			if !slices.ContainsFunc(dirs, func(dir string) bool {
				return strings.Contains(source[dir], "func "+name+"(") && (!isPart || strings.Contains(source[dir], `"`+part+`"`))
			}) {
				t.Errorf("docs/testing.md names %s, which is not in %q", m[1], dirs)
			}
		}
	}
	if named < 40 {
		t.Errorf("found only %d names of tests", named)
	}
}

// tests is the text of a folder's tests.
func tests(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("docs/testing.md names %s, which has no tests: %v", dir, err)
	}
	var text strings.Builder
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(b)
	}
	return text.String()
}

// TestLinks follows every link from a document to another file, and to a heading.
func TestLinks(t *testing.T) {
	t.Parallel()
	var documents []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/adr/*.md", "events/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, found...)
	}
	followed := 0
	for _, document := range documents {
		b, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range regexp.MustCompile(`\]\(([^)#:]*)(?:#([^)]*))?\)`).FindAllStringSubmatch(string(b), -1) {
			target := document
			if link[1] != "" {
				target = filepath.Join(filepath.Dir(document), link[1])
			}
			text, err := os.ReadFile(target)
			if info, errStat := os.Stat(target); err != nil && (errStat != nil || !info.IsDir()) {
				t.Errorf("%s links to %s: %v", document, link[1], err)
			}
			followed++
			if link[2] != "" && !slices.Contains(headings(string(text)), link[2]) {
				t.Errorf("%s links to #%s, which is no heading of %s", document, link[2], target)
			}
		}
	}
	if len(documents) < 20 || followed < 50 {
		t.Errorf("followed %d links of %d documents only", followed, len(documents))
	}
}

// headings are a document's, as links name them.
func headings(text string) (all []string) {
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		slug := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(slug, " ", "-"))
	}
	return all
}

// TestSampleCommands wants a command for each sample event, for its own function.
func TestSampleCommands(t *testing.T) {
	t.Parallel()
	samples, err := filepath.Glob(filepath.Join(root, "events", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	document := read(t, "events/README.md")
	for _, sample := range samples {
		name := filepath.Base(sample)
		word, _, _ := strings.Cut(name, "-")
		command := "sam local invoke " + strings.ToUpper(word[:1]) + word[1:] + "Function --event events/" + name + " --env-vars .airlock/env.json"
		if !strings.Contains(document, "| `"+name+"` |") || !strings.Contains(document, "`"+command+"`") {
			t.Errorf("events/README.md lacks %s, or `%s`", name, command)
		}
	}
	if len(samples) < 10 {
		t.Errorf("found only the samples %q", samples)
	}
}
