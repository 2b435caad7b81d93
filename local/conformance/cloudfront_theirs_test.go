package conformance

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// terms is one order of a signer: the ones without NotBefore, IPAddress and
// Resource make it a canned policy.
type terms struct {
	ObjectKey string `json:"objectKey"`
	Expires   int64  `json:"expires"`
	NotBefore int64  `json:"notBefore"`
	IPAddress string `json:"ipAddress"`
	Resource  string `json:"resource"` // of the policy, behind the base; "": the URL itself
}

// testMadeByOthers lets AWS's signers make URLs for every odd key. The edge gives
// the file to those that are good and refuses the others, and whatever was
// changed on the way. Both signers make all keys and hashes, botocore because it
// leaves the signing to its caller.
func testMadeByOthers(t *testing.T, e edge) {
	now := time.Now().Unix()
	const hour = 3600
	cases := []struct {
		name  string
		terms terms
		good  bool
	}{
		{"canned", terms{Expires: now + hour}, true},
		{"canned, expired", terms{Expires: now - hour}, false},
		{"started", terms{Expires: now + hour, NotBefore: now - hour}, true},
		{"not started", terms{Expires: now + 2*hour, NotBefore: now + hour}, false},
		{"custom, expired", terms{Expires: now - hour, NotBefore: now - 2*hour}, false},
		{"our range", terms{Expires: now + hour, IPAddress: "127.0.0.0/8"}, true},
		{"our address", terms{Expires: now + hour, IPAddress: "127.0.0.1"}, true},
		{"another range", terms{Expires: now + hour, IPAddress: "203.0.113.0/24"}, false},
		{"range and start", terms{Expires: now + hour, NotBefore: now - hour, IPAddress: "127.0.0.1/32"}, true},
		{"wildcards", terms{Expires: now + hour, Resource: "/?*/*.txt"}, true},
		{"wildcards elsewhere", terms{Expires: now + hour, Resource: "/other/*"}, false},
	}
	for _, maker := range []struct {
		name    string
		need    func(*testing.T)
		program string
		script  string
	}{
		{"@aws-sdk/cloudfront-signer", needNode, "node", "testdata/sign.mjs"},
		{"botocore", needPython, "python3", "testdata/sign.py"},
	} {
		t.Run(maker.name, func(t *testing.T) {
			maker.need(t)
			var orders []terms
			for _, c := range cases {
				for _, key := range oddKeys {
					c.terms.ObjectKey = key
					orders = append(orders, c.terms)
				}
			}
			var made struct{ URLs []string }
			ask(t, map[string]any{
				"base": e.Endpoints.CDN, "keyPairId": e.keyPairID, "privateKey": e.privateKey, "hash": e.hash, "sign": orders,
			}, &made, maker.program, maker.script)
			if len(made.URLs) != len(orders) {
				t.Fatalf("%d URLs, want %d", len(made.URLs), len(orders))
			}
			for i, c := range cases {
				t.Run(c.name, func(t *testing.T) {
					from, to := i*len(oddKeys), (i+1)*len(oddKeys)
					testSigned(t, e, orders[from:to], made.URLs[from:to], c.good, i)
				})
			}
		})
	}
}

// testSigned fetches URLs made to order. Of the good ones the one at tamper is
// changed as well, a different key in each case.
func testSigned(t *testing.T, e edge, orders []terms, urls []string, good bool, tamper int) {
	for i, order := range orders {
		if !good {
			assertRefused(t, order, "as signed", urls[i])
			continue
		}
		assertServed(t, order.ObjectKey, urls[i])
		if i == tamper {
			for what, url := range changed(t, e, order, urls[i]) {
				assertRefused(t, order, what, url)
			}
		}
	}
}

func assertServed(t *testing.T, objectKey, url string) {
	t.Helper()
	status, body, err := send(t.Context(), http.MethodGet, url, "", nil)
	if err != nil || status != http.StatusOK || string(body) != objectKey {
		t.Errorf("GET(%s) = %d %.200q, %v; want 200 %q", url, status, body, err, objectKey)
	}
}

func assertRefused(t *testing.T, order terms, what, url string) {
	t.Helper()
	status, body, err := send(t.Context(), http.MethodGet, url, "", nil)
	if err != nil || status != http.StatusForbidden {
		t.Errorf("GET(%+v), %s: %s = %d %.200q, %v; want 403", order, what, url, status, body, err)
	}
}

// changed is a good URL with one thing about it changed, by what that is.
func changed(t *testing.T, e edge, order terms, url string) map[string]string {
	t.Helper()
	resource, query, _ := strings.Cut(url, "?")
	parameters := strings.Split(query, "&")
	all := map[string]string{"no parameter": resource}
	for i, parameter := range parameters {
		name, value, _ := strings.Cut(parameter, "=")
		with := func(replacement ...string) string {
			p := append(append(append([]string{}, parameters[:i]...), replacement...), parameters[i+1:]...)
			return resource + "?" + strings.Join(p, "&")
		}
		all["without "+name] = with()
		all["empty "+name] = with(name + "=")
		all["lower-case "+name] = with(strings.ToLower(name) + "=" + value)
		switch name {
		case "Expires":
			all["later"] = with("Expires=" + strconv.FormatInt(order.Expires+1, 10))
		case "Policy":
			text := string(decodeCloudFront(t, value))
			later := strings.Replace(text, strconv.FormatInt(order.Expires, 10), strconv.FormatInt(order.Expires+1, 10), 1)
			if later == text {
				t.Errorf("the policy %s does not end at %d", text, order.Expires)
			}
			all["later"] = with("Policy=" + encodeCloudFront([]byte(later)))
			all["canned instead"] = with("Expires=" + strconv.FormatInt(order.Expires, 10))
		case "Signature":
			signature := decodeCloudFront(t, value)
			signature[len(signature)-1] ^= 1
			all["another last bit"] = with("Signature=" + encodeCloudFront(signature))
			signature[len(signature)-1] ^= 1
			all["cut short"] = with("Signature=" + encodeCloudFront(signature[:len(signature)-1]))
		case "Key-Pair-Id":
			all["another key"] = with("Key-Pair-Id=K2JCJMDEHXQW5F")
		case "Hash-Algorithm":
			all["SHA-1"] = with("Hash-Algorithm=SHA1")
		default:
			t.Errorf("%s has a parameter %s", url, name)
		}
	}
	if e.hash == "SHA1" {
		all["SHA-256"] = url + "&Hash-Algorithm=SHA256"
	}
	if order.Resource == "" { // a wildcard takes both
		all["one parameter more"] = url + "&x=1"
		all["another file"] = e.Endpoints.CDN + "/odd/plain.txt?" + query
		if order.ObjectKey == "odd/plain.txt" {
			all["another file"] = e.Endpoints.CDN + "/" + plainKey + "?" + query
		}
	}
	return all
}

// CloudFront's base64: - for +, _ for =, ~ for / ("Create a signed URL using a
// canned policy").
func decodeCloudFront(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "=", "~", "/").Replace(s))
	if err != nil {
		t.Fatalf("%q is not CloudFront's base64: %v", s, err)
	}
	return b
}

func encodeCloudFront(b []byte) string {
	return strings.NewReplacer("+", "-", "=", "_", "/", "~").Replace(base64.StdEncoding.EncodeToString(b))
}
