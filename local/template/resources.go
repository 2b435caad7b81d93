package template

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

var logicalID = regexp.MustCompile(`^[A-Za-z0-9]{1,255}$`)

// resource is one entry of Resources.
type resource struct {
	id, typ    string
	at         cursor // the whole entry
	properties cursor // unresolved, Globals merged in
	dependsOn  cursor
	active     bool // its Condition holds

	uses   map[string]bool // the resources that must be made before it
	name   string
	naming state
}

func (r *resource) needs(id string) { r.uses[id] = true }

// serverless is the last part of a type that SAM's transform expands, or "".
func (r *resource) serverless() string {
	section, ok := strings.CutPrefix(r.typ, "AWS::Serverless::")
	if !ok {
		return ""
	}
	return section
}

// resourceType says how a type of resource is read.
type resourceType struct {
	// order is 0 for what others name, 2 for what attaches to others, 3 for what
	// looks at these.
	order int
	// nameProperty sets the physical name, if the type has one that can be set.
	nameProperty string
	read         func(*loader, *resource, *object)
}

// typeNamed knows all types of resources there are here.
func typeNamed(name string) (resourceType, bool) {
	if strings.HasPrefix(name, customType) {
		return resourceType{2, "", (*loader).readCustomResource}, true
	}
	switch name {
	case "AWS::Serverless::Function":
		return resourceType{1, "FunctionName", (*loader).readFunction}, true
	case "AWS::Serverless::HttpApi":
		return resourceType{0, "", (*loader).readHTTPAPI}, true
	case "AWS::ApiGatewayV2::DomainName":
		return resourceType{0, "DomainName", (*loader).readAPIDomain}, true
	case "AWS::ApiGatewayV2::ApiMapping":
		return resourceType{2, "", (*loader).readAPIMapping}, true
	case "AWS::Lambda::Permission":
		return resourceType{2, "", (*loader).readPermission}, true
	case "AWS::IAM::Role":
		return resourceType{0, "RoleName", (*loader).readRole}, true
	case "AWS::Logs::LogGroup":
		return resourceType{0, "LogGroupName", (*loader).readLogGroup}, true
	case "AWS::S3::Bucket":
		return resourceType{1, "BucketName", (*loader).readBucket}, true
	case "AWS::S3::BucketPolicy":
		return resourceType{2, "", (*loader).readBucketPolicy}, true
	case "AWS::SQS::Queue":
		return resourceType{0, "QueueName", (*loader).readQueue}, true
	case "AWS::SQS::QueuePolicy":
		return resourceType{2, "", (*loader).readQueuePolicy}, true
	case "AWS::DynamoDB::Table":
		return resourceType{1, "TableName", (*loader).readTable}, true
	case "AWS::SecretsManager::Secret":
		return resourceType{1, "Name", (*loader).readSecret}, true
	case "AWS::SecretsManager::RotationSchedule":
		return resourceType{3, "", (*loader).readRotationSchedule}, true
	case "AWS::Cognito::UserPool":
		return resourceType{0, "UserPoolName", (*loader).readUserPool}, true
	case "AWS::Cognito::UserPoolDomain":
		return resourceType{1, "Domain", (*loader).readUserPoolDomain}, true
	case "AWS::Cognito::UserPoolResourceServer":
		return resourceType{1, "", (*loader).readUserPoolResourceServer}, true
	case "AWS::Cognito::UserPoolClient":
		return resourceType{2, "", (*loader).readUserPoolClient}, true
	case "AWS::CloudWatch::Alarm":
		return resourceType{2, "AlarmName", (*loader).readAlarm}, true
	case "AWS::CloudWatch::Dashboard":
		return resourceType{2, "DashboardName", (*loader).readDashboard}, true
	case "AWS::CloudFront::Distribution":
		return resourceType{1, "", (*loader).readDistribution}, true
	case "AWS::CloudFront::OriginAccessControl":
		return resourceType{0, "", (*loader).readOriginAccessControl}, true
	case "AWS::CloudFront::CachePolicy":
		return resourceType{0, "", (*loader).readCachePolicy}, true
	case "AWS::CloudFront::ResponseHeadersPolicy":
		return resourceType{0, "", (*loader).readResponseHeadersPolicy}, true
	}
	return resourceType{}, false
}

// parts are resources that the Stack holds only as parts of others.
type parts struct {
	policiesOfRole  map[string][]any                  // by ARN
	apis            map[string]apiDefaults            // by id
	apiDomains      map[string]*APIDomain             // by name
	cachePolicies   map[string]CachePolicy            // by id
	responseHeaders map[string]*ResponseHeadersPolicy // by id
	accessControls  map[string]bool                   // by id
	queuePolicies   map[string]string                 // by queue ARN: logical id of its policy
	rotatable       map[string]string                 // by function ARN: logical id of Secrets Manager's permission
	routes          map[string]bool                   // taken ones
	notifications   []bucketNotification
}

func newParts() parts {
	return parts{
		policiesOfRole:  map[string][]any{},
		apis:            map[string]apiDefaults{},
		apiDomains:      map[string]*APIDomain{},
		cachePolicies:   map[string]CachePolicy{},
		responseHeaders: map[string]*ResponseHeadersPolicy{},
		accessControls:  map[string]bool{},
		queuePolicies:   map[string]string{},
		rotatable:       map[string]string{},
		routes:          map[string]bool{},
	}
}

func (l *loader) readResources(at cursor) {
	at.eachField(func(id string, at cursor) {
		if !logicalID.MatchString(id) {
			at.problem("a logical id is letters and digits")
		}
		if _, taken := l.parameters[id]; taken {
			at.problem("is the name of a parameter, too")
		}
		l.readEntry(id, at)
	})
	for _, r := range l.resources {
		l.readDependsOn(r)
	}
	// What refers to a resource that could not be read would only repeat that.
	if l.problems.err() != nil {
		return
	}
	for order := range 4 {
		for _, r := range l.resources {
			if t, ok := typeNamed(r.typ); ok && t.order == order && r.active {
				l.readProperties(r, t)
			}
		}
	}
	l.checkOrder()
	l.checkNotifications()
	l.checkNames()
}

// readEntry reads a resource's attributes, all but its properties.
func (l *loader) readEntry(id string, at cursor) {
	r := &resource{id: id, at: at, uses: map[string]bool{}}
	at.fields(func(o *object) {
		typ := o.get("Type").required()
		r.typ = typ.text()
		if _, ok := typeNamed(r.typ); !ok && typ.readable() {
			typ.problem("resource type %q is not known", r.typ)
		}
		r.active = l.holds(o.get("Condition"))
		r.properties = l.mergedProperties(r, o.get("Properties"))
		if metadata := o.get("Metadata"); r.typ == "AWS::Serverless::Function" {
			metadata.required().fields(func(o *object) {
				// The one way to build a function; the embedded Lambda calls the same target.
				o.get("BuildMethod").required().oneOf("makefile")
			})
		}
		// What happens to data when the stack goes: here it goes with the folder.
		o.get("DeletionPolicy").oneOf("Delete", "Retain", "RetainExceptOnCreate")
		o.get("UpdateReplacePolicy").oneOf("Delete", "Retain")
		r.dependsOn = o.get("DependsOn")
	})
	l.resources = append(l.resources, r)
	l.byID[id] = r
}

func (l *loader) readDependsOn(r *resource) {
	names := []cursor{r.dependsOn}
	if r.dependsOn.is(kindList) {
		names = r.dependsOn.list()
	}
	for _, name := range names {
		id := name.text()
		if !name.readable() {
			continue
		}
		if l.byID[id] == nil {
			name.problem("%q is not a resource", id)
			continue
		}
		r.needs(id)
	}
}

func (l *loader) readProperties(r *resource, t resourceType) {
	properties := r.properties
	if !properties.is(kindMapping) {
		properties.fields(func(*object) {})
		return
	}
	s := scope{from: r, sam: r.serverless() != ""}
	resolved := &node{kind: kindMapping, line: properties.n.line}
	for _, p := range properties.n.pairs {
		of := s
		if s.sam && p.key == "Events" {
			// SAM makes resources of their own of the events: what these name
			// is not needed before the function.
			of.from = nil
		}
		if v := l.resolve(p.value, join(r.id, p.key), of); v.kind != kindNone {
			resolved.pairs = append(resolved.pairs, pair{p.key, p.line, v})
		}
	}
	properties.n = resolved
	properties.fields(func(o *object) {
		if t.nameProperty != "" {
			o.get(t.nameProperty).text()
		}
		t.read(l, r, o)
	})
}

// mergedProperties are r's, under those that Globals gives its type.
func (l *loader) mergedProperties(r *resource, at cursor) cursor {
	at.path = r.id
	if at.n == nil {
		at.n = &node{kind: kindMapping, line: r.at.n.line}
	}
	if global := l.globals[r.serverless()]; global != nil {
		at.n = merge(global, at.n)
	}
	return at
}

// checkOrder refuses resources that need each other, as CloudFormation does.
func (l *loader) checkOrder() {
	reached := map[string]state{}
	var visit func(path []string, id string)
	visit = func(path []string, id string) {
		path = append(path, id)
		switch reached[id] {
		case done:
			return
		case underWay:
			circle := path[slices.Index(path, id):]
			l.byID[id].at.problem("circular dependency between resources: %s", strings.Join(circle, " -> "))
			return
		}
		reached[id] = underWay
		for _, next := range sortedKeys(l.byID[id].uses) {
			if l.byID[next].active {
				visit(path, next)
			}
		}
		reached[id] = done
	}
	for _, r := range l.resources {
		if r.active {
			visit(nil, r.id)
		}
	}
}

// waitsFor says whether CloudFormation makes id before r.
func (l *loader) waitsFor(r *resource, id string, seen map[string]bool) bool {
	if r.uses[id] {
		return true
	}
	seen[r.id] = true
	for next := range r.uses {
		if !seen[next] && l.waitsFor(l.byID[next], id, seen) {
			return true
		}
	}
	return false
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
