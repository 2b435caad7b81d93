package conformance

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// signedPolicy is what a signed URL says: the policy that CloudFront makes of it
// or finds in it, and what stands for its signature.
type signedPolicy struct{ policy, signature []byte }

// testVerifiedByOthers lets the running sign function make URLs. Their policies
// are what CloudFront's documents say, openssl and node verify the signatures,
// and the edge serves the file.
func testVerifiedByOthers(t *testing.T, e edge) {
	started := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	for _, tt := range []struct {
		name    string
		request map[string]any
		// condition is what Condition holds beside DateLessThan; nil: canned.
		condition map[string]any
	}{
		{"canned", map[string]any{}, nil},
		{"start", map[string]any{"notBefore": started.Format(time.RFC3339)}, map[string]any{"DateGreaterThan": epoch(started)}},
		{"range", map[string]any{"ipAddress": "127.0.0.0/8"}, map[string]any{"IpAddress": source("127.0.0.0/8")}},
		{"address", map[string]any{"ipAddress": "127.0.0.1"}, map[string]any{"IpAddress": source("127.0.0.1/32")}},
		{
			"start and range",
			map[string]any{"notBefore": started.Format(time.RFC3339), "ipAddress": "127.0.0.0/8"},
			map[string]any{"DateGreaterThan": epoch(started), "IpAddress": source("127.0.0.0/8")},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.request["objectKeys"] = oddKeys
			tt.request["expiresInSeconds"] = 1800
			status, body := postSignedURLs(t, e.Stack, tt.request)
			var answer struct {
				SignedURLs []struct {
					ObjectKey, URL string
					Expires        time.Time
				}
			}
			if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusOK || len(answer.SignedURLs) != len(oddKeys) {
				t.Fatalf("POST /signed-urls %v = %d %s, %v", tt.request, status, body, err)
			}
			var all []signedPolicy
			for i, signed := range answer.SignedURLs {
				if signed.ObjectKey != oddKeys[i] {
					t.Errorf("URL %d is for %q, want %q", i, signed.ObjectKey, oddKeys[i])
				}
				assertServed(t, oddKeys[i], signed.URL)
				all = append(all, takeApart(t, e, oddKeys[i], signed.URL, signed.Expires, tt.condition))
			}
			t.Run("openssl", func(t *testing.T) { testVerifiedByOpenSSL(t, e, all) })
			t.Run("node", func(t *testing.T) { testVerifiedByNode(t, e, all) })
		})
	}
}

func epoch(at time.Time) map[string]any {
	return map[string]any{"AWS:EpochTime": float64(at.Unix())}
}

func source(cidr string) map[string]any { return map[string]any{"AWS:SourceIp": cidr} }

// takeApart reads a signed URL the way CloudFront's documents say it is made. A
// canned policy is rebuilt from it, a custom one has to say what was asked for.
func takeApart(t *testing.T, e edge, key, signed string, expires time.Time, condition map[string]any) signedPolicy {
	t.Helper()
	resource, query, _ := strings.Cut(signed, "?")
	path, inside := strings.CutPrefix(resource, e.Endpoints.CDN+"/")
	if unescaped, err := url.PathUnescape(path); err != nil || unescaped != key || !inside || strings.ContainsAny(path, "*+") {
		t.Errorf("%s is a URL of %q, %v, want %q, and no wildcard", signed, unescaped, err, key)
	}
	var names []string
	parameters := map[string]string{}
	for parameter := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(parameter, "=")
		names = append(names, name)
		parameters[name] = value
	}
	want := []string{"Expires", "Signature", "Key-Pair-Id"}
	if condition != nil {
		want[0] = "Policy"
	}
	if e.hash == "SHA256" {
		want = append(want, "Hash-Algorithm")
	}
	// No order is required, but AWS's documents put Hash-Algorithm last.
	if !slices.Equal(names, want) || parameters["Key-Pair-Id"] != e.keyPairID || e.hash == "SHA256" && parameters["Hash-Algorithm"] != "SHA256" {
		t.Errorf("%s has the parameters %v of key %s, want %v of %s", signed, names, parameters["Key-Pair-Id"], want, e.keyPairID)
	}

	at := strconv.FormatInt(expires.Unix(), 10)
	// "Create a policy statement for a signed URL that uses a canned policy": to
	// the byte, for CloudFront makes it anew from the URL.
	policy := []byte(`{"Statement":[{"Resource":"` + resource + `","Condition":{"DateLessThan":{"AWS:EpochTime":` + at + `}}}]}`)
	if condition == nil {
		if parameters["Expires"] != at {
			t.Errorf("%s expires at %s, want %s", signed, parameters["Expires"], at)
		}
		return signedPolicy{policy, decodeCloudFront(t, parameters["Signature"])}
	}
	conditions := map[string]any{"DateLessThan": epoch(expires)}
	for name, value := range condition {
		conditions[name] = value
	}
	wantPolicy := map[string]any{"Statement": []any{map[string]any{"Resource": resource, "Condition": conditions}}}
	policy = decodeCloudFront(t, parameters["Policy"])
	var got map[string]any
	if err := json.Unmarshal(policy, &got); err != nil {
		t.Errorf("policy %s: %v", policy, err)
	}
	if diff := cmp.Diff(wantPolicy, got); diff != "" {
		t.Errorf("policy of %s (-want +got):\n%s", signed, diff)
	}
	return signedPolicy{policy, decodeCloudFront(t, parameters["Signature"])}
}

func testVerifiedByOpenSSL(t *testing.T, e edge, all []signedPolicy) {
	public := writeFile(t, "public.pem", []byte(e.publicKey))
	verify := func(policy, signature []byte) (string, error) {
		cmd := exec.CommandContext(t.Context(), "openssl", "dgst", "-"+strings.ToLower(e.hash),
			"-verify", public, "-signature", writeFile(t, "signature", signature))
		cmd.Stdin = strings.NewReader(string(policy))
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for _, s := range all {
		if out, err := verify(s.policy, s.signature); err != nil || !strings.HasPrefix(out, "Verified OK") {
			t.Errorf("openssl dgst -verify of %s = %s, %v, want Verified OK", s.policy, out, err)
		}
	}
	if out, err := verify(append(all[0].policy, ' '), all[0].signature); err == nil {
		t.Errorf("openssl dgst -verify of another policy = %s, want a failure", out)
	}
}

func testVerifiedByNode(t *testing.T, e edge, all []signedPolicy) {
	needNode(t)
	type check struct {
		Policy    string `json:"policy"`
		Signature string `json:"signature"`
	}
	var checks []check
	var want []bool
	for _, s := range all {
		signature := base64.StdEncoding.EncodeToString(s.signature)
		checks = append(checks, check{base64.StdEncoding.EncodeToString(s.policy), signature},
			check{base64.StdEncoding.EncodeToString(append(s.policy, ' ')), signature})
		want = append(want, true, false)
	}
	var got struct{ Valid []bool }
	ask(t, map[string]any{"publicKey": e.publicKey, "hash": e.hash, "verify": checks}, &got, "node", "testdata/sign.mjs")
	if diff := cmp.Diff(want, got.Valid); diff != "" {
		t.Errorf("verify of %v (-want +got):\n%s", checks, diff)
	}
}
