package conformance

import (
	"bytes"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// inBody replaces the only occurrence of a text in the body.
func inBody(old, changed string) func(*sentRequest) {
	return func(r *sentRequest) {
		if bytes.Count(r.Body, []byte(old)) == 1 {
			r.Body = bytes.Replace(r.Body, []byte(old), []byte(changed), 1)
		}
	}
}

func inURI(old, changed string) func(*sentRequest) {
	return func(r *sentRequest) { r.URI = strings.Replace(r.URI, old, changed, 1) }
}

func withMethod(name string) func(*sentRequest) { return func(r *sentRequest) { r.Method = name } }

// withHeader gives a request that one, with as many values.
func withHeader(name string, values ...string) func(*sentRequest) {
	return func(r *sentRequest) {
		r.Headers = r.Headers.Clone()
		if r.Headers.Del(name); len(values) > 0 {
			r.Headers[http.CanonicalHeaderKey(name)] = values
		}
	}
}

// sdkAdds is what the SDK sends with some of them that no model has, and no
// function does: S3's own names for operations and a checksum nobody asked for.
var sdkAdds = map[string][]string{
	"PutObject":     {"query x-id: unknown"},
	"UploadPart":    {"query x-id: unknown", "header content-type: unknown"},
	"DeleteObjects": {"header x-amz-checksum-crc32: unknown", "header content-type: unknown"},
}

const noTarget = "no operation: POST without a known X-Amz-Target"

// modelChanges are what models.py must notice, each the only thing that is wrong.
var modelChanges = []struct {
	operation, name string
	change          func(*sentRequest)
	want            string
}{
	// Which operation.
	{"PutItem", "wrong method", withMethod("GET"), "method: not POST"},
	{"UpdateKeyGroup", "method of no operation", withMethod("PATCH"), "no operation: PATCH"},
	{"UpdateKeyGroup", "method of another operation", withMethod("DELETE"), "body: DeleteKeyGroup has none"},
	{"PutItem", "unknown target", withHeader("X-Amz-Target", "DynamoDB_20120810.PutItems"), noTarget},
	{"PutItem", "target of another service", withHeader("X-Amz-Target", "secretsmanager.PutItem"), noTarget},
	{"PutItem", "no target", withHeader("X-Amz-Target"), noTarget},
	{"UpdateKeyGroup", "another API version", inURI("2020-05-31", "2019-03-26"), "no operation: PUT"},
	{"DeleteObjects", "without its query", inURI("?delete", ""), "no operation: POST"},
	{"GetBucketLifecycleConfiguration", "of no bucket", inURI("bucket?lifecycle=", ""), "no one operation: ListBuckets and ListDirectoryBuckets"},
	{"UploadPart", "without its id", inURI("&uploadId=u", ""), "query partNumber: unknown"},

	// Names.
	{"PutItem", "member renamed", inBody(`"TableName"`, `"Tablename"`), "body.Tablename: unknown"},
	{"PutItem", "inner member renamed", inBody(`"N"`, `"NUM"`), "body.Item.size.NUM: unknown"},
	{"PutItem", "member twice", inBody(`"TableName"`, `"TableName":"catalog","TableName"`), "body: a name occurs twice"},
	{"UpdateKeyGroup", "element renamed", inBody("<Name>group</Name>", "<name>group</name>"), "body.{http://cloudfront.amazonaws.com/doc/2020-05-31/}name: unknown"},
	{"UpdateKeyGroup", "element of a list renamed", inBody("<PublicKey>K1</PublicKey>", "<Key>K1</Key>"), "body.Items: has an unknown element"},
	{"UpdateKeyGroup", "element twice", inBody("<Name>", "<Name>a</Name><Name>"), "body.Name: given twice"},
	{"UpdateKeyGroup", "root renamed", func(r *sentRequest) {
		r.Body = bytes.ReplaceAll(r.Body, []byte("KeyGroupConfig"), []byte("KeyGroup"))
	}, "body: the root is not KeyGroupConfig in the model's namespace"},
	{"UpdateKeyGroup", "another namespace", inBody("2020-05-31", "2019-03-26"), "body: the root is not KeyGroupConfig in the model's namespace"},
	{"UpdateKeyGroup", "no namespace", inBody(` xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"`, ""), "body: the root is not KeyGroupConfig in the model's namespace"},
	{"UpdateKeyGroup", "another namespace within", inBody("<Name>", `<Name xmlns="">`), "body.Name: unknown"},
	{"UpdateKeyGroup", "attribute", inBody("<Name>", `<Name id="1">`), "body.Name: has an attribute"},
	{"ListPublicKeys", "query", inURI("?", "?color=red&"), "query color: unknown"},
	{"ListPublicKeys", "query in another case", inURI("Marker", "marker"), "query marker: unknown"},
	{"ListPublicKeys", "query twice", inURI("?", "?Marker=K&"), "query Marker: given twice"},
	{"PutItem", "query where none is", inURI("/", "/?a=b"), "query a: unknown"},
	{"HeadObject", "header", withHeader("X-Amz-Color", "red"), "header x-amz-color: unknown"},
	{"HeadObject", "header twice", withHeader("If-Match", `"a"`, `"b"`), "header if-match: given twice"},
	{"ListPublicKeys", "body where none is", func(r *sentRequest) { r.Body = []byte("<a/>") }, "body: ListPublicKeys has none"},

	// Types.
	{"PutItem", "number for a text", inBody(`"catalog"`, "7"), "body.TableName: no string"},
	{"PutItem", "null", inBody(`"catalog"`, "null"), "body.TableName: no string"},
	{"PutItem", "number of DynamoDB's as one", inBody(`"7"`, "7"), "body.Item.size.N: no string"},
	{"PutItem", "text for a structure", inBody(`{"S":"a"}`, `"a"`), "body.Item.path: no structure"},
	{"PutItem", "no base64", inBody(`"Ynl0ZXM="`, `"bytes?"`), "body.Item.sum.B: no blob"},
	{"PutItem", "more than base64", inBody(`"Ynl0ZXM="`, `"Ynl0ZXM=?"`), "body.Item.sum.B: no blob"},
	{"PutItem", "no JSON", inBody(`{"S":"a"}`, `{"S":"a"`), "body: not JSON"},
	{"PutItem", "nothing", func(r *sentRequest) { r.Body = nil }, "body: not JSON"},
	{"PutSecretValue", "text for a list", inBody(`["AWSPENDING"]`, `"AWSPENDING"`), "body.VersionStages: no list"},
	{"RestoreTableToPointInTime", "no time", inBody("1000000000", `"2001-09-09T01:46:40Z"`), "body.RestoreDateTime: no timestamp"},
	{"ListSecrets", "no whole number", inBody("100", "100.5"), "body.MaxResults: no integer"},
	{"ListSecrets", "truth for a number", inBody("100", "true"), "body.MaxResults: no integer"},
	{"ListSecrets", "number for a truth", inBody("true", "1"), "body.IncludePlannedDeletion: no boolean"},
	{"UpdateKeyGroup", "no XML", inBody("</Name>", ""), "body: not XML"},
	{"UpdateKeyGroup", "structure for a text", inBody("group", "<a/>"), "body.Name: has elements"},
	{"UpdateKeyGroup", "text between elements", inBody("<Items>", "x<Items>"), "body: has text between its elements"},
	{"UpdateKeyGroup", "text in a list", inBody("<Items>", "<Items>x"), "body.Items: has text between its elements"},
	{"DeleteObjects", "no boolean", inBody("<Quiet>true", "<Quiet>1"), "body.Quiet: no boolean"},
	{"DeleteObjects", "no time", inBody("Sun, 09 Sep 2001 01:46:40 GMT", "2001-09-09T01:46:40Z"), "body.Objects.LastModifiedTime: no timestamp"},
	{"CreateContinuousDeploymentPolicy", "no number", inBody("0.15", "15%"), "body.TrafficConfig.SingleWeightConfig.Weight: no float"},
	{"CreateContinuousDeploymentPolicy", "no whole number", inBody("<Quantity>0", "<Quantity>0.0"), "body.StagingDistributionDnsNames.Quantity: no integer"},
	{"HeadObject", "no number", inURI("partNumber=7", "partNumber=7.0"), "query partNumber: no integer"},
	{"HeadObject", "no time", withHeader("If-Modified-Since", "2001-09-09T01:46:40Z"), "header if-modified-since: no timestamp"},

	// What is required, and limits.
	{"PutItem", "required member dropped", inBody(`"TableName":"catalog"`, `"ReturnValues":"NONE"`), `Missing required parameter in input: "TableName"`},
	{"UpdateKeyGroup", "required element dropped", inBody("<Name>group</Name>", ""), `Missing required parameter in KeyGroupConfig: "Name"`},
	{"UpdateKeyGroup", "required body dropped", func(r *sentRequest) { r.Body = nil }, `Missing required parameter in input: "KeyGroupConfig"`},
	{"PutItem", "name too short", inBody(`"catalog"`, `""`), "Invalid length for parameter TableName, value: 0, valid min length: 1"},
	{"PutItem", "name too long", inBody(`"catalog"`, `"`+strings.Repeat("a", 1025)+`"`), "input.TableName: over the model's maximum"},
	{"PutSecretValue", "token too long", inBody(strings.Repeat("7", 36), strings.Repeat("7", 257)), "input.RotationToken: over the model's maximum"},
	{"ListSecrets", "number too high", inBody("100", "101"), "input.MaxResults: over the model's maximum"},
	{"ListSecrets", "number too low", inBody("100", "0"), "Invalid value for parameter MaxResults, value: 0, valid min value: 1"},
	{"PutSecretValue", "too many", inBody(`["AWSPENDING"]`, `["a"`+strings.Repeat(`,"a"`, 20)+`]`), "input.VersionStages: over the model's maximum"},
	{"PutSecretValue", "too few", inBody(`["AWSPENDING"]`, `[]`), "Invalid length for parameter VersionStages, value: 0, valid min length: 1"},
	{"PutSecretValue", "too long in a list", inBody("AWSPENDING", strings.Repeat("a", 257)), "input.VersionStages[0]: over the model's maximum"},
	{"PutSecretValue", "wrong characters", inBody(`"RotationToken":"7`, `"RotationToken":"_`), "input.RotationToken: not of the model's pattern"},
	{"RestoreTableToPointInTime", "wrong character at the end", inBody("restored", "restored/"), "input.TargetTableName: not of the model's pattern"},
	{"PutItem", "name in a map too long", inBody(`"sum"`, `"`+strings.Repeat("s", 65536)+`"`), "input.Item: over the model's maximum"},
	{"PutItem", "value in a map too long", inBody(`"path"}`, `"`+strings.Repeat("p", 65536)+`"}`), "input.ExpressionAttributeNames.#p: over the model's maximum"},
	{"PutItem", "no such choice", inBody(`"TableName"`, `"ReturnValues":"SOME","TableName"`), "input.ReturnValues: not of the model's enumeration"},
	{"GetObjectAttributes", "no such choice in a list", withHeader("X-Amz-Object-Attributes", "ETag,Size"), "input.ObjectAttributes[1]: not of the model's enumeration"},
	{"HeadObject", "no such choice", withHeader("X-Amz-Checksum-Mode", "MAYBE"), "input.ChecksumMode: not of the model's enumeration"},

	// How it is written.
	{"HeadObject", "unescaped path", inURI("a%2Bb", "a+b"), "path: written differently"},
	{"HeadObject", "escapes in lower case", inURI("%C3%A4", "%c3%a4"), "path: written differently"},
	{"HeadObject", "plus for a space", inURI("a%2Bb%20c", "a%2Bb+c"), "path: written differently"},
	{"HeadObject", "unescaped query", inURI("versionId=a%2Bb%20c%2F", "versionId=a%2Bb%20c/"), "query: written differently"},
	{"UpdateKeyGroup", "trailing slash", inURI("/a%2Bb%20c", "/a%2Bb%20c/"), "no operation: PUT"},
	{"PutItem", "another path", inURI("/", "/table"), "path: written differently"},
	{"PutItem", "another version of JSON", withHeader("Content-Type", "application/x-amz-json-1.1"), "header content-type: written differently"},
	{"PutItem", "no content type", withHeader("Content-Type"), "header content-type: missing"},
	{"HeadObject", "number with a zero in front", inURI("partNumber=7", "partNumber=07"), "query: written differently"},
	{"RestoreTableToPointInTime", "fraction of a second", inBody("1000000000", "1000000000.5"), "body: written differently"},
	{"DeleteObjects", "day without its zero", inBody("Sun, 09", "Sun, 9"), "body: written differently"},
}

// TestBotocoreModelsChanges shows that what the test before relies on sees:
// requests of the SDK pass, and the same with one change do not.
func TestBotocoreModelsChanges(t *testing.T) {
	needPython(t)
	sound := soundRequests(t)
	operations := slices.Sorted(maps.Keys(sound))
	var requests []sentRequest
	for _, operation := range operations {
		requests = append(requests, sound[operation])
	}
	for _, c := range modelChanges {
		operations = append(operations, c.operation)
		r := sound[c.operation]
		c.change(&r)
		if cmp.Equal(sound[c.operation], r, cmp.AllowUnexported(sentRequest{})) {
			t.Errorf("%s, %s: changes nothing", c.operation, c.name)
		}
		requests = append(requests, r)
	}
	var found []string // by request, what is not meant
	verdicts := consult(t, requests)
	for i, v := range verdicts {
		found = append(found, strings.Join(slices.DeleteFunc(v.Findings, func(f string) bool {
			return newExcuses().accept(requests[i].Service, f) || slices.Contains(sdkAdds[operations[i]], f)
		}), "; "))
	}
	for i, operation := range operations[:len(sound)] {
		if verdicts[i].Operation != operation || found[i] != "" {
			t.Errorf("%s was found to be %s: %s, want no finding", operation, verdicts[i].Operation, found[i])
		}
	}
	for i, c := range modelChanges {
		t.Run(c.operation+"/"+c.name, func(t *testing.T) {
			if got := found[len(sound)+i]; got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}
