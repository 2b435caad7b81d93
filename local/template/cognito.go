package template

import (
	"regexp"
	"slices"
	"strings"
)

// readUserPool reads an AWS::Cognito::UserPool. The embedded AWS plays none, since
// it has an issuer of its own: it is read so that what is deployed is right.
func (l *loader) readUserPool(r *resource, o *object) {
	p := UserPool{LogicalID: r.id, ID: l.attributeText(r, "")}
	o.get("AdminCreateUserConfig").required().fields(func(o *object) {
		// A pool that CloudFormation makes lets anyone sign up otherwise.
		o.get("AllowAdminCreateUserOnly").required().oneOf("true")
	})
	p.UsernameAttributes = o.get("UsernameAttributes").textsOf("email", "phone_number")
	p.AutoVerifiedAttributes = o.get("AutoVerifiedAttributes").textsOf("email", "phone_number")
	o.get("AccountRecoverySetting").fields(func(o *object) {
		for _, at := range o.get("RecoveryMechanisms").required().list() {
			at.fields(func(o *object) {
				p.Recovery = append(p.Recovery, o.get("Name").required().oneOf("verified_email", "verified_phone_number", "admin_only"))
				if o.get("Priority").required().integer(1, 2) != len(p.Recovery) {
					o.get("Priority").problem("mechanisms stand in the order of their priorities")
				}
			})
		}
	})
	o.get("Policies").required().fields(func(o *object) {
		o.get("PasswordPolicy").required().fields(func(o *object) {
			// Amazon Cognito Developer Guide, "Adding user pool password requirements".
			p.PasswordLength = o.get("MinimumLength").required().integer(8, 99)
			for _, kind := range []string{"Lowercase", "Uppercase", "Numbers", "Symbols"} {
				if o.get("Require" + kind).required().boolean() {
					p.PasswordNeeds = append(p.PasswordNeeds, kind)
				}
			}
		})
	})
	o.inconsequential("UserPoolTags") // for people and bills
	l.stack.UserPools = append(l.stack.UserPools, p)
}

// pool finds the pool that a resource belongs to.
func (l *loader) pool(o *object) *UserPool {
	at := o.get("UserPoolId").required()
	i := slices.IndexFunc(l.stack.UserPools, func(p UserPool) bool { return p.ID == at.text() })
	if i < 0 {
		if at.readable() {
			at.problem("must be an AWS::Cognito::UserPool of the template, by !Ref")
		}
		return &UserPool{}
	}
	return &l.stack.UserPools[i]
}

func (l *loader) readUserPoolClient(r *resource, o *object) {
	pool := l.pool(o)
	c := UserPoolClient{
		LogicalID: r.id, ID: l.attributeText(r, ""),
		Secret: o.get("GenerateSecret").required().boolean(),
		Flows: o.get("ExplicitAuthFlows").textsOf("ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH",
			"ALLOW_ADMIN_USER_PASSWORD_AUTH"),
		Grants: o.get("AllowedOAuthFlows").textsOf("client_credentials"),
		Scopes: o.get("AllowedOAuthScopes").texts(),
	}
	// LEGACY tells whether a user exists.
	if existence := o.get("PreventUserExistenceErrors"); len(c.Flows) > 0 {
		existence.required().oneOf("ENABLED")
	}
	if len(c.Grants) > 0 {
		o.get("AllowedOAuthFlowsUserPoolClient").required().oneOf("true")
		if !c.Secret {
			o.get("GenerateSecret").problem("client_credentials needs a secret")
		}
		if pool.Domain == "" {
			o.at.problem("its pool has no AWS::Cognito::UserPoolDomain, where such tokens are to be had")
		}
	}
	for _, at := range o.get("AllowedOAuthScopes").list() {
		server, known := pool.Scopes[at.text()]
		switch {
		case !at.readable():
		case !known:
			at.problem("no AWS::Cognito::UserPoolResourceServer has it")
		case !l.waitsFor(r, server, map[string]bool{}):
			o.at.problem("must be made after %s (DependsOn), which has its scope", server)
		}
	}
	pool.Clients = append(pool.Clients, c)
}

var domainPrefix = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

func (l *loader) readUserPoolDomain(r *resource, o *object) {
	pool := l.pool(o)
	pool.Domain = l.attributeText(r, "")
	// Amazon Cognito Developer Guide, "Using the Amazon Cognito domain".
	for _, word := range []string{"aws", "amazon", "cognito"} {
		if strings.Contains(pool.Domain, word) {
			o.get("Domain").problem("Cognito refuses the word %s in it", word)
		}
	}
}

func (l *loader) readUserPoolResourceServer(r *resource, o *object) {
	pool := l.pool(o)
	identifier := o.get("Identifier").required().text()
	o.get("Name").required().text()
	if pool.Scopes == nil {
		pool.Scopes = map[string]string{}
	}
	for _, at := range o.get("Scopes").required().list() {
		at.fields(func(o *object) {
			o.get("ScopeDescription").required().text()
			pool.Scopes[identifier+"/"+o.get("ScopeName").required().text()] = r.id
		})
	}
}
