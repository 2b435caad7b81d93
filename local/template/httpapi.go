package template

import (
	"slices"
	"strings"
)

// apiDefaults are what the events of functions take from their API.
type apiDefaults struct {
	logicalID   string
	authorizer  string // of routes that name none; "" for none
	authorizers []string
}

func (l *loader) readHTTPAPI(r *resource, o *object) {
	api := HTTPAPI{LogicalID: r.id, ID: l.apiID(r), Host: l.apiHost(l.apiID(r))}
	defaults := apiDefaults{logicalID: r.id}
	literal(r.properties, "Auth", "DefaultAuthorizer")
	literal(r.properties, "Auth", "Authorizers", "*", "IdentitySource")
	o.get("Auth").fields(func(o *object) {
		o.get("Authorizers").eachField(func(name string, at cursor) {
			if name == "NONE" || name == "AWS_IAM" {
				at.problem("SAM gives this name a meaning of its own")
			}
			at.fields(func(o *object) { api.Authorizers = append(api.Authorizers, jwtAuthorizer(name, o)) })
			defaults.authorizers = append(defaults.authorizers, name)
		})
		d := o.get("DefaultAuthorizer")
		if defaults.authorizer = d.text(); d.readable() && !slices.Contains(defaults.authorizers, defaults.authorizer) {
			d.problem("%q is not among the Authorizers", defaults.authorizer)
		}
	})
	api.CORS = apiCORS(r, o)
	// How deployment treats warnings, and texts for people.
	o.get("FailOnWarnings").boolean()
	o.inconsequential("Name", "Description", "Tags")
	// Read, but one developer is not throttled.
	o.get("DefaultRouteSettings").fields(func(o *object) {
		api.BurstLimit = o.get("ThrottlingBurstLimit").integer(0, 1<<31-1)
		api.RateLimit = o.get("ThrottlingRateLimit").integer(0, 1<<31-1)
		o.get("DetailedMetricsEnabled").boolean()
	})
	api.AccessLog = l.accessLog(o.get("AccessLogSettings"))
	l.parts.apis[api.ID] = defaults
	l.stack.APIs = append(l.stack.APIs, api)
}

func jwtAuthorizer(name string, o *object) JWTAuthorizer {
	a := JWTAuthorizer{Name: name}
	o.get("IdentitySource").oneOf("$request.header.Authorization")
	configuration := o.get("JwtConfiguration").required()
	configuration.fields(func(o *object) {
		a.Issuer = o.get("issuer").required().text()
		audience := o.get("audience").required()
		if a.Audience = audience.texts(); audience.readable() && len(a.Audience) == 0 {
			audience.problem("API Gateway wants at least one")
		}
	})
	return a
}

// apiCORS reads the API's CORS from either of its two places.
func apiCORS(r *resource, o *object) *APICORS {
	short := o.get("CorsConfiguration")
	var fromDefinition *APICORS
	o.get("DefinitionBody").fields(func(o *object) {
		if v := o.get("openapi").required(); v.readable() && !strings.HasPrefix(v.text(), "3.0.") {
			v.problem("API Gateway imports OpenAPI 3.0")
		}
		o.get("info").required().fields(func(o *object) {
			o.get("title").required().text()
			o.get("version").required().text()
		})
		o.get("paths").required().fields(func(*object) {}) // routes come from the functions' events
		o.get("x-amazon-apigateway-cors").fields(func(o *object) {
			fromDefinition = corsOf(o, [6]string{
				"allowOrigins", "allowMethods", "allowHeaders", "exposeHeaders", "allowCredentials", "maxAge",
			})
		})
	})
	if !short.present() {
		return fromDefinition
	}
	if o.get("DefinitionBody").present() {
		short.problem("not together with DefinitionBody: write x-amazon-apigateway-cors there")
		return nil
	}
	// SAM's transform takes an intrinsic in AllowOrigins for the whole
	// configuration, and the methods and headers are lost.
	raw := r.properties.n.get("CorsConfiguration")
	if origins := raw.get("AllowOrigins"); raw.kind == kindCall || origins != nil && origins.kind == kindCall {
		short.problem("an intrinsic in AllowOrigins takes the place of the whole configuration in SAM's transform: " +
			"use DefinitionBody with x-amazon-apigateway-cors")
		return nil
	}
	var cors *APICORS
	short.fields(func(o *object) {
		cors = corsOf(o, [6]string{
			"AllowOrigins", "AllowMethods", "AllowHeaders", "ExposeHeaders", "AllowCredentials", "MaxAge",
		})
	})
	return cors
}

func corsOf(o *object, keys [6]string) *APICORS {
	c := &APICORS{
		AllowOrigins:     o.get(keys[0]).texts(),
		AllowMethods:     o.get(keys[1]).textsOf("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "*"),
		AllowHeaders:     o.get(keys[2]).texts(),
		ExposeHeaders:    o.get(keys[3]).texts(),
		AllowCredentials: o.get(keys[4]).boolean(),
		MaxAge:           o.get(keys[5]).seconds(-1, 86400),
	}
	// Amazon API Gateway Developer Guide, "Configure CORS for HTTP APIs".
	if c.AllowCredentials && slices.Contains(c.AllowOrigins, "*") {
		o.get(keys[4]).problem("not together with the origin *")
	}
	return c
}
