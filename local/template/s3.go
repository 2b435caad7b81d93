package template

import (
	"slices"
	"strings"
)

func (l *loader) readBucket(r *resource, o *object) {
	b := Bucket{
		LogicalID:          r.id,
		Name:               l.attributeText(r, ""),
		ARN:                l.attributeText(r, "Arn"),
		DomainName:         l.attributeText(r, "DomainName"),
		RegionalDomainName: l.attributeText(r, "RegionalDomainName"),
	}
	o.get("VersioningConfiguration").fields(func(o *object) {
		// Suspended is a state of buckets that had versions once.
		b.Versioned = o.get("Status").required().oneOf("Enabled") != ""
	})
	// The embedded bucket is never public and knows no ACLs: nothing else may be asked for.
	o.get("PublicAccessBlockConfiguration").fields(func(o *object) {
		for _, key := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
			o.get(key).required().oneOf("true")
		}
	})
	o.get("OwnershipControls").fields(func(o *object) {
		for _, rule := range o.get("Rules").required().list() {
			rule.fields(func(o *object) { o.get("ObjectOwnership").required().oneOf("BucketOwnerEnforced") })
		}
	})
	// At rest the files are as well kept as the disk they lie on. Keys of KMS
	// would need permissions, and are not known.
	o.get("BucketEncryption").fields(func(o *object) {
		for _, rule := range o.get("ServerSideEncryptionConfiguration").required().list() {
			rule.fields(func(o *object) {
				o.get("BucketKeyEnabled").boolean()
				o.get("ServerSideEncryptionByDefault").required().fields(func(o *object) {
					o.get("SSEAlgorithm").required().oneOf("AES256")
				})
			})
		}
	})
	o.inconsequential("Tags") // for people and bills
	o.get("LifecycleConfiguration").fields(func(o *object) {
		for _, rule := range o.get("Rules").required().list() {
			rule.fields(func(o *object) {
				if rule, enabled := lifecycleRule(o); enabled {
					b.Lifecycle = append(b.Lifecycle, rule)
				}
			})
		}
	})
	o.get("CorsConfiguration").fields(func(o *object) {
		for _, rule := range o.get("CorsRules").required().list() {
			rule.fields(func(o *object) { b.CORS = append(b.CORS, bucketCORSRule(o)) })
		}
	})
	o.get("NotificationConfiguration").fields(func(o *object) { b.Notifications = l.notifications(r, o) })
	l.stack.Buckets = append(l.stack.Buckets, b)
}

func lifecycleRule(o *object) (rule LifecycleRule, enabled bool) {
	const most = 1<<31 - 1
	enabled = o.get("Status").required().oneOf("Enabled", "Disabled") == "Enabled"
	rule.ID = o.get("Id").text()
	rule.Prefix = o.get("Prefix").text()
	rule.ExpirationDays = or(o.get("ExpirationInDays"), 0, func(c cursor) int { return c.integer(1, most) })
	rule.ExpiredObjectDeleteMarker = o.get("ExpiredObjectDeleteMarker").boolean()
	o.get("NoncurrentVersionExpiration").fields(func(o *object) {
		rule.NoncurrentDays = o.get("NoncurrentDays").required().integer(1, most)
	})
	o.get("AbortIncompleteMultipartUpload").fields(func(o *object) {
		rule.AbortIncompleteUploadDays = o.get("DaysAfterInitiation").required().integer(1, most)
	})
	switch {
	case rule.ExpirationDays > 0 && rule.ExpiredObjectDeleteMarker:
		o.get("ExpiredObjectDeleteMarker").problem("not together with ExpirationInDays")
	case rule == LifecycleRule{ID: rule.ID, Prefix: rule.Prefix}:
		o.at.problem("the rule does nothing")
	}
	return rule, enabled
}

func bucketCORSRule(o *object) BucketCORSRule {
	rule := BucketCORSRule{
		AllowedOrigins: o.get("AllowedOrigins").required().texts(),
		AllowedMethods: o.get("AllowedMethods").required().textsOf("GET", "PUT", "HEAD", "POST", "DELETE"),
		AllowedHeaders: o.get("AllowedHeaders").texts(),
		ExposedHeaders: o.get("ExposedHeaders").texts(),
		MaxAge:         o.get("MaxAge").seconds(0, 1<<31-1),
	}
	o.get("Id").text()
	for _, origin := range o.get("AllowedOrigins").list() {
		if strings.Count(origin.text(), "*") > 1 {
			origin.problem("S3 takes one * at most")
		}
	}
	return rule
}

func (l *loader) notifications(r *resource, o *object) []Notification {
	for _, key := range []string{"LambdaConfigurations", "TopicConfigurations", "EventBridgeConfiguration"} {
		o.get(key).absent("the embedded S3 notifies queues only")
	}
	var out []Notification
	for _, at := range o.get("QueueConfigurations").list() {
		at.fields(func(o *object) {
			n := Notification{
				Event: o.get("Event").required().oneOf(
					"s3:ObjectCreated:*", "s3:ObjectCreated:Put", "s3:ObjectCreated:Post", "s3:ObjectCreated:Copy",
					"s3:ObjectCreated:CompleteMultipartUpload",
					"s3:ObjectRemoved:*", "s3:ObjectRemoved:Delete", "s3:ObjectRemoved:DeleteMarkerCreated",
				),
				QueueARN: o.get("Queue").required().text(),
			}
			o.get("Filter").fields(func(o *object) {
				o.get("S3Key").required().fields(func(o *object) {
					for _, rule := range o.get("Rules").required().list() {
						rule.fields(func(o *object) {
							value := o.get("Value").required().text()
							switch o.get("Name").required().oneOf("prefix", "suffix") {
							case "prefix":
								n.Prefix = value
							case "suffix":
								n.Suffix = value
							}
						})
					}
				})
			})
			for _, other := range out {
				if overlap(n, other) {
					at.problem("S3 takes no two notifications for the same event and key: %s", n.Event)
				}
			}
			out = append(out, n)
			if queue := o.get("Queue"); queue.readable() {
				l.parts.notifications = append(l.parts.notifications, bucketNotification{r, queue, n.QueueARN})
			}
		})
	}
	return out
}

// overlap says whether one change could be reported by both (Amazon S3 User
// Guide, "Configuring event notifications using object key name filtering").
func overlap(a, b Notification) bool {
	within := func(x, y string) bool {
		family, ok := strings.CutSuffix(x, "*")
		return x == y || ok && strings.HasPrefix(y, family)
	}
	return (within(a.Event, b.Event) || within(b.Event, a.Event)) &&
		(strings.HasPrefix(a.Prefix, b.Prefix) || strings.HasPrefix(b.Prefix, a.Prefix)) &&
		(strings.HasSuffix(a.Suffix, b.Suffix) || strings.HasSuffix(b.Suffix, a.Suffix))
}

func (l *loader) readBucketPolicy(_ *resource, o *object) {
	bucket := o.get("Bucket").required()
	document := policyDocument(o.get("PolicyDocument"), true)
	name := bucket.text()
	i := slices.IndexFunc(l.stack.Buckets, func(b Bucket) bool { return b.Name == name })
	switch {
	case !bucket.readable():
	case i < 0:
		bucket.problem("must be an AWS::S3::Bucket of the template, by !Ref")
	case l.stack.Buckets[i].Policy != nil:
		bucket.problem("the bucket has another policy, and can have one")
	default:
		l.stack.Buckets[i].Policy = document
	}
}

// bucketNotification is one to be checked when all queues and policies are known.
type bucketNotification struct {
	bucket *resource
	at     cursor
	queue  string // ARN
}

// checkNotifications does what S3 does when a notification is set: it tries
// whether the queue lets it send.
func (l *loader) checkNotifications() {
	for _, n := range l.parts.notifications {
		policy := l.parts.queuePolicies[n.queue]
		switch {
		case !l.isQueue(n.queue):
			n.at.problem("the queue must be an AWS::SQS::Queue of the template")
		case policy == "":
			n.at.problem("no AWS::SQS::QueuePolicy lets S3 send to the queue")
		case !l.waitsFor(n.bucket, policy, map[string]bool{}):
			n.at.problem("the bucket needs DependsOn: %s, or S3 may find the queue still closed", policy)
		}
	}
}
