package iam

import (
	"maps"
	"strconv"
	"strings"
)

// Principal is somebody who holds credentials. Operator may do everything that
// no resource policy denies; any other principal may do what its policies, or
// the resource's, allow. The zero value is an anonymous caller.
type Principal struct {
	Name     string // for messages: a function's logical id, "operator"
	ARN      string // what a policy's Principal is matched with: a role's ARN, or cloudfront.amazonaws.com
	Operator bool
	Policies []Policy
	// Context holds condition keys that every request of this principal
	// carries, lower case: aws:sourcearn for a service.
	Context map[string][]string
	// Decided is told of every request of this principal, and whether it was
	// allowed; nil: nobody. It may be called from many goroutines at once.
	Decided func(r Request, allowed bool)
}

// Request is one thing somebody wants to do.
type Request struct {
	Action   string              // s3:PutObject
	Resource string              // ARN
	Context  map[string][]string // condition keys, lower case: aws:securetransport, s3:if-none-match
}

// Allowed says whether p may do r, given the resource's own policies, too.
// Within one account either side may grant, and a denial on either side wins
// ("Policy evaluation for requests within a single account").
func (p *Principal) Allowed(r Request, resource ...Policy) bool {
	return p.decide(r, resource).allowed
}

// Authorize is nil when p may do r, and an AccessDeniedException otherwise.
func (p *Principal) Authorize(r Request, resource ...Policy) error {
	v := p.decide(r, resource)
	if v.allowed {
		return nil
	}
	service, _, _ := strings.Cut(r.Action, ":")
	return refuse(service, "AccessDeniedException",
		"User: "+p.sessionARN()+" is not authorized to perform: "+r.Action+" on resource: "+r.Resource+" "+v.reason)
}

// verdict is an answer with its reason, which is empty where it is yes.
type verdict struct {
	allowed bool
	reason  string
}

func (p *Principal) decide(r Request, resource []Policy) verdict {
	r.Context = p.contextOf(r)
	v := p.evaluate(r, resource)
	if p.Decided != nil {
		p.Decided(r, v.allowed)
	}
	return v
}

func (p *Principal) evaluate(r Request, resource []Policy) verdict {
	allowed := p.Operator
	for _, policy := range p.Policies {
		switch policy.Evaluate(p.ARN, r) {
		case Deny:
			return verdict{reason: "with an explicit deny in an identity-based policy"}
		case Allow:
			allowed = true
		case NoMatch:
		}
	}
	for _, policy := range resource {
		switch policy.Evaluate(p.ARN, r) {
		case Deny:
			return verdict{reason: "with an explicit deny in a resource-based policy"}
		case Allow:
			// A document that names no principal is a role's. Attached to a
			// resource by mistake, it must not open it to the world.
			allowed = allowed || policy.namesPrincipals
		case NoMatch:
		}
	}
	if !allowed {
		return verdict{reason: "because no identity-based policy allows the " + r.Action + " action"}
	}
	return verdict{allowed: true}
}

// contextOf adds what AWS knows of every caller. What the principal carries
// wins over what the request says.
func (p *Principal) contextOf(r Request) map[string][]string {
	keys := make(map[string][]string, len(r.Context)+len(p.Context)+2)
	maps.Copy(keys, r.Context)
	isARN := strings.HasPrefix(p.ARN, "arn:")
	if isARN {
		keys["aws:principalarn"] = []string{p.ARN}
	}
	keys["aws:principalisawsservice"] = []string{strconv.FormatBool(p.ARN != "" && !isARN)}
	maps.Copy(keys, p.Context)
	return keys
}

// sessionARN is how AWS's messages name the caller: whoever uses a role's
// temporary credentials appears as the session, which Lambda names after the
// function ("Principal: assumed-role session principals").
func (p *Principal) sessionARN() string {
	if p.ARN == "" {
		return "anonymous"
	}
	parts := strings.SplitN(p.ARN, ":", 6)
	if len(parts) != 6 || parts[2] != "iam" || !strings.HasPrefix(parts[5], "role/") {
		return p.ARN
	}
	role := parts[5][strings.LastIndexByte(parts[5], '/')+1:] // a session's ARN has no path
	return "arn:" + parts[1] + ":sts::" + parts[4] + ":assumed-role/" + role + "/" + p.Name
}
