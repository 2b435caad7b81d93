package apigateway

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// answer is what goes back to the client. Header names are in canonical form.
type answer struct {
	status    int
	header    http.Header
	body      []byte
	preflight bool
	problem   string
}

// refuse is an answer of the gateway's own, such as {"message":"Not Found"}.
// The problem is for the access log only.
func refuse(status int, problem string) answer {
	body := fmt.Appendf(nil, `{"message":%q}`, http.StatusText(status))
	return answer{status: status, header: http.Header{"Content-Type": {"application/json"}}, body: body, problem: problem}
}

func (a answer) writeTo(w http.ResponseWriter) {
	bodiless := a.status == http.StatusNoContent || a.status == http.StatusNotModified
	if !bodiless {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	if !bodiless {
		_, _ = w.Write(a.body) // a client that has gone is no concern of ours
	}
}

// decodeResponse reads a function's response of format 2.0 (Create AWS Lambda
// proxy integrations for HTTP APIs, Lambda function response format). Without a
// statusCode the response itself is the body.
func decodeResponse(payload []byte) (answer, error) {
	if !json.Valid(payload) {
		return answer{}, errors.New("it is not JSON")
	}
	// Keys are looked up by hand: encoding/json would take STATUSCODE as well.
	var fields map[string]json.RawMessage
	if bytes.HasPrefix(bytes.TrimSpace(payload), []byte("{")) {
		if err := json.Unmarshal(payload, &fields); err != nil {
			return answer{}, errors.New("it is not a JSON object")
		}
	}
	if _, ok := fields["statusCode"]; !ok {
		return inferResponse(payload), nil
	}

	a := answer{header: make(http.Header)}
	var headers map[string]string
	var cookies []string
	var body *string
	var encoded bool
	for name, into := range map[string]any{
		"statusCode":      &a.status,
		"headers":         &headers,
		"cookies":         &cookies,
		"body":            &body,
		"isBase64Encoded": &encoded,
	} {
		if raw, ok := fields[name]; ok {
			if err := json.Unmarshal(raw, into); err != nil {
				return answer{}, fmt.Errorf("its %s is of another type than format 2.0 wants", name)
			}
		}
	}
	var multi map[string][]string
	if raw, ok := fields["multiValueHeaders"]; ok && (json.Unmarshal(raw, &multi) != nil || len(multi) > 0) {
		// Format 2.0 has no such field and AWS drops it; a function that relies
		// on it is better told here.
		return answer{}, errors.New("it has multiValueHeaders, which format 2.0 does not")
	}
	if a.status < 200 || a.status > 599 {
		return answer{}, errors.New("its statusCode is not one of a final answer")
	}
	if err := a.setHeaders(headers, cookies); err != nil {
		return answer{}, err
	}
	if body != nil {
		a.body = []byte(*body)
	}
	if encoded {
		decoded, err := base64.StdEncoding.DecodeString(string(a.body))
		if err != nil {
			return answer{}, errors.New("its body is not base64")
		}
		a.body = decoded
	}
	if len(a.body) > 0 && a.header.Get("Content-Type") == "" {
		a.header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	return a, nil
}

// inferResponse is AWS's reading of a response without statusCode: 200,
// application/json, and the response is the body; a string stands without its
// quotes, as in the documentation's table.
func inferResponse(payload []byte) answer {
	a := answer{status: http.StatusOK, body: payload, header: http.Header{"Content-Type": {"application/json"}}}
	var text string
	if trimmed := bytes.TrimSpace(payload); len(trimmed) > 0 && trimmed[0] == '"' && json.Unmarshal(trimmed, &text) == nil {
		a.body = []byte(text)
	}
	return a
}

func (a *answer) setHeaders(headers map[string]string, cookies []string) error {
	for name, value := range headers {
		if !validHeader(name, value) {
			return errors.New("it has a header that HTTP does not allow")
		}
		if !ownedByGateway(name) {
			a.header[http.CanonicalHeaderKey(name)] = append(a.header[http.CanonicalHeaderKey(name)], value)
		}
	}
	for _, cookie := range cookies {
		if !validHeader("set-cookie", cookie) {
			return errors.New("it has a cookie that HTTP does not allow")
		}
		a.header.Add("Set-Cookie", cookie)
	}
	return nil
}

// ownedByGateway names what belongs to the connection, or to the gateway, and
// not to a function.
func ownedByGateway(name string) bool {
	name = strings.ToLower(name)
	return hopByHop(name) || name == "content-length" || name == "apigw-requestid"
}

func validHeader(name, value string) bool {
	if name == "" {
		return false
	}
	for _, c := range []byte(name) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	for _, c := range []byte(value) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
