package template

import (
	"slices"
	"strings"
	"time"
)

func (l *loader) readQueue(r *resource, o *object) {
	q := Queue{
		LogicalID: r.id,
		Name:      l.attributeText(r, "QueueName"),
		ARN:       l.attributeText(r, "Arn"),
		URL:       l.attributeText(r, ""),
		VisibilityTimeout: or(o.get("VisibilityTimeout"), 30*time.Second,
			func(c cursor) time.Duration { return c.seconds(0, 43200) }),
		Retention: or(o.get("MessageRetentionPeriod"), 4*24*time.Hour,
			func(c cursor) time.Duration { return c.seconds(60, 1209600) }),
	}
	// S3 can't send to the other kind.
	o.get("FifoQueue").oneOf("false")
	o.get("RedrivePolicy").fields(func(o *object) {
		target := o.get("deadLetterTargetArn").required()
		q.DeadLetterARN = target.text()
		q.MaxReceiveCount = o.get("maxReceiveCount").required().integer(1, 1000)
		if target.readable() && !l.isQueue(q.DeadLetterARN) {
			target.problem("must be the Arn of an AWS::SQS::Queue of the template")
		}
	})
	// Messages lie on this machine's disk; the event source polls all the time.
	o.get("SqsManagedSseEnabled").boolean()
	o.get("ReceiveMessageWaitTimeSeconds").integer(0, 20)
	o.inconsequential("Tags")
	l.stack.Queues = append(l.stack.Queues, q)
}

// isQueue says whether arn is a queue's, one not read yet included.
func (l *loader) isQueue(arn string) bool {
	return slices.ContainsFunc(l.resources, func(r *resource) bool {
		return r.typ == "AWS::SQS::Queue" && r.active && l.attributeText(r, "Arn") == arn
	})
}

// readQueuePolicy notes which queues S3 may send to. Nobody else sends to the
// embedded queues, so statements of another kind could have no effect and are
// refused.
func (l *loader) readQueuePolicy(r *resource, o *object) {
	var arns []string
	for _, at := range o.get("Queues").required().list() {
		url := at.text()
		i := slices.IndexFunc(l.stack.Queues, func(q Queue) bool { return q.URL == url })
		if i < 0 {
			if at.readable() {
				at.problem("must be an AWS::SQS::Queue of the template, by !Ref")
			}
			continue
		}
		arns = append(arns, l.stack.Queues[i].ARN)
	}
	document := o.get("PolicyDocument")
	policyDocument(document, true)
	document.fields(func(o *object) {
		o.inconsequential("Version", "Id") // checked by policyDocument
		for _, statement := range o.get("Statement").list() {
			for _, arn := range l.opensTo(statement) {
				if slices.Contains(arns, arn) {
					l.parts.queuePolicies[arn] = r.id
				}
			}
		}
	})
}

// opensTo gives the queues to which a statement lets S3 send.
func (l *loader) opensTo(at cursor) []string {
	var queues []string
	at.fields(func(o *object) {
		o.inconsequential("Sid") // a name
		effect := o.get("Effect").text()
		actions, resources := oneOrMore(o.get("Action")), oneOrMore(o.get("Resource"))
		for _, key := range []string{"NotAction", "NotResource", "NotPrincipal"} {
			o.get(key).absent("not known in a queue's policy")
		}
		principal, condition := o.get("Principal"), o.get("Condition")
		if effect == "Deny" {
			// The one refusal known is of plain http, and loopback counts as secure.
			condition.required().fields(func(o *object) {
				o.get("Bool").required().fields(func(o *object) {
					o.get("aws:SecureTransport").required().oneOf("false")
				})
			})
			return
		}
		principal.fields(func(o *object) { only(o.get("Service").required(), "s3.amazonaws.com") })
		condition.fields(func(o *object) {
			o.get("StringEquals").required().fields(func(o *object) {
				only(o.get("aws:SourceAccount").required(), l.options.AccountID)
			})
		})
		if !principal.is(kindMapping) {
			principal.problem("only the service s3.amazonaws.com is known")
			return
		}
		if slices.ContainsFunc(actions, func(a string) bool {
			return strings.EqualFold(a, "sqs:SendMessage") || strings.EqualFold(a, "sqs:*")
		}) {
			queues = resources
		}
	})
	return queues
}

func (l *loader) readTable(r *resource, o *object) {
	t := Table{LogicalID: r.id, Name: l.attributeText(r, ""), ARN: l.attributeText(r, "Arn")}
	types := map[string]string{}
	for _, at := range o.get("AttributeDefinitions").required().list() {
		at.fields(func(o *object) {
			types[o.get("AttributeName").required().text()] = o.get("AttributeType").required().oneOf("S", "N", "B")
		})
	}
	keys := o.get("KeySchema").required()
	for i, at := range keys.list() {
		at.fields(func(o *object) {
			name := o.get("AttributeName").required()
			attribute := Attribute{Name: name.text(), Type: types[name.text()]}
			if _, ok := types[attribute.Name]; !ok {
				name.problem("%q is not among the AttributeDefinitions", attribute.Name)
			}
			delete(types, attribute.Name)
			switch kind := o.get("KeyType").required(); i {
			case 0:
				kind.oneOf("HASH")
				t.PartitionKey = attribute
			case 1:
				kind.oneOf("RANGE")
				t.SortKey = attribute
			default:
				at.problem("a table has at most two key attributes")
			}
		})
	}
	// DynamoDB refuses a definition that no key needs; indexes are not known.
	for _, name := range sortedKeys(types) {
		o.get("AttributeDefinitions").problem("%q is no key attribute", name)
	}
	if keys.is(kindList) && len(keys.n.items) == 0 {
		keys.problem("a table needs a partition key")
	}
	o.get("TimeToLiveSpecification").fields(func(o *object) {
		name := o.get("AttributeName").required().text()
		if o.get("Enabled").required().boolean() {
			t.TTLAttribute = name
		}
	})
	// What AWS bills, backs up and encrypts; and what keeps a hand from DeleteTable, which is not known here.
	o.get("BillingMode").required().oneOf("PAY_PER_REQUEST")
	o.get("DeletionProtectionEnabled").boolean()
	o.get("PointInTimeRecoverySpecification").fields(func(o *object) {
		o.get("PointInTimeRecoveryEnabled").required().boolean()
		o.get("RecoveryPeriodInDays").integer(0, 35)
	})
	o.get("SSESpecification").fields(func(o *object) { o.get("SSEEnabled").required().boolean() })
	o.inconsequential("Tags")
	l.stack.Tables = append(l.stack.Tables, t)
}

func (l *loader) readSecret(r *resource, o *object) {
	name, err := l.physicalName(r)
	if err != nil {
		r.at.problem("%v", err)
	}
	l.stack.Secrets = append(l.stack.Secrets, Secret{
		LogicalID:   r.id,
		Name:        name,
		ARN:         l.attributeText(r, ""),
		Description: o.get("Description").text(),
		Value:       o.get("SecretString").text(),
	})
	o.inconsequential("Tags") // for people and bills
}
