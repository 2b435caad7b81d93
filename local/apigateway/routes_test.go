package apigateway

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func compiled(t testing.TB, keys ...string) []route {
	t.Helper()
	var routes []Route
	for _, key := range keys {
		method, path, _ := strings.Cut(key, " ")
		if key == defaultKey {
			method, path = "ANY", key
		}
		routes = append(routes, testRoute(method, path, ""))
	}
	made, err := compile("Api", routes, nil)
	if err != nil {
		t.Fatalf("compile(%q): %v", keys, err)
	}
	return made
}

func TestMatch(t *testing.T) {
	t.Parallel()
	// The first set and its answers are the documentation's (Create routes for
	// HTTP APIs, Routing API requests).
	documented := []string{"GET /pets/dog/1", "GET /pets/dog/{id}", "GET /pets/{proxy+}", "ANY /{proxy+}", defaultKey}
	airlock := []string{
		"POST /uploads", "GET /files", "GET /files/{id}", "DELETE /files/{id}",
		"POST /multipart-uploads/{id}/parts", "GET /multipart-uploads/{id}/parts", "DELETE /multipart-uploads/{id}",
	}
	tests := map[string]struct {
		routes       []string
		method, path string
		want         string
		params       map[string]string
	}{
		"documented: literal":              {documented, "GET", "/pets/dog/1", "GET /pets/dog/1", nil},
		"documented: variable":             {documented, "GET", "/pets/dog/2", "GET /pets/dog/{id}", map[string]string{"id": "2"}},
		"documented: greedy":               {documented, "GET", "/pets/cat/1", "GET /pets/{proxy+}", map[string]string{"proxy": "cat/1"}},
		"documented: greedy of any method": {documented, "POST", "/test/5", "ANY /{proxy+}", map[string]string{"proxy": "test/5"}},
		"documented: default":              {documented, "GET", "/", defaultKey, nil},

		"root":                       {[]string{"GET /"}, "GET", "/", "GET /", nil},
		"two routes of one path":     {airlock, "DELETE", "/files/a", "DELETE /files/{id}", map[string]string{"id": "a"}},
		"variable inside":            {airlock, "GET", "/multipart-uploads/x/parts", "GET /multipart-uploads/{id}/parts", map[string]string{"id": "x"}},
		"other method":               {airlock, "PUT", "/uploads", "", nil},
		"HEAD is not GET":            {airlock, "HEAD", "/files", "", nil},
		"trailing slash":             {airlock, "POST", "/uploads/", "", nil},
		"trailing slash, variable":   {airlock, "GET", "/files/a/", "", nil},
		"empty variable":             {airlock, "GET", "/files/", "", nil},
		"too deep":                   {airlock, "GET", "/files/a/b", "", nil},
		"double slash":               {airlock, "GET", "//files", "", nil},
		"other case":                 {airlock, "GET", "/Files", "", nil},
		"no slash at all":            {airlock, "OPTIONS", "*", "", nil},
		"slash that a route wants":   {[]string{"GET /a/", "GET /a"}, "GET", "/a/", "GET /a/", nil},
		"greedy wants a child":       {[]string{"GET /a/{proxy+}"}, "GET", "/a/", "", nil},
		"greedy keeps its slash":     {[]string{"GET /a/{proxy+}"}, "GET", "/a/b/", "GET /a/{proxy+}", map[string]string{"proxy": "b/"}},
		"longer greedy first":        {[]string{"GET /{p+}", "GET /a/{p+}"}, "GET", "/a/b", "GET /a/{p+}", map[string]string{"p": "b"}},
		"literal before variable":    {[]string{"GET /{a}/b", "GET /a/{b}"}, "GET", "/a/b", "GET /a/{b}", map[string]string{"b": "b"}},
		"any full before greedy get": {[]string{"GET /{p+}", "ANY /a"}, "GET", "/a", "ANY /a", nil},
		"method before ANY":          {[]string{"ANY /a", "GET /a"}, "GET", "/a", "GET /a", nil},
		"ANY for the others":         {[]string{"ANY /a", "GET /a"}, "PURGE", "/a", "ANY /a", nil},
		"default for all":            {[]string{defaultKey, "GET /a"}, "GET", "/a/", defaultKey, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, order := range [][]string{test.routes, reversed(test.routes)} {
				got, params := match(compiled(t, order...), test.method, test.path)
				key := ""
				if got != nil {
					key = got.key
				}
				if key != test.want {
					t.Errorf("match(%s %s) = %q, want %q", test.method, test.path, key, test.want)
				}
				if diff := cmp.Diff(test.params, params); diff != "" {
					t.Errorf("match(%s %s) params (-want +got):\n%s", test.method, test.path, diff)
				}
			}
		})
	}
}

func reversed(s []string) []string {
	s = slices.Clone(s)
	slices.Reverse(s)
	return s
}

func TestCompileRefusals(t *testing.T) {
	t.Parallel()
	with := func(change func(*Route)) []Route {
		r := testRoute("GET", "/a", "Token")
		change(&r)
		return []Route{r}
	}
	tests := map[string][]Route{
		"the same twice":       {testRoute("GET", "/a", ""), testRoute("GET", "/a", "")},
		"the same requests":    {testRoute("GET", "/a/{b}", ""), testRoute("GET", "/a/{c}", "")},
		"two defaults":         {testRoute("ANY", "$default", ""), testRoute("", "$default", "")},
		"default of a method":  {testRoute("GET", "$default", "")},
		"lower-case method":    {testRoute("get", "/a", "")},
		"unknown method":       {testRoute("TRACE", "/a", "")},
		"no slash":             {testRoute("GET", "a", "")},
		"greedy in the middle": {testRoute("GET", "/{a+}/b", "")},
		"part of a segment":    {testRoute("GET", "/a{b}", "")},
		"suffix of a segment":  {testRoute("GET", "/{a}b", "")},
		"empty variable":       {testRoute("GET", "/{}", "")},
		"empty greedy":         {testRoute("GET", "/{+}", "")},
		"same variable twice":  {testRoute("GET", "/{a}/{a}", "")},
		"nested braces":        {testRoute("GET", "/{{a}}", "")},
		"unknown authorizer":   with(func(r *Route) { r.Authorizer = "Other" }),
		"scopes, but open":     with(func(r *Route) { r.Authorizer, r.Scopes = "", []string{"a"} }),
		"no function":          with(func(r *Route) { r.Function = "" }),
		"another API's":        with(func(r *Route) { r.APILogicalID = "Other" }),
	}
	for name, routes := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := compile("Api", routes, map[string]*authorizer{"Token": {}}); err == nil {
				t.Errorf("compile(%+v) succeeded", routes)
			}
		})
	}
}

// FuzzMatch holds the matcher against what a match means: the values put back
// into the route's path give the request's path.
func FuzzMatch(f *testing.F) {
	routes := compiled(f, "POST /uploads", "GET /", "GET /files/{id}", "GET /files/{id}/{rest+}", "ANY /a/{b}/c/", "ANY /p/{proxy+}")
	for _, path := range []string{"/", "/uploads", "/files/a%2Fb", "/files/a/b/c", "/a//c/", "/a/b/c/", "/p/", "/p//", "", "*"} {
		f.Add("GET", path)
	}
	f.Fuzz(func(t *testing.T, method, path string) {
		got, params := match(routes, method, path)
		if got == nil {
			return
		}
		if got.method != "ANY" && got.method != method {
			t.Errorf("match(%q, %q) = %s", method, path, got.key)
		}
		for _, name := range slices.Sorted(maps.Keys(params)) {
			if params[name] == "" {
				t.Errorf("match(%q, %q): %s is empty", method, path, name)
			}
		}
		var parts []string
		for _, s := range got.segments {
			if s.kind == literal {
				parts = append(parts, s.text)
			} else {
				parts = append(parts, params[s.text])
			}
		}
		if rebuilt := "/" + strings.Join(parts, "/"); rebuilt != path {
			t.Errorf("match(%q, %q) = %s with %v, which is %q", method, path, got.key, params, rebuilt)
		}
	})
}
