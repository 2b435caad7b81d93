package template

import (
	"net/textproto"
	"strconv"
)

// readResponseHeadersPolicy turns the configuration into the headers CloudFront
// sends for it (Amazon CloudFront Developer Guide, "Understand response headers
// policies").
func (l *loader) readResponseHeadersPolicy(r *resource, o *object) {
	p := &ResponseHeadersPolicy{}
	o.get("ResponseHeadersPolicyConfig").required().fields(func(o *object) {
		o.get("Name").required().text()
		o.get("Comment").text()
		o.get("SecurityHeadersConfig").fields(p.readSecurityHeaders)
		o.get("CustomHeadersConfig").fields(func(o *object) {
			for _, at := range o.get("Items").required().list() {
				at.fields(func(o *object) {
					name := o.get("Header").required()
					// CreateResponseHeadersPolicy refuses it.
					if security(name.text()) {
						name.problem("is a security header: set it in SecurityHeadersConfig")
					}
					p.add(o, name.text(), o.get("Value").required().text())
				})
			}
		})
		o.get("RemoveHeadersConfig").fields(func(o *object) {
			for _, at := range o.get("Items").required().list() {
				at.fields(func(o *object) { p.Remove = append(p.Remove, o.get("Header").required().text()) })
			}
		})
		o.get("CorsConfig").fields(func(o *object) { p.CORS = responseCORS(o) })
	})
	l.parts.responseHeaders[l.policyID(r)] = p
}

func security(header string) bool {
	switch textproto.CanonicalMIMEHeaderKey(header) {
	case "Strict-Transport-Security", "X-Content-Type-Options", "Content-Security-Policy",
		"Referrer-Policy", "X-Frame-Options", "X-Xss-Protection":
		return true
	}
	return false
}

// add appends a header whose configuration, with its Override, is o.
func (p *ResponseHeadersPolicy) add(o *object, name, value string) {
	p.Headers = append(p.Headers, ResponseHeader{Name: name, Value: value, Override: o.get("Override").required().boolean()})
}

func (p *ResponseHeadersPolicy) readSecurityHeaders(o *object) {
	o.get("StrictTransportSecurity").fields(func(o *object) {
		value := "max-age=" + strconv.Itoa(o.get("AccessControlMaxAgeSec").required().integer(0, 1<<31-1))
		if o.get("IncludeSubdomains").boolean() {
			value += "; includeSubDomains"
		}
		if o.get("Preload").boolean() {
			value += "; preload"
		}
		p.add(o, "Strict-Transport-Security", value)
	})
	o.get("ContentTypeOptions").fields(func(o *object) { p.add(o, "X-Content-Type-Options", "nosniff") })
	o.get("ContentSecurityPolicy").fields(func(o *object) {
		p.add(o, "Content-Security-Policy", o.get("ContentSecurityPolicy").required().text())
	})
	o.get("ReferrerPolicy").fields(func(o *object) {
		p.add(o, "Referrer-Policy", o.get("ReferrerPolicy").required().oneOf(
			"no-referrer", "no-referrer-when-downgrade", "origin", "origin-when-cross-origin",
			"same-origin", "strict-origin", "strict-origin-when-cross-origin", "unsafe-url"))
	})
	o.get("FrameOptions").fields(func(o *object) {
		p.add(o, "X-Frame-Options", o.get("FrameOption").required().oneOf("DENY", "SAMEORIGIN"))
	})
	o.get("XSSProtection").fields(func(o *object) {
		on, block, report := o.get("Protection").required().boolean(), o.get("ModeBlock"), o.get("ReportUri")
		value := "0"
		switch {
		case block.boolean() && report.present():
			report.problem("not together with ModeBlock")
		case !on && (block.boolean() || report.present()):
			o.at.problem("ModeBlock and ReportUri need Protection")
		case block.boolean():
			value = "1; mode=block"
		case report.present():
			value = "1; report=" + report.text()
		case on:
			value = "1"
		}
		p.add(o, "X-XSS-Protection", value)
	})
}

func responseCORS(o *object) *ResponseCORS {
	items := func(at cursor) (out []cursor) {
		at.fields(func(o *object) { out = o.get("Items").required().list() })
		return out
	}
	texts := func(at cursor) (out []string) {
		for _, item := range items(at) {
			out = append(out, item.text())
		}
		return out
	}
	c := &ResponseCORS{
		AllowOrigins:     texts(o.get("AccessControlAllowOrigins").required()),
		AllowHeaders:     texts(o.get("AccessControlAllowHeaders").required()),
		ExposeHeaders:    texts(o.get("AccessControlExposeHeaders")),
		AllowCredentials: o.get("AccessControlAllowCredentials").required().boolean(),
		MaxAge:           o.get("AccessControlMaxAgeSec").seconds(0, 1<<31-1),
		Override:         o.get("OriginOverride").required().boolean(),
	}
	for _, item := range items(o.get("AccessControlAllowMethods").required()) {
		c.AllowMethods = append(c.AllowMethods, item.oneOf("GET", "DELETE", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "ALL"))
	}
	return c
}
