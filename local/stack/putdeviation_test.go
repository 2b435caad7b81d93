package stack_test

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// putDeviation is a request that differs from the granted one in one thing.
type putDeviation struct {
	about  string
	change func(*wireRequest)
}

// standInGaps are deviations that the embedded S3 lets through: its HTTP server
// keeps one Content-Type, the last. What is stored is as granted all the same.
var standInGaps = []string{
	"header content-type doubled",
	"header content-type there with another value before",
}

// foreignHeaders would change what is stored, or how, if S3 heeded them.
var foreignHeaders = [][2]string{
	{"x-amz-acl", "public-read"},
	{"x-amz-grant-full-control", `uri="http://acs.amazonaws.com/groups/global/AllUsers"`},
	{"x-amz-grant-read", `uri="http://acs.amazonaws.com/groups/global/AllUsers"`},
	{"x-amz-grant-read-acp", `uri="http://acs.amazonaws.com/groups/global/AllUsers"`},
	{"x-amz-grant-write-acp", `uri="http://acs.amazonaws.com/groups/global/AllUsers"`},
	{"x-amz-meta-owner", "mallory"},
	{"x-amz-storage-class", "GLACIER"},
	{"x-amz-tagging", "public=yes"},
	{"x-amz-server-side-encryption", "aws:kms"},
	{"x-amz-server-side-encryption-aws-kms-key-id", "arn:aws:kms:us-east-1:111122223333:key/mallory"},
	{"x-amz-server-side-encryption-customer-algorithm", "AES256"},
	{"x-amz-website-redirect-location", "https://example.com/"},
	{"x-amz-object-lock-mode", "GOVERNANCE"},
	{"x-amz-object-lock-retain-until-date", "2099-01-01T00:00:00Z"},
	{"x-amz-object-lock-legal-hold", "ON"},
	{"x-amz-checksum-crc32", "AAAAAA=="},
	{"x-amz-checksum-sha1", "2jmj7l5rSw0yVb/vlWAYkK/YBwk="},
	{"x-amz-sdk-checksum-algorithm", "CRC32"},
	{"x-amz-trailer", "x-amz-checksum-crc32"},
	{"x-amz-content-sha256", strings.Repeat("0", 64)},
	{"x-amz-copy-source", "/any/u/bob/private.txt"},
	{"x-amz-write-offset-bytes", "0"},
	{"x-amz-request-payer", "requester"},
	{"x-amz-expected-bucket-owner", "999999999999"},
	{"x-amz-security-token", "mallory"},
	{"x-amz-date", "20990101T000000Z"},
	{"x-amz-mp-object-size", "1"},
	{"x-amz-anything", "else"},
	{"Authorization", "AWS4-HMAC-SHA256 Credential=mallory"},
	{"Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA=="},
	{"Expect-Nothing: x\r\nx-amz-acl", "public-read"},
}

// foreignParameters would turn the request into another operation, or into the
// same one with other terms.
var foreignParameters = []string{
	"acl", "tagging", "retention", "legal-hold", "torrent", "restore", "uploads", "partNumber=1&uploadId=x", "append",
	"versionId=null", "response-content-type=text%2Fhtml", "x-amz-acl=public-read", "x-amz-meta-owner=mallory", "anything=else",
}

// putDeviations are generated from the grant: a header or parameter that a grant
// has tomorrow is changed, dropped and doubled from that day on.
func putDeviations(t *testing.T, g grant, exact wireRequest) []putDeviation {
	t.Helper()
	u, err := url.Parse(g.URL)
	if err != nil {
		t.Fatal(err)
	}
	var all []putDeviation
	add := func(about string, change func(*wireRequest)) {
		all = append(all, putDeviation{about, change})
	}

	signed := strings.Split(u.Query().Get("X-Amz-SignedHeaders"), ";")
	for name := range g.Headers {
		if !slices.Contains(signed, strings.ToLower(name)) {
			t.Errorf("the header %s of the grant is not signed: %v", name, signed)
		}
	}
	for _, name := range signed {
		value, ok := exact.header(name)
		if !ok {
			t.Fatalf("the signed header %s is not in the request", name)
		}
		if name != "content-length" { // its value is the size, below
			add("header "+name+" changed", func(r *wireRequest) { r.set(name, value+"1") })
			add("header "+name+" emptied", func(r *wireRequest) { r.set(name, "") })
		}
		add("header "+name+" dropped", func(r *wireRequest) { r.drop(name) })
		add("header "+name+" dropped, and from the list", func(r *wireRequest) {
			r.drop(name)
			rest := slices.DeleteFunc(slices.Clone(signed), func(s string) bool { return s == name })
			r.query("X-Amz-SignedHeaders", strings.Join(rest, ";"))
		})
		add("header "+name+" doubled", func(r *wireRequest) { r.headers = append(r.headers, [2]string{name, value}) })
		add("header "+name+" there with another value too", func(r *wireRequest) { r.headers = append(r.headers, [2]string{name, value + "1"}) })
		add("header "+name+" there with another value before", func(r *wireRequest) {
			r.headers = slices.Insert(r.headers, 0, [2]string{name, value + "1"})
		})
	}

	pairs := strings.Split(u.RawQuery, "&")
	for i, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		other := otherEnd(value)
		replaced := func(with ...string) func(*wireRequest) {
			return func(r *wireRequest) { r.rawQuery(slices.Replace(slices.Clone(pairs), i, i+1, with...)) }
		}
		add("parameter "+name+" changed", replaced(name+"="+other))
		add("parameter "+name+" emptied", replaced(name+"="))
		add("parameter "+name+" dropped", replaced())
		add("parameter "+name+" in lower case", replaced(strings.ToLower(name)+"="+value))
		add("parameter "+name+" repeated", replaced(pair, pair))
		add("parameter "+name+" repeated with another value", replaced(pair, name+"="+other))
		add("parameter "+name+" repeated after another value", replaced(name+"="+other, pair))
	}
	for _, seconds := range []string{"0", "-1", "+900", "604800", "604801", "99999999999999999999"} {
		add("lives for "+seconds, func(r *wireRequest) { r.query("X-Amz-Expires", seconds) })
	}
	for _, p := range foreignParameters {
		add("parameter "+p+" added", func(r *wireRequest) { r.target += "&" + p })
		add("parameter "+p+" added in front", func(r *wireRequest) { r.target = strings.Replace(r.target, "?", "?"+p+"&", 1) })
	}
	for _, h := range foreignHeaders {
		if _, ok := exact.header(h[0]); !ok {
			add("header "+h[0]+" added", func(r *wireRequest) { r.headers = append(r.headers, h) })
		}
	}

	size := len(exact.body)
	resize := func(body string) func(*wireRequest) {
		return func(r *wireRequest) { r.body = body; r.set("Content-Length", strconv.Itoa(len(body))) }
	}
	add("one byte more", resize(exact.body+"x"))
	if size > 0 {
		add("one byte less", resize(exact.body[1:]))
		add("nothing", resize(""))
	}
	add("in chunks", func(r *wireRequest) {
		r.drop("Content-Length")
		r.headers = append(r.headers, [2]string{"Transfer-Encoding", "chunked"})
		if size > 0 {
			r.body = fmt.Sprintf("%x\r\n%s\r\n", size, r.body)
		}
		r.body += "0\r\n\r\n"
	})
	if _, ok := g.Headers["x-amz-checksum-sha256"]; ok && size > 0 {
		add("other bytes", func(r *wireRequest) { r.body = strings.Repeat("x", size) })
	}
	for _, method := range []string{"GET", "HEAD", "POST", "DELETE", "PATCH", "OPTIONS"} {
		add("method "+method, func(r *wireRequest) { r.method = method })
	}
	path, rest, _ := strings.Cut(exact.target, "?")
	for about, other := range map[string]string{
		"of another name":     path + "1",
		"of another user":     strings.Replace(path, "/u/alice/", "/u/bob/", 1),
		"of no user":          strings.Replace(path, "/u/alice/", "/alice/", 1),
		"with a double slash": strings.Replace(path, "/u/alice/", "/u//alice/", 1),
		"with dot segments":   strings.Replace(path, "/u/alice/", "/u/bob/../alice/", 1),
		"with a trailing one": path + "/",
		"in another bucket":   strings.Replace(path, "/u/", "x/u/", 1),
		"of the bucket":       path[:strings.Index(path, "/u/")],
	} {
		if other == path {
			t.Fatalf("the key %s is the granted one: %s", about, path)
		}
		add("key "+about, func(r *wireRequest) { r.target = other + "?" + rest })
	}
	return all
}

// otherEnd changes the last letter, so that hex stays hex and a number a number.
func otherEnd(value string) string {
	if value == "" {
		return "1"
	}
	if strings.HasSuffix(value, "1") {
		return value[:len(value)-1] + "2"
	}
	return value[:len(value)-1] + "1"
}
