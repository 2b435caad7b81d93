package cloudfront

import (
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"

	"airlock/local/template"
)

// Results of a request, as X-Cache and the log call them.
const (
	resultMiss  = "Miss"
	resultError = "Error"
)

// headersPolicy is a response headers policy ("Understand response headers
// policies").
type headersPolicy struct {
	template.ResponseHeadersPolicy
}

// newHeadersPolicy refuses what CloudFront does not accept in a policy.
func newHeadersPolicy(p template.ResponseHeadersPolicy) (*headersPolicy, error) {
	for _, name := range p.Remove {
		if !removable(name) {
			return nil, fmt.Errorf("a response headers policy cannot remove %s", name)
		}
	}
	if p.CORS != nil {
		for _, origin := range p.CORS.AllowOrigins {
			if origin != "*" && strings.Contains(strings.TrimPrefix(originHost(origin), "*."), "*") {
				return nil, fmt.Errorf("a star in the allowed origin %s is not its leftmost label", origin)
			}
		}
	}
	return &headersPolicy{p}, nil
}

// removable reports whether a policy may remove a header: AWS lists those it
// may not.
func removable(name string) bool {
	name = strings.ToLower(name)
	for _, pattern := range []string{
		"connection", "content-encoding", "content-length", "expect", "host", "keep-alive", "proxy-authenticate",
		"proxy-authorization", "proxy-connection", "trailer", "transfer-encoding", "upgrade", "via", "warning",
		"x-accel-buffering", "x-accel-charset", "x-accel-limit-rate", "x-accel-redirect", "x-amz-cf-*", "x-amzn-auth",
		"x-amzn-cf-billing", "x-amzn-cf-id", "x-amzn-cf-xff", "x-amzn-errortype", "x-amzn-fle-profile",
		"x-amzn-header-count", "x-amzn-header-order", "x-amzn-lambda-integration-tag", "x-amzn-requestid", "x-cache",
		"x-edge-*", "x-forwarded-proto", "x-real-ip",
	} {
		// The patterns are well formed, so there is no error.
		if matched, _ := path.Match(pattern, name); matched {
			return false
		}
	}
	return true
}

// finishHeaders makes of an origin's headers, or of the edge's own, those that
// the viewer gets.
func finishHeaders(h http.Header, r *http.Request, id requestID, b *behavior, status int) {
	if b != nil && b.headers != nil {
		b.headers.apply(h, r)
	}
	if h.Get("Server") == "" {
		h.Set("Server", "CloudFront")
	}
	h.Set("Via", id.via)
	h.Set("X-Amz-Cf-Id", id.id)
	h.Set("X-Cache", resultOf(status)+" from cloudfront")
}

func resultOf(status int) string {
	if status >= http.StatusBadRequest {
		return resultError
	}
	return resultMiss
}

// apply removes first and adds then, so that a header in both is there.
func (p *headersPolicy) apply(h http.Header, r *http.Request) {
	for _, name := range p.Remove {
		h.Del(name)
	}
	for _, header := range p.Headers {
		setHeader(h, header.Name, header.Value, header.Override)
	}
	if origin := r.Header.Get("Origin"); origin != "" && p.CORS != nil {
		applyCORS(h, r, *p.CORS, origin)
	}
}

// applyCORS answers a request that names the origin of its page. An origin
// that is not allowed gets none of the headers.
func applyCORS(h http.Header, r *http.Request, c template.ResponseCORS, origin string) {
	allowed := ""
	for _, pattern := range c.AllowOrigins {
		if pattern == "*" {
			allowed = "*"
			break
		}
		if originMatches(pattern, origin) {
			allowed = origin
		}
	}
	if allowed == "" {
		return
	}
	setHeader(h, "Access-Control-Allow-Origin", allowed, c.Override)
	if c.AllowCredentials {
		setHeader(h, "Access-Control-Allow-Credentials", "true", c.Override)
	}
	if len(c.ExposeHeaders) > 0 {
		setHeader(h, "Access-Control-Expose-Headers", strings.Join(c.ExposeHeaders, ","), c.Override)
	}

	// The rest is for preflights only. No behavior here allows OPTIONS, so the
	// answer that carries it is a 403 and the preflight fails.
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return
	}
	setHeader(h, "Access-Control-Allow-Methods", strings.Join(corsMethods(c.AllowMethods), ","), c.Override)
	if len(c.AllowHeaders) > 0 {
		setHeader(h, "Access-Control-Allow-Headers", strings.Join(c.AllowHeaders, ","), c.Override)
	}
	if c.MaxAge > 0 {
		setHeader(h, "Access-Control-Max-Age", strconv.Itoa(int(c.MaxAge.Seconds())), c.Override)
	}
}

// corsMethods spells out ALL.
func corsMethods(methods []string) []string {
	for _, m := range methods {
		if m == "ALL" {
			return []string{"GET", "DELETE", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}
		}
	}
	return methods
}

// originMatches compares the origin of a page with an allowed one: a pattern
// without a scheme stands for every scheme, and a star as the leftmost label
// for one or more labels.
func originMatches(pattern, origin string) bool {
	if scheme, _, found := strings.Cut(pattern, "://"); found && !strings.HasPrefix(origin, scheme+"://") {
		return false
	}
	host := originHost(origin)
	if suffix, found := strings.CutPrefix(originHost(pattern), "*."); found {
		label, matched := strings.CutSuffix(host, "."+suffix)
		return matched && label != ""
	}
	return host == originHost(pattern)
}

func originHost(origin string) string {
	if _, host, found := strings.Cut(origin, "://"); found {
		return host
	}
	return origin
}

// setHeader is the policy's "origin override": without it a header of the
// origin stays.
func setHeader(h http.Header, name, value string, override bool) {
	if _, present := h[http.CanonicalHeaderKey(name)]; override || !present {
		h.Set(name, value)
	}
}
