package template

import (
	"slices"
	"strings"
)

// readAPIDomain reads an AWS::ApiGatewayV2::DomainName. Nobody calls the
// embedded API by it: what counts is that all that is needed is there.
func (l *loader) readAPIDomain(r *resource, o *object) {
	d := &APIDomain{LogicalID: r.id, Name: l.attributeText(r, "")}
	o.get("DomainName").required()
	configurations := o.get("DomainNameConfigurations").required().list()
	if len(configurations) != 1 {
		o.get("DomainNameConfigurations").problem("one configuration is known")
	}
	for _, at := range configurations {
		at.fields(func(o *object) {
			certificate := o.get("CertificateArn").required()
			d.CertificateARN = certificate.text()
			if certificate.readable() && !strings.HasPrefix(d.CertificateARN, "arn:aws:acm:"+l.options.Region+":") {
				certificate.problem("must be a certificate in the stack's region")
			}
			// An HTTP API has no other kind.
			o.get("EndpointType").required().oneOf("REGIONAL")
			o.get("SecurityPolicy").required().oneOf("TLS_1_2")
		})
	}
	o.inconsequential("Tags") // for people and bills
	l.parts.apiDomains[d.Name] = d
}

// readAPIMapping reads an AWS::ApiGatewayV2::ApiMapping, which gives an API its domain.
func (l *loader) readAPIMapping(_ *resource, o *object) {
	api, domain := o.get("ApiId").required(), o.get("DomainName").required()
	// Another stage, or a path before the routes, would be another API to its callers.
	o.get("Stage").required().oneOf("$default")
	i := slices.IndexFunc(l.stack.APIs, func(a HTTPAPI) bool { return a.ID == api.text() })
	d := l.parts.apiDomains[domain.text()]
	switch {
	case !api.readable() || !domain.readable():
	case i < 0:
		api.problem("must be an AWS::Serverless::HttpApi of the template, by !Ref")
	case d == nil:
		domain.problem("must be an AWS::ApiGatewayV2::DomainName of the template, by !Ref")
	case l.stack.APIs[i].Domain != nil:
		domain.problem("the API has another domain, and one is known")
	default:
		l.stack.APIs[i].Domain = d
	}
}
