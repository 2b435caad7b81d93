package template

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

const (
	lower = "abcdefghijklmnopqrstuvwxyz"
	upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digit = "0123456789"
)

// token derives n characters of alphabet, 32 at most, from the stack and what.
func (l *loader) token(alphabet string, n int, what ...string) string {
	o := l.options
	seed := strings.Join(append([]string{o.AccountID, o.Region, o.StackName}, what...), "\x00")
	sum := sha256.Sum256([]byte(seed))
	out := make([]byte, 0, sha256.Size)
	for _, b := range sum {
		out = append(out, alphabet[int(b)%len(alphabet)])
	}
	return string(out[:n])
}

// arn is an ARN of the stack's account and region.
func (l *loader) arn(service, rest string) string {
	return "arn:aws:" + service + ":" + l.options.Region + ":" + l.options.AccountID + ":" + rest
}

// physicalName is the name of r: the one its properties set, or one from the
// stack's name and the logical id.
func (l *loader) physicalName(r *resource) (string, error) {
	switch r.naming {
	case done:
		return r.name, nil
	case underWay:
		return "", fmt.Errorf("the name of %s %w", r.id, errCircle)
	}
	r.naming = underWay
	name, err := l.newName(r)
	if err != nil {
		return "", err
	}
	r.name, r.naming = name, done
	return name, nil
}

func (l *loader) newName(r *resource) (string, error) {
	limit, pattern := namesOf(r.typ)
	t, _ := typeNamed(r.typ)
	if t.nameProperty != "" && r.properties.n != nil {
		if n := r.properties.n.get(t.nameProperty); n != nil {
			v := l.resolve(n, join(r.id, t.nameProperty), scope{from: r})
			if v.kind == kindBroken {
				return "", fmt.Errorf("the name of %s is not known", r.id)
			}
			if v.kind != kindNone {
				if v.kind != kindText || len(v.text) > limit || !pattern.MatchString(v.text) {
					return "", fmt.Errorf("%s: %q is no name for an %s", r.id, v.text, r.typ)
				}
				return v.text, nil
			}
		}
	}
	name := l.options.StackName + "-" + r.id
	if r.typ == "AWS::S3::Bucket" {
		name = strings.ToLower(name)
	}
	if len(name) > limit {
		name = name[:limit-9] + "-" + l.token(lower+digit, 8, r.id)
	}
	return name, nil
}

var (
	plainName  = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]+[a-z0-9]$`) // dots are legal, and break TLS
	tableName  = regexp.MustCompile(`^[A-Za-z0-9_.-]{3,}$`)
	secretName = regexp.MustCompile(`^[A-Za-z0-9/_+=.@-]+$`)
	groupName  = regexp.MustCompile(`^[A-Za-z0-9/_.#-]+$`)
	domainName = regexp.MustCompile(`^[a-z0-9.-]+$`)
)

// namesOf gives the length and form of names that a service takes.
func namesOf(typ string) (limit int, pattern *regexp.Regexp) {
	switch typ {
	case "AWS::S3::Bucket":
		return 63, bucketName
	case "AWS::SQS::Queue":
		return 80, plainName
	case "AWS::DynamoDB::Table":
		return 255, tableName
	case "AWS::SecretsManager::Secret":
		return 505, secretName
	case "AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard":
		return 255, plainName
	case "AWS::ApiGatewayV2::DomainName":
		return 253, domainName
	case "AWS::Cognito::UserPoolDomain":
		return 63, domainPrefix
	case "AWS::Cognito::UserPool":
		return 128, plainName
	case "AWS::Logs::LogGroup":
		return 512, groupName
	}
	return 64, plainName // functions, roles
}

// attributeOf is what Ref ("") or GetAtt give for r (AWS CloudFormation
// Template Reference Guide, "Return values" of each type).
func (l *loader) attributeOf(r *resource, name string) (string, error) {
	if strings.HasPrefix(r.typ, customType) {
		return l.answered(r.id, name)
	}
	attributes, err := l.attributes(r)
	if err != nil {
		return "", err
	}
	v, ok := attributes[name]
	switch {
	case ok:
		return v, nil
	case name == "":
		return "", fmt.Errorf("an %s has no value for Ref here", r.typ)
	}
	return "", fmt.Errorf("an %s has no attribute %q", r.typ, name)
}

func (l *loader) attributes(r *resource) (map[string]string, error) {
	switch r.typ {
	case "AWS::Serverless::HttpApi":
		id := l.apiID(r)
		return map[string]string{"": id, "ApiId": id, "ApiEndpoint": "https://" + l.apiHost(id)}, nil
	case "AWS::CloudFront::Distribution":
		id := l.distributionID(r)
		return map[string]string{"": id, "Id": id, "DomainName": l.distributionDomain(r)}, nil
	case "AWS::CloudFront::OriginAccessControl":
		id := l.cloudFrontID(r)
		return map[string]string{"": id, "Id": id}, nil
	case "AWS::CloudFront::CachePolicy", "AWS::CloudFront::ResponseHeadersPolicy":
		id := l.policyID(r)
		return map[string]string{"": id, "Id": id}, nil
	case "AWS::Cognito::UserPoolClient":
		id := l.token(lower+digit, 26, r.id)
		return map[string]string{"": id, "ClientId": id}, nil
	case "AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::ApiGatewayV2::ApiMapping", "AWS::Lambda::Permission",
		"AWS::SecretsManager::RotationSchedule", "AWS::Cognito::UserPoolResourceServer":
		return nil, nil
	}
	name, err := l.physicalName(r)
	if err != nil {
		return nil, err
	}
	switch r.typ {
	case "AWS::Serverless::Function":
		return map[string]string{"": name, "Arn": l.arn("lambda", "function:"+name)}, nil
	case "AWS::IAM::Role":
		return map[string]string{
			"":       name,
			"Arn":    "arn:aws:iam::" + l.options.AccountID + ":role/" + name,
			"RoleId": "AROA" + l.token(upper+digit, 17, r.id),
		}, nil
	case "AWS::ApiGatewayV2::DomainName":
		return map[string]string{
			"": name, "DomainName": name,
			"RegionalDomainName":   "d-" + l.token(lower+digit, 10, r.id) + ".execute-api." + l.options.Region + ".amazonaws.com",
			"RegionalHostedZoneId": "Z" + l.token(upper+digit, 13, r.id),
		}, nil
	case "AWS::Cognito::UserPool":
		id := l.options.Region + "_" + l.token(upper+lower+digit, 9, r.id)
		return map[string]string{"": id, "UserPoolId": id, "Arn": l.arn("cognito-idp", "userpool/"+id)}, nil
	case "AWS::Cognito::UserPoolDomain":
		return map[string]string{"": name}, nil
	case "AWS::CloudWatch::Dashboard":
		return map[string]string{"": name}, nil
	case "AWS::CloudWatch::Alarm":
		return map[string]string{"": name, "Arn": l.arn("cloudwatch", "alarm:"+name)}, nil
	case "AWS::Logs::LogGroup":
		return map[string]string{"": name, "Arn": l.arn("logs", "log-group:"+name+":*")}, nil
	case "AWS::S3::Bucket":
		return map[string]string{
			"": name, "Arn": "arn:aws:s3:::" + name,
			"DomainName":          name + ".s3.amazonaws.com",
			"RegionalDomainName":  name + ".s3." + l.options.Region + ".amazonaws.com",
			"DualStackDomainName": name + ".s3.dualstack." + l.options.Region + ".amazonaws.com",
		}, nil
	case "AWS::SQS::Queue":
		url := "https://sqs." + l.options.Region + ".amazonaws.com/" + l.options.AccountID + "/" + name
		return map[string]string{"": url, "QueueUrl": url, "QueueName": name, "Arn": l.arn("sqs", name)}, nil
	case "AWS::DynamoDB::Table":
		return map[string]string{"": name, "Arn": l.arn("dynamodb", "table/"+name)}, nil
	case "AWS::SecretsManager::Secret":
		// Secrets Manager appends a hyphen and six characters to the name.
		arn := l.arn("secretsmanager", "secret:"+name+"-"+l.token(lower+upper+digit, 6, r.id))
		return map[string]string{"": arn, "Id": arn}, nil
	}
	return nil, errors.New("resource type " + r.typ + " is not known")
}

// attributeText is an attribute of a resource whose name was found good already.
func (l *loader) attributeText(r *resource, name string) string {
	v, err := l.attributeOf(r, name)
	if err != nil {
		r.at.problem("%v", err)
	}
	return v
}

func (l *loader) apiID(r *resource) string { return l.token(lower+digit, 10, r.id) }

func (l *loader) apiHost(id string) string {
	return id + ".execute-api." + l.options.Region + ".amazonaws.com"
}

func (l *loader) distributionID(r *resource) string { return l.cloudFrontID(r) }

func (l *loader) distributionDomain(r *resource) string {
	return "d" + l.token(lower+digit, 13, r.id, "domain") + ".cloudfront.net"
}

func (l *loader) cloudFrontID(r *resource) string { return "E" + l.token(upper+digit, 13, r.id) }

// policyID has the form of a UUID, as CloudFront's policies do.
func (l *loader) policyID(r *resource) string { return l.uuid(r.id) }

func (l *loader) stackID() string {
	return l.arn("cloudformation", "stack/"+l.options.StackName+"/"+l.uuid("stack"))
}

func (l *loader) uuid(what string) string {
	id := l.token(digit+"abcdef", 32, what)
	return strings.Join([]string{id[:8], id[8:12], id[12:16], id[16:20], id[20:]}, "-")
}

// checkNames refuses two resources of one type with one name.
func (l *loader) checkNames() {
	taken := map[string]string{}
	for _, r := range l.resources {
		t, ok := typeNamed(r.typ)
		if !ok || !r.active || t.nameProperty == "" {
			continue
		}
		key := r.typ + " " + l.attributeText(r, "")
		if other, ok := taken[key]; ok {
			r.at.problem("has the same physical name as %s", other)
		}
		taken[key] = r.id
	}
}
