package template

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

func (l *loader) readDistribution(r *resource, o *object) {
	d := Distribution{
		LogicalID:          r.id,
		ID:                 l.distributionID(r),
		ARN:                "arn:aws:cloudfront::" + l.options.AccountID + ":distribution/" + l.distributionID(r),
		DomainName:         l.distributionDomain(r),
		ErrorCachingMinTTL: map[int]time.Duration{},
	}
	o.inconsequential("Tags") // for people and bills
	o.get("DistributionConfig").required().fields(func(o *object) {
		o.get("Enabled").required().oneOf("true")
		// How viewers reach the edge on the wide network, its price, and a text for people.
		o.get("Comment").text()
		o.get("HttpVersion").oneOf("http1.1", "http2", "http3", "http2and3")
		o.get("IPV6Enabled").boolean()
		o.get("PriceClass").oneOf("PriceClass_100", "PriceClass_200", "PriceClass_All")

		l.readReach(&d, o)
		d.DefaultRootObject = o.get("DefaultRootObject").text()
		for _, at := range o.get("Origins").required().list() {
			at.fields(func(o *object) { d.Origins = append(d.Origins, l.origin(o)) })
		}
		o.get("DefaultCacheBehavior").required().fields(func(o *object) { d.Default = l.behavior(d, o) })
		for _, at := range o.get("CacheBehaviors").list() {
			at.fields(func(o *object) {
				b := l.behavior(d, o)
				b.PathPattern = o.get("PathPattern").required().text()
				d.Behaviors = append(d.Behaviors, b)
			})
		}
		for _, at := range o.get("CustomErrorResponses").list() {
			at.fields(func(o *object) {
				status := o.get("ErrorCode").required()
				code, _ := strconv.Atoi(status.oneOf("400", "403", "404", "405", "414", "416", "500", "501", "502", "503", "504"))
				if _, twice := d.ErrorCachingMinTTL[code]; twice {
					status.problem("occurs twice")
				}
				d.ErrorCachingMinTTL[code] = or(o.get("ErrorCachingMinTTL"), 10*time.Second,
					func(c cursor) time.Duration { return c.seconds(0, 1<<31-1) })
			})
		}
	})
	l.stack.Distributions = append(l.stack.Distributions, d)
}

// readReach reads how viewers come to the distribution on AWS, who is kept away
// and what is written down of them. The embedded edge has one address for all.
func (l *loader) readReach(d *Distribution, o *object) {
	d.Aliases = o.get("Aliases").texts()
	certificate := o.get("ViewerCertificate")
	certificate.fields(func(o *object) {
		arn := o.get("AcmCertificateArn").required()
		if d.CertificateARN = arn.text(); arn.readable() && !strings.HasPrefix(d.CertificateARN, "arn:aws:acm:us-east-1:") {
			arn.problem("CloudFront takes certificates of us-east-1 only")
		}
		// Addresses of one's own for clients without SNI cost 600 dollars a month.
		o.get("SslSupportMethod").required().oneOf("sni-only")
		o.get("MinimumProtocolVersion").required().oneOf("TLSv1.2_2021")
	})
	if certificate.present() != (len(d.Aliases) > 0) {
		o.at.problem("Aliases and ViewerCertificate go together")
	}
	acl := o.get("WebACLId")
	if d.WebACL = acl.text(); acl.readable() && !strings.HasPrefix(d.WebACL, "arn:aws:wafv2:us-east-1:") {
		acl.problem("CloudFront takes web ACLs of us-east-1 only")
	}
	o.get("Logging").fields(func(o *object) {
		d.LogBucket = o.get("Bucket").required().text()
		d.LogPrefix = o.get("Prefix").text()
		// Signed cookies are bearer credentials.
		o.get("IncludeCookies").required().oneOf("false")
	})
}

func (l *loader) origin(o *object) Origin {
	origin := Origin{ID: o.get("Id").required().text()}
	domain := o.get("DomainName").required()
	origin.DomainName = domain.text()
	if domain.readable() && !slices.ContainsFunc(l.resources, func(r *resource) bool {
		return r.typ == "AWS::S3::Bucket" && r.active && l.attributeText(r, "RegionalDomainName") == origin.DomainName
	}) {
		domain.problem("must be the RegionalDomainName of an AWS::S3::Bucket of the template")
	}
	control := o.get("OriginAccessControlId")
	origin.OAC = l.parts.accessControls[control.text()]
	if control.readable() && !origin.OAC {
		control.problem("must be the Id of an AWS::CloudFront::OriginAccessControl of the template")
	}
	o.get("S3OriginConfig").required().fields(func(o *object) {
		// An origin access identity is the mechanism before origin access control.
		o.get("OriginAccessIdentity").oneOf("")
	})
	return origin
}

// behavior reads a cache behavior. Whatever would forward more of a request to
// the origin, or run code at the edge, is not known.
func (l *loader) behavior(d Distribution, o *object) Behavior {
	b := Behavior{
		TrustedKeyGroups: o.get("TrustedKeyGroups").texts(),
		Compress:         o.get("Compress").boolean(),
		AllowedMethods:   []string{"GET", "HEAD"},
	}
	target := o.get("TargetOriginId").required()
	b.TargetOriginID = target.text()
	if target.readable() && !slices.ContainsFunc(d.Origins, func(o Origin) bool { return o.ID == b.TargetOriginID }) {
		target.problem("%q is not among the Origins", b.TargetOriginID)
	}
	// Loopback counts as https; a behavior that lets plain http through is refused.
	o.get("ViewerProtocolPolicy").required().oneOf("https-only", "redirect-to-https")
	if methods := o.get("AllowedMethods"); methods.present() {
		b.AllowedMethods = methodSet(methods)
	}
	methodSet(o.get("CachedMethods"))

	cache := o.get("CachePolicyId").required()
	policy, ok := l.parts.cachePolicies[cache.text()]
	if b.Cache = policy; !ok && cache.readable() {
		cache.problem("must be an AWS::CloudFront::CachePolicy of the template, by !Ref")
	}
	headers := o.get("ResponseHeadersPolicyId")
	if b.ResponseHeaders = l.parts.responseHeaders[headers.text()]; b.ResponseHeaders == nil && headers.readable() {
		headers.problem("must be an AWS::CloudFront::ResponseHeadersPolicy of the template, by !Ref")
	}
	o.get("OriginRequestPolicyId").absent("the embedded edge forwards nothing")
	o.get("ForwardedValues").absent("the embedded edge forwards nothing")
	o.get("TrustedSigners").absent("use TrustedKeyGroups: keys of the account's root are not known")
	return b
}

// methodSet reads one of the sets CloudFront takes that have no writing method.
func methodSet(at cursor) []string {
	methods := at.textsOf("GET", "HEAD", "OPTIONS")
	sorted := slices.Sorted(slices.Values(methods))
	if at.readable() && !slices.Equal(sorted, []string{"GET", "HEAD"}) && !slices.Equal(sorted, []string{"GET", "HEAD", "OPTIONS"}) {
		at.problem("must be GET and HEAD, or these and OPTIONS")
	}
	return methods
}

func (l *loader) readOriginAccessControl(r *resource, o *object) {
	o.get("OriginAccessControlConfig").required().fields(func(o *object) {
		o.get("Name").required().text()
		o.get("Description").text()
		o.get("OriginAccessControlOriginType").required().oneOf("s3")
		// never and no-override let a viewer's request reach S3 unsigned.
		o.get("SigningBehavior").required().oneOf("always")
		o.get("SigningProtocol").required().oneOf("sigv4")
	})
	l.parts.accessControls[l.cloudFrontID(r)] = true
}

func (l *loader) readCachePolicy(r *resource, o *object) {
	const most = 1<<31 - 1
	var p CachePolicy
	o.get("CachePolicyConfig").required().fields(func(o *object) {
		o.get("Name").required().text()
		o.get("Comment").text()
		p.MinTTL = o.get("MinTTL").required().seconds(0, most)
		p.DefaultTTL = o.get("DefaultTTL").required().seconds(0, most)
		p.MaxTTL = o.get("MaxTTL").required().seconds(0, most)
		if p.DefaultTTL < p.MinTTL || p.MaxTTL < p.DefaultTTL {
			o.at.problem("MinTTL, DefaultTTL and MaxTTL must not fall")
		}
		o.get("ParametersInCacheKeyAndForwardedToOrigin").required().fields(func(o *object) {
			for _, of := range [][2]string{
				{"QueryStringsConfig", "QueryStringBehavior"},
				{"HeadersConfig", "HeaderBehavior"},
				{"CookiesConfig", "CookieBehavior"},
			} {
				o.get(of[0]).required().fields(func(o *object) {
					behavior := o.get(of[1]).required()
					if behavior.readable() && behavior.text() != "none" {
						behavior.problem("must be none: the embedded edge forwards nothing")
					}
				})
			}
			// Which compressed forms are kept apart: the embedded edge keeps none.
			o.get("EnableAcceptEncodingGzip").required().boolean()
			o.get("EnableAcceptEncodingBrotli").boolean()
		})
	})
	l.parts.cachePolicies[l.policyID(r)] = p
}
