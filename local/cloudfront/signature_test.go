package cloudfront

import (
	"crypto"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestSignedURLs(t *testing.T) {
	t.Parallel()
	s := newStand(t, hello, nil)
	expires := time.Now().Add(time.Hour).Unix()
	for _, keyID := range []string{rsaID, ecdsaID} {
		for hash, tail := range map[crypto.Hash]string{crypto.SHA1: "", crypto.SHA256: "&Hash-Algorithm=SHA256"} {
			for _, kind := range []string{"canned", "custom"} {
				t.Run(fmt.Sprintf("%s %s %s", keyID, hash, kind), func(t *testing.T) {
					t.Parallel()
					text := fmt.Sprintf(`{"Statement":[{"Resource":"%s/a/b.txt","Condition":{"DateLessThan":{"AWS:EpochTime":%d}}}]}`, s.URL, expires)
					query := fmt.Sprintf("Expires=%d", expires)
					if kind == "custom" {
						text = fmt.Sprintf(`{"Statement":[{"Resource":"%s/a/*","Condition":{"IpAddress":{"AWS:SourceIp":"127.0.0.0/8"},"DateLessThan":{"AWS:EpochTime":%d}}}]}`, s.URL, expires)
						query = "Policy=" + urlBase64([]byte(text))
					}
					url := s.URL + "/a/b.txt?" + query + "&Signature=" + sign(t, keyID, hash, text) + "&Key-Pair-Id=" + keyID + tail
					if got := do(t, http.MethodGet, url); got.StatusCode != http.StatusOK || got.body != "hello, world\n" {
						t.Errorf("GET = %d %q, want 200 and the file", got.StatusCode, got.body)
					}
				})
			}
		}
	}
}

// TestQueryOfOnesOwn: what is not reserved is part of the resource, wherever
// it stands, and never reaches the origin.
func TestQueryOfOnesOwn(t *testing.T) {
	t.Parallel()
	s := newStand(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "" {
			t.Errorf("the origin got the query %q", r.URL.RawQuery)
		}
		hello(w, r)
	}, nil)
	signature := canned(t, ecdsaID, s.URL+"/a?x=1&y=2", time.Now().Add(time.Hour).Unix())
	for query, want := range map[string]int{
		"x=1&y=2&" + signature:                         http.StatusOK,
		signature + "&x=1&y=2":                         http.StatusOK,
		"x=1&" + signature + "&y=2":                    http.StatusOK,
		"y=2&x=1&" + signature:                         http.StatusForbidden,
		"x=1&" + signature:                             http.StatusForbidden,
		"x=1&y=2&z=3&" + signature:                     http.StatusForbidden,
		"x=1&y=2&response-content-type=a&" + signature: http.StatusForbidden,
	} {
		if got := do(t, http.MethodGet, s.URL+"/a?"+query); got.StatusCode != want {
			t.Errorf("GET ?%s = %d, want %d", query, got.StatusCode, want)
		}
	}
}

func TestRefusedURLs(t *testing.T) {
	t.Parallel()
	s := newStand(t, unreachable(t), nil)
	const path = "/u/alice/hello.txt"
	resource := s.URL + path
	now := time.Now().Unix()
	good := canned(t, ecdsaID, resource, now+3600)
	parameter := func(name string) string {
		_, after, _ := strings.Cut(good, name+"=")
		value, _, _ := strings.Cut(after, "&")
		return name + "=" + value
	}
	without := func(name string) string {
		return strings.Trim(strings.ReplaceAll("&"+good+"&", "&"+parameter(name)+"&", "&"), "&")
	}
	statement := func(resource, conditions string) string {
		return fmt.Sprintf(`{"Statement":[{"Resource":"%s","Condition":{%s}}]}`, resource, conditions)
	}
	later := fmt.Sprintf(`"DateLessThan":{"AWS:EpochTime":%d}`, now+3600)
	https := strings.Replace(resource, "http:", "https:", 1)

	missing := xmlError("MissingKey", "Missing Key-Pair-Id query parameter or cookie value")
	unknown := xmlError("InvalidKey", "Unknown Key")
	policy := xmlError("MalformedPolicy", "Malformed Policy")
	signature := xmlError("MalformedSignature", "Could not unencode Signature")
	denied := xmlError("AccessDenied", "Access denied")

	for name, test := range map[string]struct{ query, want string }{
		"unsigned":                   {"", missing},
		"no key id":                  {without("Key-Pair-Id"), missing},
		"empty key id":               {without("Key-Pair-Id") + "&Key-Pair-Id=", missing},
		"re-cased key id parameter":  {strings.Replace(good, "Key-Pair-Id", "Key-pair-id", 1), missing},
		"unknown key id":             {without("Key-Pair-Id") + "&Key-Pair-Id=KNOBODY", unknown},
		"key of an untrusted group":  {canned(t, otherID, resource, now+3600), unknown},
		"id of another key":          {without("Key-Pair-Id") + "&Key-Pair-Id=" + rsaID, denied},
		"neither Expires nor Policy": {without("Expires"), policy},
		"both Expires and Policy":    {good + "&Policy=" + urlBase64([]byte(statement(resource, later))), policy},
		"no signature":               {without("Signature"), signature},
		"empty signature":            {without("Signature") + "&Signature=", signature},
		"signature in plain base64":  {without("Signature") + "&Signature=ab+/", signature},
		"signature in raw base64url": {without("Signature") + "&Signature=YWJjZA", signature},
		"signature with escapes":     {without("Signature") + "&Signature=YWJj%7E", signature},
		"signature of other bytes":   {without("Signature") + "&Signature=YWJj", denied},
		"Expires twice":              {good + "&" + parameter("Expires"), denied},
		"Signature twice":            {good + "&" + parameter("Signature"), denied},
		"Key-Pair-Id twice":          {good + "&" + parameter("Key-Pair-Id"), denied},
		"Hash-Algorithm twice":       {good + "&Hash-Algorithm=SHA256", denied},
		"Hash-Algorithm SHA1":        {without("Hash-Algorithm") + "&Hash-Algorithm=SHA1", denied},
		"Hash-Algorithm re-cased":    {without("Hash-Algorithm") + "&Hash-Algorithm=sha256", denied},
		"Hash-Algorithm left out":    {without("Hash-Algorithm"), denied},
		"Expires changed":            {strings.Replace(good, "Expires=1", "Expires=2", 1), denied},
		"Expires in milliseconds":    {strings.Replace(good, "&Signature", "000&Signature", 1), policy},
		"Expires not a number":       {strings.Replace(good, "Expires=", "Expires=x", 1), policy},
		"Expires with a sign":        {strings.Replace(good, "Expires=1", "Expires=%2B1", 1), policy},
		"expired":                    {canned(t, ecdsaID, resource, now-1), denied},
		"another file":               {canned(t, ecdsaID, s.URL+"/u/bob/hello.txt", now+3600), denied},
		"the https form":             {canned(t, ecdsaID, https, now+3600), denied},
		"another host":               {canned(t, ecdsaID, "http://d111111abcdef8.cloudfront.net"+path, now+3600), denied},
		"a star in a canned policy":  {canned(t, ecdsaID, s.URL+"/u/alice/*", now+3600), denied},

		"policy not base64":          {"Policy=a+b&Signature=YWJj&Key-Pair-Id=" + rsaID, policy},
		"policy not JSON":            {custom(t, ecdsaID, "hello"), policy},
		"policy without an end":      {custom(t, ecdsaID, statement(resource, "")), policy},
		"policy for another folder":  {custom(t, ecdsaID, statement(s.URL+"/u/bob/*", later)), denied},
		"policy for https":           {custom(t, ecdsaID, statement(https, later)), denied},
		"policy that is over":        {custom(t, ecdsaID, statement("*", fmt.Sprintf(`"DateLessThan":{"AWS:EpochTime":%d}`, now-1))), denied},
		"policy not yet begun":       {custom(t, ecdsaID, statement("*", later+fmt.Sprintf(`,"DateGreaterThan":{"AWS:EpochTime":%d}`, now+1800))), denied},
		"policy for another address": {custom(t, ecdsaID, statement("*", later+`,"IpAddress":{"AWS:SourceIp":"192.0.2.0/24"}`)), denied},
		"policy by another key":      {custom(t, otherID, statement("*", later)), unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := do(t, http.MethodGet, s.URL+path+"?"+test.query)
			if got.StatusCode != http.StatusForbidden || got.body != test.want {
				t.Errorf("GET ?%s = %d %s, want 403 %s", test.query, got.StatusCode, got.body, test.want)
			}
			for header, want := range map[string]string{
				"Content-Type": "text/xml", "Server": "CloudFront", "X-Cache": "Error from cloudfront",
			} {
				if value := got.Header.Get(header); value != want {
					t.Errorf("%s is %q, want %q", header, value, want)
				}
			}
		})
	}
}
