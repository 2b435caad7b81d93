package template

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	variableOfLambda = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]+$`)
	routeVariable    = regexp.MustCompile(`\{[A-Za-z0-9._-]+(\+?)\}`)
	routeText        = regexp.MustCompile(`^[A-Za-z0-9._~:@!$&'()*,;=%-]+$`)
)

// readGlobals keeps what Globals says of functions and HTTP APIs. Their
// properties are checked where they are merged into a resource.
func (l *loader) readGlobals(at cursor) {
	at.fields(func(o *object) {
		function := o.get("Function")
		function.fields(func(o *object) {
			// AWS SAM Developer Guide, "Globals section": neither Role, Events
			// nor FunctionName can stand there.
			for _, key := range []string{
				"Runtime", "Handler", "Architectures", "CodeUri", "Timeout", "MemorySize",
				"Environment", "LoggingConfig", "Tracing", "Description", "Tags",
			} {
				o.get(key)
			}
		})
		api := o.get("HttpApi")
		api.fields(func(o *object) {
			for _, key := range []string{"Auth", "CorsConfiguration", "DefaultRouteSettings", "FailOnWarnings", "AccessLogSettings", "Tags"} {
				o.get(key)
			}
		})
		l.globals["Function"], l.globals["HttpApi"] = function.n, api.n
	})
}

// merge is SAM's: mappings key by key, lists one after the other, and of all
// else, an intrinsic included, the resource's own (AWS SAM Developer Guide,
// "Overridable properties").
func merge(global, own *node) *node {
	switch {
	case global.kind == kindMapping && own.kind == kindMapping:
		out := &node{kind: kindMapping, line: own.line}
		for _, p := range global.pairs {
			if v := own.get(p.key); v != nil {
				p.value = merge(p.value, v)
			}
			out.pairs = append(out.pairs, p)
		}
		for _, p := range own.pairs {
			if global.get(p.key) == nil {
				out.pairs = append(out.pairs, p)
			}
		}
		return out
	case global.kind == kindList && own.kind == kindList:
		return &node{kind: kindList, line: own.line, items: slices.Concat(global.items, own.items)}
	}
	return own
}

// literal refuses an intrinsic on the way of keys from at, where SAM's transform
// must read what it expands before anything is resolved. "*" is any key.
func literal(at cursor, keys ...string) {
	if at.is(kindCall) {
		at.problem("%s may not stand here: SAM's transform reads the value itself", at.n.text)
		return
	}
	if len(keys) == 0 || !at.is(kindMapping) {
		return
	}
	for _, p := range at.n.pairs {
		if keys[0] == "*" || keys[0] == p.key {
			literal(cursor{n: p.value, path: join(at.path, p.key), problems: at.problems}, keys[1:]...)
		}
	}
}

func (l *loader) readFunction(r *resource, o *object) {
	f := Function{
		LogicalID:           r.id,
		Name:                l.attributeText(r, ""),
		ARN:                 l.attributeText(r, "Arn"),
		Timeout:             or(o.get("Timeout"), 3*time.Second, func(c cursor) time.Duration { return c.seconds(1, 900) }),
		MemoryMB:            or(o.get("MemorySize"), 128, func(c cursor) int { return c.integer(128, 10240) }),
		RoleARN:             o.get("Role").required().text(),
		ReservedConcurrency: or(o.get("ReservedConcurrentExecutions"), 0, func(c cursor) int { return c.integer(1, 1000) }),
		Tracing:             or(o.get("Tracing"), "PassThrough", func(c cursor) string { return c.oneOf("PassThrough", "Active") }),
	}
	// How it is built and run on Lambda; here it is built for this machine.
	o.get("Runtime").required().oneOf("provided.al2023")
	o.get("Handler").required().oneOf("bootstrap")
	o.get("CodeUri").required().oneOf(".")
	o.get("Architectures").textsOf("arm64", "x86_64")
	if a := o.get("Architectures"); a.is(kindList) && len(a.n.items) != 1 {
		a.problem("a function has one architecture")
	}
	// Texts for people, and where the logs go.
	o.inconsequential("Description", "Tags")
	o.get("LoggingConfig").fields(func(o *object) { o.get("LogGroup").required().text() })

	role := o.get("Role")
	policies, ok := l.parts.policiesOfRole[f.RoleARN]
	if !ok && role.readable() {
		role.problem("must be the Arn of an AWS::IAM::Role of the template, by !GetAtt")
	}
	f.Policies = policies
	o.get("Environment").fields(func(o *object) { f.Environment = environment(o.get("Variables")) })
	literal(r.properties, "Events", "*", "Type")
	literal(r.properties, "Events", "*", "Properties", "Method")
	literal(r.properties, "Events", "*", "Properties", "Path")
	literal(r.properties, "Events", "*", "Properties", "Auth", "Authorizer")
	o.get("Events").eachField(func(_ string, at cursor) {
		at.fields(func(o *object) {
			properties := o.get("Properties").required()
			switch o.get("Type").required().oneOf("HttpApi", "SQS", "Schedule") {
			case "HttpApi":
				properties.fields(func(o *object) { f.Routes = append(f.Routes, l.route(r, o)) })
			case "Schedule":
				properties.fields(func(o *object) { f.Schedules = append(f.Schedules, schedule(o)) })
			case "SQS":
				properties.fields(func(o *object) { f.Queues = append(f.Queues, l.eventSource(f, o)) })
			}
		})
	})
	l.stack.Functions = append(l.stack.Functions, f)
}

// environment reads variables as Lambda takes them (AWS Lambda Developer Guide,
// "Working with Lambda environment variables").
func environment(at cursor) map[string]string {
	reserved := []string{
		"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID",
		"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
		"AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
		"AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API",
	}
	out := map[string]string{}
	at.eachField(func(key string, at cursor) {
		switch {
		case !variableOfLambda.MatchString(key):
			at.problem("no name for an environment variable of Lambda")
		case slices.Contains(reserved, key):
			at.problem("is reserved by Lambda")
		}
		out[key] = at.text()
	})
	if measured, err := json.Marshal(out); err == nil && len(measured) > 4096 {
		at.problem("the variables have %d bytes as JSON: Lambda takes 4096", len(measured))
	}
	return out
}

func (l *loader) route(r *resource, o *object) Route {
	api := o.get("ApiId").required()
	id := api.text()
	defaults, ok := l.parts.apis[id]
	if !ok && api.readable() {
		api.problem("must be an AWS::Serverless::HttpApi of the template, by !Ref")
	}
	route := Route{
		APILogicalID: defaults.logicalID,
		Path:         o.get("Path").required().text(),
		Authorizer:   defaults.authorizer,
	}
	method := o.get("Method").required()
	route.Method = strings.ToUpper(method.text())
	if method.readable() && !slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ANY"}, route.Method) {
		method.problem("%q is not a method of an HTTP API", method.text())
	}
	if path := o.get("Path"); path.readable() && !routePath(route.Path) {
		path.problem("%q is not a path of an HTTP API", route.Path)
	}
	o.get("PayloadFormatVersion").oneOf("2.0")
	o.get("Auth").fields(func(o *object) {
		if a := o.get("Authorizer"); a.present() {
			switch name := a.text(); {
			case name == "NONE" && defaults.authorizer == "":
				a.problem("NONE needs a DefaultAuthorizer of the API")
			case name == "NONE":
				route.Authorizer = ""
			case !slices.Contains(defaults.authorizers, name):
				a.problem("%q is not an authorizer of the API", name)
			default:
				route.Authorizer = name
			}
		}
		scopes := o.get("AuthorizationScopes")
		if route.Scopes = scopes.texts(); len(route.Scopes) > 0 && route.Authorizer == "" {
			scopes.problem("needs an authorizer")
		}
	})
	// SAM writes the function's address into the API.
	if owner := l.byID[defaults.logicalID]; owner != nil {
		owner.needs(r.id)
		key := route.APILogicalID + " " + route.Method + " " + routeVariable.ReplaceAllString(route.Path, "{$1}")
		if l.parts.routes[key] {
			o.at.problem("another event has the route %s %s", route.Method, route.Path)
		}
		l.parts.routes[key] = true
	}
	return route
}

// routePath knows /, /a/{id}/b and, at the end only, /{proxy+}.
func routePath(p string) bool {
	segments, ok := strings.CutPrefix(p, "/")
	if !ok || segments == "" {
		return ok
	}
	list := strings.Split(segments, "/")
	for i, s := range list {
		m := routeVariable.FindStringSubmatch(s)
		switch {
		case m != nil && m[0] == s:
			if m[1] == "+" && i < len(list)-1 {
				return false
			}
		case !routeText.MatchString(s):
			return false
		}
	}
	return true
}

func (l *loader) eventSource(f Function, o *object) EventSource {
	queue := o.get("Queue").required()
	e := EventSource{QueueARN: queue.text()}
	window := o.get("MaximumBatchingWindowInSeconds")
	e.BatchingWindow = window.seconds(0, 300)
	// AWS Lambda Developer Guide, "Creating and configuring an Amazon SQS event
	// source mapping": more than 10 needs a window of at least 1 second.
	most := 10
	if e.BatchingWindow > 0 {
		most = 10000
	}
	e.BatchSize = or(o.get("BatchSize"), 10, func(c cursor) int { return c.integer(1, most) })
	o.get("Enabled").oneOf("true")
	e.ReportBatchItemFailures = len(o.get("FunctionResponseTypes").textsOf("ReportBatchItemFailures")) > 0
	o.get("ScalingConfig").fields(func(o *object) {
		e.MaximumConcurrency = or(o.get("MaximumConcurrency"), 0, func(c cursor) int { return c.integer(2, 1000) })
	})
	if !queue.readable() {
		return e
	}
	i := slices.IndexFunc(l.stack.Queues, func(q Queue) bool { return q.ARN == e.QueueARN })
	if i < 0 {
		queue.problem("must be the Arn of an AWS::SQS::Queue of the template")
	} else if visibility := l.stack.Queues[i].VisibilityTimeout; visibility < f.Timeout {
		// CreateEventSourceMapping refuses it.
		queue.problem("its VisibilityTimeout of %v is less than the function's Timeout of %v", visibility, f.Timeout)
	}
	return e
}
