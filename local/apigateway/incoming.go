package apigateway

import (
	"encoding/base64"
	"errors"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// incoming is a request in payload format 2.0's terms.
type incoming struct {
	method, path, protocol string
	sourceIP, userAgent    string
	rawQuery               string
	query                  map[string]string
	headers                map[string]string
	cookies                []string
	body                   string
	base64                 bool
}

// newIncoming fails on what JSON, and so an event, cannot carry.
func newIncoming(r *http.Request, body []byte) (incoming, error) {
	in := incoming{
		method:    r.Method,
		path:      eventPath(r.URL),
		protocol:  r.Proto,
		sourceIP:  sourceIP(r.RemoteAddr),
		userAgent: r.UserAgent(),
		rawQuery:  r.URL.RawQuery,
	}
	if !utf8.ValidString(in.path) {
		return incoming{}, errors.New("the path is not UTF-8")
	}
	var err error
	if in.query, err = joinQuery(in.rawQuery); err != nil {
		return incoming{}, err
	}
	if in.headers, in.cookies, err = joinHeaders(r.Header); err != nil {
		return incoming{}, err
	}
	// net/http keeps this one apart; AWS has it even on a GET.
	in.headers["content-length"] = strconv.Itoa(len(body))
	in.body, in.base64 = eventBody(r.Header.Get("Content-Type"), body)
	return in, nil
}

// eventPath is rawPath, which in an HTTP API is not raw: it arrives decoded, so
// that /a%2Fb is /a/b to routes and functions alike, and ends at an encoded
// question mark (observed on AWS: fastify/aws-lambda-fastify#169,
// honojs/hono#2156, middleapi/standard-server#93). "API Gateway decodes
// URL-encoded request parameters before passing them to your backend
// integration" (Create routes for HTTP APIs).
func eventPath(u *url.URL) string {
	path, _, _ := strings.Cut(u.Path, "?")
	if path == "" {
		return "/"
	}
	return path
}

func sourceIP(remoteAddr string) string {
	host, _, err := net.SplitHostPort(remoteAddr)
	if err != nil {
		return remoteAddr
	}
	return host
}

// joinQuery decodes the query, "duplicate query strings are combined with
// commas" (payload format differences). nil: there is none.
func joinQuery(raw string) (map[string]string, error) {
	var query map[string]string
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := unescape(name)
		if err != nil {
			return nil, err
		}
		if value, err = unescape(value); err != nil {
			return nil, err
		}
		if query == nil {
			query = make(map[string]string)
		}
		if earlier, ok := query[name]; ok {
			value = earlier + "," + value
		}
		query[name] = value
	}
	return query, nil
}

func unescape(s string) (string, error) {
	s, err := url.QueryUnescape(s)
	if err != nil || !utf8.ValidString(s) {
		return "", errors.New("the query is not URL-encoded UTF-8")
	}
	return s, nil
}

// joinHeaders writes names in lower case, "duplicate headers are combined with
// commas", and cookies stand apart.
func joinHeaders(header http.Header) (map[string]string, []string, error) {
	// What Connection names is of this connection too (RFC 9110, 7.6.1).
	var named []string
	for _, line := range header["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			named = append(named, strings.ToLower(strings.TrimSpace(name)))
		}
	}
	headers := make(map[string]string, len(header)+5)
	var cookies []string
	for name, values := range header {
		joined := strings.Join(values, ",")
		if !utf8.ValidString(joined) {
			return nil, nil, errors.New("a header is not UTF-8")
		}
		name = strings.ToLower(name)
		switch {
		case hopByHop(name), slices.Contains(named, name):
		case name == "cookie":
			for _, line := range values {
				for cookie := range strings.SplitSeq(line, ";") {
					if cookie = strings.TrimSpace(cookie); cookie != "" {
						cookies = append(cookies, cookie)
					}
				}
			}
		default:
			headers[name] = joined
		}
	}
	return headers, cookies, nil
}

// hopByHop knows the headers of one connection (RFC 9110, 7.6.1), by lower-case
// name.
func hopByHop(name string) bool {
	switch name {
	case "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization",
		"te", "trailer", "transfer-encoding", "upgrade":
		return true
	}
	return false
}

// eventBody encodes binary bodies. "If the content type of the request is
// binary, the body is base64-encoded"; which types are text is not documented.
// Observed on AWS (ministackorg/ministack#766): text/* and JSON, XML and
// JavaScript; all else, form data and no type at all included, is binary.
// The +json and +xml types count as what they are built on. A text that is not
// UTF-8 is sent encoded rather than damaged.
func eventBody(contentType string, body []byte) (string, bool) {
	if len(body) == 0 {
		return "", false
	}
	if textual(contentType) && utf8.Valid(body) {
		return string(body), false
	}
	return base64.StdEncoding.EncodeToString(body), true
}

func textual(contentType string) bool {
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	switch mediaType {
	case "application/json", "application/xml", "application/javascript":
		return true
	}
	return strings.HasPrefix(mediaType, "text/") ||
		strings.HasSuffix(mediaType, "+json") || strings.HasSuffix(mediaType, "+xml")
}
