package stack_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"airlock/local/stack"
)

// awsWords are what AWS, or the SDK for it, would say to whoever runs the stack.
// The bare code of an error may stand in a log, where it is what helps; what
// follows it names accounts, roles and resources.
var awsWords = regexp.MustCompile(`arn:aws|amazonaws|operation error|api error|https response error|RequestID: |is not authorized to perform|security token included|signature we calculated`)

// awsCodes may not be told to clients either.
var awsCodes = regexp.MustCompile(`[A-Za-z]+Exception\b|AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|NoSuch[A-Z]`)

// echoed is what S3 repeats of a request whose signature does not match, so that
// its sender can compare ("Error responses", Amazon S3 API Reference): the
// signature and, within the canonical request's query, the session token. They
// go back to who sent them; what would make another signature is not there.
var echoed = regexp.MustCompile(`(?s)<(?:AWSAccessKeyId|StringToSign|StringToSignBytes|SignatureProvided|CanonicalRequest|CanonicalRequestBytes)>.*?` +
	`</(?:AWSAccessKeyId|StringToSign|StringToSignBytes|SignatureProvided|CanonicalRequest|CanonicalRequestBytes)>`)

// leaksOfRefusal says what must not stand in an answer of status 400 and above.
func leaksOfRefusal(f finder, service, text string) []string {
	found := f.find(text)
	if service == "s3" {
		inRest := f.find(echoed.ReplaceAllString(text, ""))
		for _, k := range []kind{signature, sessionToken} {
			if !has(inRest, k) {
				delete(found, k)
			}
		}
	}
	leaks := places(found)
	if service == "api" {
		leaks = append(leaks, awsWords.FindAllString(text, -1)...)
		leaks = append(leaks, awsCodes.FindAllString(text, -1)...)
	}
	return leaks
}

// leaksOfLine says what must not stand in a line of the stack's log, and whose
// line it is if a function wrote it.
func leaksOfLine(f finder, line string) (function string, leaks []string) {
	leaks = places(f.find(line))
	var entry struct{ Msg, Function, Line string }
	if err := json.Unmarshal([]byte(line), &entry); err != nil {
		return "", append(leaks, "no JSON")
	}
	if entry.Msg != "function" {
		return "", leaks
	}
	leaks = append(leaks, awsWords.FindAllString(entry.Line, -1)...)
	var object map[string]any
	if err := json.Unmarshal([]byte(entry.Line), &object); err != nil {
		if len(leaks) > 0 { // it is not for a test's output either
			entry.Line = "…"
		}
		leaks = append(leaks, fmt.Sprintf("not one JSON object: %.200s", entry.Line))
	}
	return entry.Function, leaks
}

func places(found map[kind]int) []string {
	var all []string
	for k, at := range found {
		all = append(all, fmt.Sprintf("%s, at byte %d", k, at))
	}
	slices.Sort(all)
	return all
}

// testNothingLeaks looks for secrets in all that a stack has said so far, of
// which lines of the talkative functions must be a part.
func testNothingLeaks(t *testing.T, s *stack.Stack, w *witness, talkative ...string) {
	f := w.finder(t, s)
	functions, lines := map[string]int{}, strings.Split(strings.TrimSpace(w.log.String()), "\n")
	for i, line := range lines {
		function, leaks := leaksOfLine(f, line)
		functions[function]++
		for _, leak := range leaks {
			t.Errorf("line %d of the log, of %q: %s", i+1, function, leak)
		}
	}
	for _, function := range talkative {
		if functions[function] == 0 {
			t.Errorf("%s has logged nothing: there is nothing to check", function)
		}
	}
	services := map[string]string{}
	for service, endpoint := range map[string]string{"api": s.Endpoints.API, "cdn": s.Endpoints.CDN, "s3": s.Endpoints.S3} {
		u, err := url.Parse(endpoint)
		if err != nil {
			t.Fatal(err)
		}
		services[u.Host] = service
	}
	w.mu.Lock()
	refusals := w.refusals
	w.mu.Unlock()
	seen := map[string]int{}
	for _, r := range refusals {
		service := r.service
		if known, ok := services[service]; ok { // the harness knows hosts alone
			service = known
		}
		seen[service]++
		for _, leak := range leaksOfRefusal(f, service, r.text) {
			t.Errorf("a refusal of %s, %.30q…: %s", service, r.text, leak)
		}
	}
	t.Logf("%d lines, of functions: %v; refusals: %v", len(lines), functions, seen)
}

// TestLeaks plants what must be found in lines and refusals, and what may stand
// there.
func TestLeaks(t *testing.T) {
	var f finder
	f.know(signature, "0123456789abcdef")
	f.know(sessionToken, "session-token-of-a-function")
	f.know(secretKey, "secret-access-key-of-a-function")
	functionLine := func(line string) string {
		b, err := json.Marshal(map[string]string{"msg": "function", "function": "F", "line": line})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, tt := range []struct {
		line  string
		leaks int
	}{
		{functionLine(`{"msg":"refused","cause":"put row: AccessDeniedException, status 400"}`), 0},
		{`{"msg":"api","route":"POST /uploads"}`, 0},
		{`{"msg":"api","arn":"arn:aws:iam::1:role/r"}`, 0}, // of the stack, not of a function
		{functionLine(`{"cause":"arn:aws:iam::1:role/r"}`), 1},
		{functionLine(`{"cause":"operation error DynamoDB: PutItem"}`), 1},
		{functionLine(`{"cause":"User: x is not authorized to perform: y"}`), 1},
		{functionLine(`{"url":"?X-Amz-Signature=ab"}`), 1},
		{functionLine(`{} {}`), 1},
		{functionLine(`[]`), 1},
		{functionLine(`panic: x`), 1},
		{functionLine(`{"half":`), 1},
		{`{"msg":"s3","secret":"secret-access-key-of-a-function"}`, 1},
		{`no JSON`, 1},
	} {
		if _, leaks := leaksOfLine(f, tt.line); len(leaks) != tt.leaks {
			t.Errorf("leaksOfLine(%s) = %q, want %d", tt.line, leaks, tt.leaks)
		}
	}
	for _, tt := range []struct {
		service, text string
		leaks         int
	}{
		{"api", `{"code":"not_found","requestId":"1"}`, 0},
		{"api", `{"detail":"arn:aws:s3:::b"}`, 1},
		{"api", `{"detail":"AccessDeniedException"}`, 1},
		{"api", `{"detail":"-----BEGIN PRIVATE KEY-----"}`, 1},
		{"cdn", `<Code>AccessDenied</Code>`, 0},
		{"cdn", `<Code>AccessDenied</Code> &Signature=ab`, 1},
		{"s3", `<Code>SignatureDoesNotMatch</Code><SignatureProvided>0123456789abcdef</SignatureProvided>`, 0},
		{"s3", `<CanonicalRequest>PUT` + "\n" + `X-Amz-Security-Token=session-token-of-a-function</CanonicalRequest>`, 0},
		{"s3", `<CanonicalRequest></CanonicalRequest><Signature>0123456789abcdef</Signature><CanonicalRequest></CanonicalRequest>`, 1},
		{"s3", `<Token>session-token-of-a-function</Token>`, 1},
		{"s3", `<CanonicalRequest>secret-access-key-of-a-function</CanonicalRequest>`, 1},
		{"s3", `<StringToSign>Bearer 0123456789abcdeX</StringToSign>`, 1},
		{"dynamodb", `{"message":"session-token-of-a-function"}`, 1},
	} {
		if leaks := leaksOfRefusal(f, tt.service, tt.text); len(leaks) != tt.leaks {
			t.Errorf("leaksOfRefusal(%s, %s) = %q, want %d", tt.service, tt.text, leaks, tt.leaks)
		}
	}
}
