package conformance

import (
	"fmt"
	"slices"
)

// legalFindings are those that are meant, and why. Those of service "" may come
// from any.
var legalFindings = []struct {
	service  string
	findings []string
	why      string
}{
	{"", []string{
		"header authorization: unknown", "header x-amz-date: unknown", "header x-amz-security-token: unknown",
	}, "a signature is no service's own"},
	{"", []string{
		"header accept-encoding: unknown", "header content-length: unknown", "header user-agent: unknown",
	}, "HTTP's"},
	{"", []string{
		"header amz-sdk-invocation-id: unknown", "header amz-sdk-request: unknown",
	}, "every AWS SDK says which attempt this is"},
	{"", []string{
		"header x-amzn-trace-id: unknown",
	}, "the SDK hands on the trace that Lambda gave the invocation"},
	{"s3", []string{
		"header x-amz-content-sha256: unknown",
	}, "S3 wants the body's hash beside the signature"},
	{"s3", []string{
		"query X-Amz-Algorithm: unknown", "query X-Amz-Credential: unknown", "query X-Amz-Date: unknown",
		"query X-Amz-Expires: unknown", "query X-Amz-Security-Token: unknown", "query X-Amz-SignedHeaders: unknown",
		"query X-Amz-Signature: unknown",
	}, "the signature of a presigned URL"},
	{"dynamodb", []string{
		"no operation: HEAD without a known X-Amz-Target",
	}, "record opens its connections before the first event"},
	{"cloudfront", []string{
		"header content-type: unknown",
	}, "the SDK names the type of XML, which botocore leaves out"},
}

// excuses keeps account of which legal findings were needed.
type excuses struct {
	services []string
	accepted map[string]bool
}

func newExcuses() *excuses { return &excuses{accepted: map[string]bool{}} }

// called notes that a request went to a service.
func (e *excuses) called(service string) {
	if !slices.Contains(e.services, service) {
		e.services = append(e.services, service)
	}
}

// accept says whether a finding is legal.
func (e *excuses) accept(service, finding string) bool {
	for _, l := range legalFindings {
		if (l.service == "" || l.service == service) && slices.Contains(l.findings, finding) {
			e.accepted[l.service+finding] = true
			return true
		}
	}
	return false
}

// idle are the legal findings that did not occur, though their service was called.
func (e *excuses) idle() (all []string) {
	for _, l := range legalFindings {
		for _, f := range l.findings {
			if (l.service == "" || slices.Contains(e.services, l.service)) && !e.accepted[l.service+f] {
				all = append(all, fmt.Sprintf("%s %s (%s)", l.service, f, l.why))
			}
		}
	}
	return all
}
