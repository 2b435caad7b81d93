package s3

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3err"

	"airlock/local/iam"
)

const arnPrefix = "arn:aws:s3:::"

// access decides who may do what: the gateway asks it as its IAM service.
type access struct {
	iam       *iam.Directory
	accountID string
	policies  map[string]iam.Policy // by bucket
}

func newAccess(c Config) (*access, error) {
	a := &access{iam: c.IAM, accountID: c.AccountID, policies: make(map[string]iam.Policy)}
	for _, b := range c.Buckets {
		if b.Policy == nil {
			continue
		}
		p, err := iam.ParsePolicy(b.Policy)
		if err != nil {
			return nil, fmt.Errorf("reading the policy of bucket %s: %w", b.Name, err)
		}
		a.policies[b.Name] = p
	}
	return a, nil
}

// bucketPolicies gives the policy of the bucket that an ARN lies in, if it has one.
func (a *access) bucketPolicies(resource string) []iam.Policy {
	bucket, _, _ := strings.Cut(strings.TrimPrefix(resource, arnPrefix), "/")
	if p, ok := a.policies[bucket]; ok {
		return []iam.Policy{p}
	}
	return nil
}

// EvaluatePolicy answers for every resource and action, identity and bucket
// policies together; the gateway itself is never shown a bucket policy. facts
// is what GetBucketAcl has put in the place of the session token.
func (a *access) EvaluatePolicy(accessKeyID, facts string, actions []auth.Action, resources []string, condition map[string][]string) (auth.PolicyEvaluation, error) {
	principal, _, ok := a.iam.Lookup(accessKeyID)
	if !ok {
		return auth.PolicyEvaluation{}, s3err.GetInvalidAccessKeyIdErr(accessKeyID)
	}
	conditions := make(map[string][]string, len(condition))
	for key, values := range condition {
		conditions[strings.ToLower(key)] = values
	}
	known, err := url.ParseQuery(facts)
	if err != nil {
		return auth.PolicyEvaluation{}, fmt.Errorf("reading the facts of a request: %w", err)
	}
	maps.Copy(conditions, known)
	conditions["aws:securetransport"] = []string{"true"} // loopback counts as TLS

	answer := auth.PolicyEvaluation{PrincipalArn: principal.ARN}
	fill(&answer.Decisions, len(resources), len(actions), func(i, j int) iam.Decision {
		r := iam.Request{Action: string(actions[j]), Resource: resources[i], Context: conditions}
		return decide(principal, r, a.bucketPolicies(resources[i]))
	})
	return answer, nil
}

// decide tells an explicit denial from a missing permission, for the wording
// of the refusal: no bucket is owned by a caller, so both refuse.
func decide(p *iam.Principal, r iam.Request, bucket []iam.Policy) iam.Decision {
	if p.Allowed(r, bucket...) {
		return iam.Allow
	}
	for _, policy := range slices.Concat(p.Policies, bucket) {
		if policy.Evaluate(p.ARN, r) == iam.Deny {
			return iam.Deny
		}
	}
	return iam.NoMatch
}

// fill makes a matrix of the gateway's decisions, whose type has no name out
// here. It numbers them as iam does: no match, allow, deny.
func fill[D ~int](matrix *[][]D, rows, columns int, decide func(i, j int) iam.Decision) {
	*matrix = make([][]D, rows)
	for i := range *matrix {
		(*matrix)[i] = make([]D, columns)
		for j := range (*matrix)[i] {
			(*matrix)[i][j] = D(decide(i, j))
		}
	}
}

// mayList says whether whoever makes the request in ctx may know which keys
// there are.
func (a *access) mayList(ctx context.Context, bucket string) bool {
	r := requestFrom(ctx)
	ask := r.ask("s3:ListBucket", arnPrefix+bucket)
	if r.anonymous {
		return a.anyoneMay(ask)
	}
	caller, _ := ctx.Value("account").(auth.Account)
	principal, _, ok := a.iam.Lookup(caller.Access)
	return ok && principal.Allowed(ask, a.bucketPolicies(ask.Resource)...)
}

func (a *access) anyoneMay(r iam.Request) bool {
	return (&iam.Principal{}).Allowed(r, a.bucketPolicies(r.Resource)...)
}

// ask words a question about the request that the gateway does not ask.
func (r request) ask(action, resource string) iam.Request {
	conditions := map[string][]string{
		"aws:sourceip":        {r.sourceIP},
		"aws:securetransport": {"true"},
	}
	maps.Copy(conditions, r.context)
	return iam.Request{Action: action, Resource: resource, Context: conditions}
}

// values is how a request's context takes what it should remember.
type values interface {
	SetUserValue(key, value any)
}

// GetBucketAcl reads who owns a bucket. The gateway asks it once the caller is
// authenticated and before anything is authorized, and later gives the
// account's session token, which nothing else reads, to EvaluatePolicy: so the
// facts of the request travel there.
func (s *store) GetBucketAcl(ctx context.Context, in *s3.GetBucketAclInput) ([]byte, error) {
	if v, ok := ctx.(values); ok {
		if caller, ok := ctx.Value("account").(auth.Account); ok {
			caller.SessionToken = requestFrom(ctx).context.Encode()
			v.SetUserValue("account", caller)
		}
	}
	return s.Posix.GetBucketAcl(ctx, in)
}

// GetBucketPolicy hides bucket policies from the gateway, which would apply
// rules of its own to them: EvaluatePolicy applies them. Only of an anonymous
// caller is it not asked, and so the gateway is told here whether this one
// object may be read.
func (s *store) GetBucketPolicy(ctx context.Context, bucket string) ([]byte, error) {
	r := requestFrom(ctx)
	if r.policy {
		return nil, s3err.GetAPIError(s3err.ErrNotImplemented)
	}
	none := s3err.GetBucketErr(s3err.ErrNoSuchBucketPolicy, bucket)
	if !r.anonymous || r.objectKey == "" || r.bucket != bucket || r.method != http.MethodGet && r.method != http.MethodHead {
		return nil, none
	}
	ask := r.ask("s3:GetObject", arnPrefix+bucket+"/"+r.objectKey)
	if !s.access.anyoneMay(ask) {
		return nil, none
	}
	return json.Marshal(map[string]any{
		"Version": "2012-10-17",
		"Statement": []map[string]any{{
			"Effect": "Allow", "Principal": "*",
			"Action": ask.Action, "Resource": arnPrefix + bucket + "/*",
		}},
	})
}

// PutBucketPolicy is refused: policies come from the template.
func (s *store) PutBucketPolicy(context.Context, string, []byte) error {
	return s3err.GetAPIError(s3err.ErrNotImplemented)
}

// DeleteBucketPolicy is refused.
func (s *store) DeleteBucketPolicy(context.Context, string) error {
	return s3err.GetAPIError(s3err.ErrNotImplemented)
}
