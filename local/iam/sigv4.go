package iam

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	isoBasic   = "20060102T150405Z"

	// maxClockSkew is how far a request's date may lie from ours, either way.
	maxClockSkew = 5 * time.Minute
)

// Authenticate verifies the SigV4 Authorization header of r for service in
// region and says who signed it. body is the whole request body. Errors are
// *Error. It checks, in this order, that the header is complete, its scope and
// date are ours, the access key exists with this session token and has not
// expired, and that the signature covers this very request.
func (d *Directory) Authenticate(r *http.Request, body []byte, region, service string) (*Principal, error) {
	if len(r.Header.Values("Authorization")) == 0 {
		return nil, refuse(service, "MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	a, problem := parseAuthorization(r.Header)
	if problem != "" {
		return nil, refuse(service, "IncompleteSignatureException", problem)
	}
	if problem = a.checkScope(region, service); problem != "" {
		return nil, refuse(service, "InvalidSignatureException", problem)
	}
	if problem = a.checkSignedHeaders(r.Header); problem != "" {
		return nil, refuse(service, "InvalidSignatureException", problem)
	}

	principal, credentials, ok := d.Lookup(a.accessKeyID)
	token := r.Header.Get("X-Amz-Security-Token")
	if !ok || subtle.ConstantTimeCompare([]byte(token), []byte(credentials.SessionToken)) != 1 {
		return nil, refuse(service, "UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	if credentials.expired() {
		return nil, refuse(service, "ExpiredTokenException", "The security token included in the request is expired")
	}

	mismatch := refuse(service, "InvalidSignatureException", "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	payloadHash := hexSHA256(body)
	// Only S3 takes an unsigned payload; elsewhere a hash that is sent is the body's.
	if sent := r.Header.Values("X-Amz-Content-Sha256"); len(sent) > 0 && (len(sent) > 1 || sent[0] != payloadHash) {
		return nil, mismatch
	}
	canonical, ok := canonicalRequest(r, a.signedHeaders, payloadHash)
	if !ok || !hmac.Equal([]byte(a.sign(credentials.SecretAccessKey, canonical)), []byte(a.signature)) {
		return nil, mismatch
	}
	return principal, nil
}

// authorization is a parsed Authorization header with the request's date.
type authorization struct {
	accessKeyID   string
	day           string // 20260131
	region        string
	service       string
	terminator    string
	signedHeaders []string
	signature     string
	date          time.Time
}

// parseAuthorization says what is missing, in AWS's words, but never repeats
// what was sent: a bearer token in the wrong place must not reach a log.
func parseAuthorization(h http.Header) (a authorization, problem string) {
	values := h.Values("Authorization")
	if len(values) != 1 {
		return a, "Authorization header must be sent once."
	}
	scheme, rest, _ := strings.Cut(strings.TrimSpace(values[0]), " ")
	if scheme != algorithm {
		return a, "Authorization header requires the algorithm " + algorithm + "."
	}
	fields := make(map[string]string, 3)
	for part := range strings.SplitSeq(rest, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if _, repeated := fields[name]; !ok || repeated {
			return a, "Authorization header holds something that is not a valid key=value pair, or one twice."
		}
		fields[name] = value
	}
	var missing []string
	for _, name := range []string{"Credential", "Signature", "SignedHeaders"} {
		if fields[name] == "" {
			missing = append(missing, "Authorization header requires '"+name+"' parameter.")
		}
	}
	date := h.Get("X-Amz-Date")
	if date == "" {
		date = h.Get("Date")
	}
	if date == "" {
		missing = append(missing, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	if len(missing) > 0 {
		return a, strings.Join(missing, " ")
	}
	if len(fields) > 3 {
		return a, "Authorization header holds a parameter that is not Credential, SignedHeaders or Signature."
	}
	scope := strings.Split(fields["Credential"], "/")
	if len(scope) != 5 {
		return a, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term."
	}
	at, err := time.Parse(isoBasic, date)
	if err != nil {
		return a, "Date must be in ISO-8601 'basic format'."
	}
	return authorization{
		accessKeyID: scope[0], day: scope[1], region: scope[2], service: scope[3], terminator: scope[4],
		signedHeaders: strings.Split(fields["SignedHeaders"], ";"),
		signature:     fields["Signature"],
		date:          at,
	}, ""
}

func (a authorization) checkScope(region, service string) (problem string) {
	now := time.Now().UTC()
	date := a.date.Format(isoBasic)
	switch {
	case a.region != region:
		return "Credential should be scoped to a valid region."
	case a.service != service:
		return "Credential should be scoped to correct service: '" + service + "'."
	case a.terminator != terminator:
		return "Credential should be scoped with a valid terminator: '" + terminator + "'."
	case a.day != date[:len("20060102")]:
		return "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP."
	case a.date.Before(now.Add(-maxClockSkew)):
		return "Signature expired: " + date + " is now earlier than " + now.Add(-maxClockSkew).Format(isoBasic) +
			" (" + now.Format(isoBasic) + " - 5 min.)"
	case a.date.After(now.Add(maxClockSkew)):
		return "Signature not yet current: " + date + " is still later than " + now.Add(maxClockSkew).Format(isoBasic) +
			" (" + now.Format(isoBasic) + " + 5 min.)"
	}
	return ""
}

// checkSignedHeaders holds to "Create a signed AWS API request": host and every
// x-amz- header that is sent must be signed. Otherwise X-Amz-Target, which
// chooses the operation, could be exchanged on the way.
func (a authorization) checkSignedHeaders(h http.Header) (problem string) {
	signed := make(map[string]bool, len(a.signedHeaders))
	for _, name := range a.signedHeaders {
		signed[name] = true
	}
	if !signed["host"] {
		return "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
	}
	for name := range h {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") && !signed[name] {
			return "'" + name + "' must be a 'SignedHeader' in the AWS Authorization."
		}
	}
	return ""
}

// sign derives the day's key from the secret and signs a canonical request.
func (a authorization) sign(secretAccessKey, canonical string) string {
	scope := strings.Join([]string{a.day, a.region, a.service, a.terminator}, "/")
	key := []byte("AWS4" + secretAccessKey)
	for _, part := range []string{a.day, a.region, a.service, a.terminator} {
		key = hmacSHA256(key, part)
	}
	text := strings.Join([]string{algorithm, a.date.Format(isoBasic), scope, hexSHA256([]byte(canonical))}, "\n")
	return hex.EncodeToString(hmacSHA256(key, text))
}

func hmacSHA256(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
