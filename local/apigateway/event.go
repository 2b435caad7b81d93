package apigateway

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// event is what a function gets: payload format 2.0 (Create AWS Lambda proxy
// integrations for HTTP APIs). A field without a value is left out, as on AWS.
type event struct {
	Version               string            `json:"version"`
	RouteKey              string            `json:"routeKey"`
	RawPath               string            `json:"rawPath"`
	RawQueryString        string            `json:"rawQueryString"`
	Cookies               []string          `json:"cookies,omitempty"`
	Headers               map[string]string `json:"headers"`
	QueryStringParameters map[string]string `json:"queryStringParameters,omitempty"`
	RequestContext        requestContext    `json:"requestContext"`
	Body                  string            `json:"body,omitempty"`
	PathParameters        map[string]string `json:"pathParameters,omitempty"`
	IsBase64Encoded       bool              `json:"isBase64Encoded"`
}

type requestContext struct {
	AccountID    string           `json:"accountId"`
	APIID        string           `json:"apiId"`
	Authorizer   *eventAuthorizer `json:"authorizer,omitempty"`
	DomainName   string           `json:"domainName"`
	DomainPrefix string           `json:"domainPrefix"`
	HTTP         eventHTTP        `json:"http"`
	RequestID    string           `json:"requestId"`
	RouteKey     string           `json:"routeKey"`
	Stage        string           `json:"stage"`
	Time         string           `json:"time"`
	TimeEpoch    int64            `json:"timeEpoch"`
}

type eventHTTP struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

type eventAuthorizer struct {
	JWT grant `json:"jwt"`
}

// grant is what a verified token lets the function know.
type grant struct {
	Claims map[string]string `json:"claims"`
	Scopes []string          `json:"scopes"` // null unless the route asks for scopes
}

// event renders the request for its function.
func (s *Service) event(in incoming, matched *route, params map[string]string, granted *grant, requestID string, start time.Time) ([]byte, error) {
	e := event{
		Version:               "2.0",
		RouteKey:              matched.key,
		RawPath:               in.path,
		RawQueryString:        in.rawQuery,
		Cookies:               in.cookies,
		Headers:               in.headers,
		QueryStringParameters: in.query,
		RequestContext: requestContext{
			AccountID:    s.config.AccountID,
			APIID:        s.config.API.ID,
			DomainName:   s.config.API.Host,
			DomainPrefix: s.config.API.ID,
			HTTP: eventHTTP{
				Method: in.method, Path: in.path, Protocol: in.protocol,
				SourceIP: in.sourceIP, UserAgent: in.userAgent,
			},
			RequestID: requestID,
			RouteKey:  matched.key,
			Stage:     "$default",
			Time:      start.UTC().Format("02/Jan/2006:15:04:05 -0700"),
			TimeEpoch: start.UnixMilli(),
		},
		Body:            in.body,
		PathParameters:  params,
		IsBase64Encoded: in.base64,
	}
	if granted != nil {
		e.RequestContext.Authorizer = &eventAuthorizer{JWT: *granted}
	}
	e.Headers["host"] = s.config.API.Host
	e.Headers["x-forwarded-proto"] = "https"
	e.Headers["x-forwarded-port"] = "443"
	e.Headers["x-amzn-trace-id"] = newTraceID(start)
	// What the client says of where it comes from stays in front.
	if before := e.Headers["x-forwarded-for"]; before != "" {
		e.Headers["x-forwarded-for"] = before + ", " + in.sourceIP
	} else {
		e.Headers["x-forwarded-for"] = in.sourceIP
	}

	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(e); err != nil {
		return nil, fmt.Errorf("encoding the event: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// newTraceID makes an X-Ray root: the time in hex, then 96 random bits.
func newTraceID(start time.Time) string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process first
	return fmt.Sprintf("Root=1-%08x-%s", start.Unix(), hex.EncodeToString(b[:]))
}
