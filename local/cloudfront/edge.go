// Package cloudfront is the edge of the embedded AWS: it answers viewers the
// way a CloudFront distribution in front of an S3 bucket does. Beside it
// [Control] is the API that makes the public keys and key groups it trusts.
//
// The edge verifies signed URLs (canned and custom policies, RSA-2048 and ECDSA
// P-256, SHA-1 and SHA-256), fetches from the origin with the signature of an
// origin access control, and applies the response headers policy.
//
// # Limits
//
//   - Nothing is cached: every request asks the origin, so nothing is ever
//     stale here and the TTLs of the cache policy and of error caching have no
//     effect. X-Cache is "Miss from cloudfront" or "Error from cloudfront".
//   - Nothing is compressed. CloudFront calls its own compression best effort
//     ("Serve compressed files"), so no viewer may count on it.
//   - GET and HEAD only; a behavior that allows more is refused by [New].
//   - Signed cookies are not read: a request with cookies only is answered as
//     one with neither.
//   - A policy may be bound to IPv4 ranges; a viewer that came by IPv6 matches
//     none of them ("Create a signed URL using a custom policy").
//   - Every message and code of a refusal is one that AWS documents or that
//     people report; where neither exists it is AccessDenied.
//
// # What is trusted
//
// The configuration, whoever may make control calls, and whatever holds a private key of a trusted key group.
// Nothing of the request is: a signature stands for exactly the bytes of the
// URL on the wire, under the scheme and host of Config.URL. CloudFront
// compares the protocol as well, so the https form of a local http URL does
// not match. The viewer's address is that of its connection; X-Forwarded-For
// is not looked at.
package cloudfront

import (
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/netip"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"airlock/local/iam"
	"airlock/local/template"
)

// Config says what a [Service] serves. All fields but Log are required, and of
// KeyGroups and Keys one is enough: every group that a behavior trusts must
// exist in either.
type Config struct {
	Distribution template.Distribution

	// URL is the address viewers use, scheme and host only, as in
	// http://127.0.0.1:9002. Every other Host is refused.
	URL string

	Origins map[string]Origin // by template.Origin.ID

	// KeyGroups are groups that no control call made and none changes, by id.
	KeyGroups map[string][]PublicKey
	// Keys are those that control calls made; nil: there are none. What it
	// changes is before the edge at once, or after its propagation delay.
	Keys *Control

	// Log is told of every request once it is over; nil is silence. It may be
	// called from many goroutines at once.
	Log func(Entry)
}

// Origin is where an S3 bucket of the distribution answers locally.
type Origin struct {
	URL         string // path style: http://127.0.0.1:9001/bucket-name
	Region      string
	Credentials iam.Credentials // what the origin access control signs with
}

// Entry is what may be remembered of a request. The query is left out: it is
// what lets a bearer in.
type Entry struct {
	Method string
	Path   string // as it came, still escaped
	Status int    // 0: the viewer left before there was an answer
	Result string // Miss, or Error
}

// Service is an edge. It is an http.Handler, and safe for concurrent use.
type Service struct {
	base      string // scheme://host of every resource
	host      string
	rootKey   string // DefaultRootObject; "" if there is none
	behaviors []*behavior
	log       func(Entry)
	transport *http.Transport
	signer    *v4.Signer

	keys    *Control // nil: none
	trusted []string // what keys knows that this edge trusts

	groups map[string]map[string]crypto.PublicKey // group id, key id
}

// behavior is a cache behavior, ready to serve.
type behavior struct {
	pattern   *pattern // nil: the default one, which matches everything
	keyGroups []string // none: unsigned requests are served
	origin    *origin
	headers   *headersPolicy // nil: none
}

// Close ends the distribution for Config.Keys: its key groups may be deleted
// then. It must be called at most once, after the last request.
func (s *Service) Close() {
	if s.keys != nil {
		s.keys.release(s.trusted)
	}
}

// ServeHTTP answers one viewer request.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := newRequestID()
	var entry Entry
	t, b, refused := s.admit(r)
	if refused != admitted {
		entry = refuse(w, r, id, b, refused)
	} else {
		entry = s.forward(w, r, id, b, t)
	}
	if s.log != nil {
		entry.Method, entry.Path = r.Method, t.path
		s.log(entry)
	}
}

// admit decides whether a request may reach the origin, and by which behavior.
// The behavior is nil for requests refused before one was chosen.
func (s *Service) admit(r *http.Request) (target, *behavior, refusal) {
	t, err := parseTarget(requestURI(r))
	if err != nil {
		return t, nil, malformedTarget
	}
	if !strings.EqualFold(r.Host, s.host) {
		return t, nil, wrongHost
	}
	if len(s.base)+len(requestURI(r)) > maxURLBytes {
		return t, nil, urlTooLong
	}

	b := s.behaviorFor(t.path)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return t, b, methodNotAllowed
	}
	// "Request and response behavior for Amazon S3 origins": a GET request
	// that includes a body is answered with 403. -1 is a chunked one.
	if r.ContentLength != 0 {
		return t, b, bodyNotAllowed
	}

	if len(b.keyGroups) > 0 {
		if refused := s.verify(t, b.keyGroups, viewerAddress(r), time.Now()); refused != admitted {
			return t, b, refused
		}
	}
	return t, b, admitted
}

// behaviorFor finds the first behavior whose pattern matches; the default one
// is last and matches everything.
func (s *Service) behaviorFor(path string) *behavior {
	last := len(s.behaviors) - 1
	normal := normalizePath(path)
	for _, b := range s.behaviors[:last] {
		if b.pattern.match(normal) {
			return b
		}
	}
	return s.behaviors[last]
}

// requestURI is the target as it came on the wire. A handler that a test or a
// RoundTripper calls directly has it in URL only.
func requestURI(r *http.Request) string {
	if r.RequestURI != "" {
		return r.RequestURI
	}
	return r.URL.RequestURI()
}

// viewerAddress is the address at the other end of the connection, invalid
// where there is none.
func viewerAddress(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

// requestID is what CloudFront says of itself in an answer.
type requestID struct {
	id  string // X-Amz-Cf-Id
	via string // Via
}

func newRequestID() requestID {
	var b [56]byte
	// crypto/rand.Read never fails; it ends the program instead.
	_, _ = rand.Read(b[:])
	return requestID{
		id:  base64.URLEncoding.EncodeToString(b[:40]),
		via: "1.1 " + hex.EncodeToString(b[40:]) + ".cloudfront.net (CloudFront)",
	}
}
