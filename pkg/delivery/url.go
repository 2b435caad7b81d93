package delivery

import (
	"strconv"

	"airlock/pkg/api"
	"airlock/pkg/objectkey"
	"airlock/pkg/signingkey"
)

// maxURLBytes is CloudFront's limit for a whole URL.
const maxURLBytes = 8192

// signURL makes the signed URL of one object. feature/cloudfront/sign knows
// neither SHA-256 nor escaping, so this is our own (docs/adr/0005).
//
// The key goes into the policy in the very bytes that go on the wire, since the
// edge rebuilds a canned policy from the URL it sees. In them * and ? are
// %2A and %3F: a policy would take the bare characters for wildcards.
func signURL(c Config, key signingkey.Key, object objectkey.Key, t terms) (string, error) {
	url := make([]byte, 0, 1024)
	url = append(append(url, c.BaseURL...), '/')
	url = object.AppendURLPath(url)

	policy := appendPolicy(make([]byte, 0, len(url)+192), url, t)
	if t.canned() {
		url = append(url, "?Expires="...)
		url = strconv.AppendInt(url, t.expires.Unix(), 10)
	} else {
		url = append(url, "?Policy="...)
		url = signingkey.AppendBase64(url, policy)
	}
	url = append(url, "&Signature="...)
	url, err := key.AppendSignature(url, c.Hash, policy)
	if err != nil {
		return "", err
	}
	url = append(append(url, "&Key-Pair-Id="...), key.ID()...)
	if c.Hash == signingkey.SHA256 {
		url = append(url, "&Hash-Algorithm=SHA256"...)
	}
	if len(url) > maxURLBytes {
		return "", api.Refuse(api.InvalidObjectKey, "the URL of a key would be longer than the %d bytes CloudFront takes", maxURLBytes)
	}
	return string(url), nil
}

// appendPolicy writes the policy statement that is signed. Without start and
// source it is, to the byte, the canned policy the edge rebuilds. resource holds
// no character that JSON would escape.
func appendPolicy(b, resource []byte, t terms) []byte {
	b = append(b, `{"Statement":[{"Resource":"`...)
	b = append(b, resource...)
	b = append(b, `","Condition":{"DateLessThan":{"AWS:EpochTime":`...)
	b = strconv.AppendInt(b, t.expires.Unix(), 10)
	b = append(b, '}')
	if !t.notBefore.IsZero() {
		b = append(b, `,"DateGreaterThan":{"AWS:EpochTime":`...)
		b = strconv.AppendInt(b, t.notBefore.Unix(), 10)
		b = append(b, '}')
	}
	if t.source.IsValid() {
		b = append(b, `,"IpAddress":{"AWS:SourceIp":"`...)
		b = t.source.AppendTo(b)
		b = append(b, `"}`...)
	}
	return append(b, `}}]}`...)
}
