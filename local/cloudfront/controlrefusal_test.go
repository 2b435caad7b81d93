package cloudfront

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"airlock/local/iam"
)

// TestControlRefusals begins each case with two keys, of which a group has the
// first. After a refusal everything must be as it was.
func TestControlRefusals(t *testing.T) {
	t.Parallel()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	type state struct {
		*sdk.Client
		used, free, group, groupETag string
	}
	keyOf := func(change func(*types.PublicKeyConfig)) func(state) error {
		return func(s state) error {
			in := publicKeyInput(t, "new", ecdsaID)
			change(in.PublicKeyConfig)
			_, err := s.CreatePublicKey(t.Context(), in)
			return err
		}
	}
	encoded := func(text string) func(state) error {
		return keyOf(func(c *types.PublicKeyConfig) { c.EncodedKey = &text })
	}
	update := func(id, ifMatch string, change func(state, *types.KeyGroupConfig)) func(state) error {
		return func(s state) error {
			c := groupConfig("used", s.used)
			in := &sdk.UpdateKeyGroupInput{Id: aws.String(strings.Replace(id, "GROUP", s.group, 1)), KeyGroupConfig: c}
			if ifMatch != "" {
				in.IfMatch = aws.String(strings.Replace(ifMatch, "ETAG", s.groupETag, 1))
			}
			change(s, c)
			_, err := s.UpdateKeyGroup(t.Context(), in)
			return err
		}
	}
	items := func(ids func(state) []string) func(state) error {
		return func(s state) error {
			_, err := s.CreateKeyGroup(t.Context(), &sdk.CreateKeyGroupInput{KeyGroupConfig: groupConfig("new", ids(s)...)})
			return err
		}
	}
	updateKey := func(ifMatch *string, change func(*types.PublicKeyConfig)) func(state) error {
		return func(s state) error {
			got, err := s.GetPublicKey(t.Context(), &sdk.GetPublicKeyInput{Id: &s.free})
			if err != nil {
				return err
			}
			if ifMatch == nil {
				ifMatch = got.ETag
			}
			change(got.PublicKey.PublicKeyConfig)
			_, err = s.UpdatePublicKey(t.Context(), &sdk.UpdatePublicKeyInput{Id: &s.free, IfMatch: ifMatch, PublicKeyConfig: got.PublicKey.PublicKeyConfig})
			return err
		}
	}
	deleteKey := func(id, ifMatch *string) func(state) error {
		return func(s state) error {
			in := &sdk.DeletePublicKeyInput{Id: id, IfMatch: ifMatch}
			if id == nil {
				got, err := s.GetPublicKey(t.Context(), &sdk.GetPublicKeyInput{Id: &s.used})
				if err != nil {
					return err
				}
				in.Id, in.IfMatch = &s.used, got.ETag
			} else if *id == "free" {
				in.Id = &s.free
			}
			_, err := s.DeletePublicKey(t.Context(), in)
			return err
		}
	}
	deleteGroup := func(id string, ifMatch *string) func(state) error {
		return func(s state) error {
			_, err := s.DeleteKeyGroup(t.Context(), &sdk.DeleteKeyGroupInput{Id: aws.String(strings.Replace(id, "GROUP", s.group, 1)), IfMatch: ifMatch})
			return err
		}
	}
	unchanged := func(state, *types.KeyGroupConfig) {}
	const stale = "EAAAAAAAAAAAAA"

	for _, test := range []struct {
		name    string
		call    func(state) error
		status  int
		code    string
		message string
	}{
		{"a name that is taken", keyOf(func(c *types.PublicKeyConfig) { c.Name = aws.String("used") }), 409, "PublicKeyAlreadyExists", "The name that you are using"},
		{"a reference that is taken", keyOf(func(c *types.PublicKeyConfig) { c.CallerReference = aws.String("reference of used") }), 409, "PublicKeyAlreadyExists", "The caller reference"},
		{"the same again", func(s state) error {
			_, err := s.CreatePublicKey(t.Context(), publicKeyInput(t, "used", ecdsaID))
			return err
		}, 409, "PublicKeyAlreadyExists", ""},
		{"an empty name", keyOf(func(c *types.PublicKeyConfig) { c.Name = aws.String("") }), 400, "InvalidArgument", "name"},
		{"a name with a space", keyOf(func(c *types.PublicKeyConfig) { c.Name = aws.String("a b") }), 400, "InvalidArgument", "name"},
		{"a name of 129", keyOf(func(c *types.PublicKeyConfig) { c.Name = aws.String(strings.Repeat("n", 129)) }), 400, "InvalidArgument", "name"},
		{"an empty reference", keyOf(func(c *types.PublicKeyConfig) { c.CallerReference = aws.String("") }), 400, "InvalidArgument", "reference"},
		{"a comment of 129", keyOf(func(c *types.PublicKeyConfig) { c.Comment = aws.String(strings.Repeat("é", 129)) }), 400, "InvalidArgument", "comment"},
		{"no PEM", encoded("hello"), 400, "InvalidArgument", "PUBLIC KEY"},
		{"text before the PEM", encoded("x\n" + string(publicKey(t, ecdsaID).PEM)), 400, "InvalidArgument", "PUBLIC KEY"},
		{"RSA with 1024 bits", encoded(string(publicPEM(t, small.Public()))), 400, "InvalidArgument", "1024 bits"},
		{"ECDSA on P-384", encoded(string(publicPEM(t, p384.Public()))), 400, "InvalidArgument", "P-384"},

		{"no such key", func(s state) error {
			_, err := s.GetPublicKey(t.Context(), &sdk.GetPublicKeyInput{Id: aws.String("K0")})
			return err
		}, 404, "NoSuchPublicKey", ""},
		{"no such key's config", func(s state) error {
			_, err := s.GetPublicKeyConfig(t.Context(), &sdk.GetPublicKeyConfigInput{Id: &s.group})
			return err
		}, 404, "NoSuchPublicKey", ""},
		{"a key's value", updateKey(nil, func(c *types.PublicKeyConfig) { c.EncodedKey = aws.String(string(publicKey(t, otherID).PEM)) }), 400, "CannotChangeImmutablePublicKeyFields", ""},
		{"a key's name", updateKey(nil, func(c *types.PublicKeyConfig) { c.Name = aws.String("other") }), 400, "CannotChangeImmutablePublicKeyFields", ""},
		{"a key's long comment", updateKey(nil, func(c *types.PublicKeyConfig) { c.Comment = aws.String(strings.Repeat("c", 129)) }), 400, "InvalidArgument", "comment"},
		{"a key's stale version", updateKey(aws.String(stale), func(*types.PublicKeyConfig) {}), 412, "PreconditionFailed", "preconditions"},

		{"deleting a key in use", deleteKey(nil, nil), 409, "PublicKeyInUse", "currently associated"},
		{"deleting a key without a version", deleteKey(aws.String("free"), nil), 400, "InvalidIfMatchVersion", "missing or not valid"},
		{"deleting a key of another version", deleteKey(aws.String("free"), aws.String(stale)), 412, "PreconditionFailed", ""},
		{"deleting any version", deleteKey(aws.String("free"), aws.String("*")), 400, "InvalidIfMatchVersion", ""},
		{"deleting no key", deleteKey(aws.String("K0"), aws.String(stale)), 404, "NoSuchPublicKey", ""},

		{"a group's name that is taken", func(s state) error {
			_, err := s.CreateKeyGroup(t.Context(), &sdk.CreateKeyGroupInput{KeyGroupConfig: groupConfig("used", s.free)})
			return err
		}, 409, "KeyGroupAlreadyExists", "unique name"},
		{"a group of nothing", items(func(state) []string { return []string{} }), 400, "InvalidArgument", "at least one"},
		{"a group of an unknown key", items(func(s state) []string { return []string{s.used, "K0"} }), 400, "InvalidArgument", `"K0"`},
		{"a group with a key twice", items(func(s state) []string { return []string{s.used, s.used} }), 400, "InvalidArgument", "twice"},
		{"a group of six", items(func(s state) []string { return []string{s.used, s.used, s.used, s.used, s.used, s.used} }), 400, "TooManyPublicKeysInKeyGroup", ""},

		{"an update without a version", update("GROUP", "", unchanged), 400, "InvalidIfMatchVersion", "missing or not valid"},
		{"an update of another version", update("GROUP", stale, unchanged), 412, "PreconditionFailed", "preconditions"},
		{"an update of no group", update("7", "ETAG", unchanged), 404, "NoSuchResource", ""},
		{"an update to another's name", update("GROUP", "ETAG", func(_ state, c *types.KeyGroupConfig) { c.Name = aws.String("second") }), 409, "KeyGroupAlreadyExists", ""},
		{"an update to an unknown key", update("GROUP", "ETAG", func(_ state, c *types.KeyGroupConfig) { c.Items = []string{"K0"} }), 400, "InvalidArgument", ""},
		{"an update to nothing", update("GROUP", "ETAG", func(_ state, c *types.KeyGroupConfig) { c.Items = []string{} }), 400, "InvalidArgument", ""},

		{"deleting a group without a version", deleteGroup("GROUP", nil), 400, "InvalidIfMatchVersion", ""},
		{"deleting a group of another version", deleteGroup("GROUP", aws.String(stale)), 412, "PreconditionFailed", ""},
		{"deleting no group", deleteGroup("7", aws.String(stale)), 404, "NoSuchResource", ""},

		{"a page of nothing", func(s state) error {
			_, err := s.ListPublicKeys(t.Context(), &sdk.ListPublicKeysInput{MaxItems: aws.Int32(0)})
			return err
		}, 400, "InvalidArgument", "MaxItems"},
		{"a page too large", func(s state) error {
			_, err := s.ListKeyGroups(t.Context(), &sdk.ListKeyGroupsInput{MaxItems: aws.Int32(101)})
			return err
		}, 400, "InvalidArgument", "MaxItems"},
		{"another operation", func(s state) error {
			_, err := s.ListDistributions(t.Context(), &sdk.ListDistributionsInput{})
			return err
		}, 404, "UnknownOperationException", "/2020-05-31/distribution"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			stand := newControlStand(t, 0)
			s := state{Client: stand.served(t, stand.operator)}
			s.used, s.free = mustCreateKey(t, s.Client, "used", ecdsaID), mustCreateKey(t, s.Client, "free", rsaID)
			s.group, s.groupETag = mustCreateGroup(t, s.Client, "used", s.used)
			mustCreateGroup(t, s.Client, "second", s.free)
			if test.code == "PreconditionFailed" && s.groupETag == stale {
				t.Fatal("the stale version is the present one")
			}
			before := dump(t, stand)
			wantRefusal(t, test.call(s), test.status, test.code, test.message)
			if after := dump(t, stand); after != before {
				t.Errorf("the refused call changed\n%s\ninto\n%s", before, after)
			}
		})
	}
}

// TestControlProtocol sends what no SDK would.
func TestControlProtocol(t *testing.T) {
	t.Parallel()
	s := newControlStand(t, 0)
	stranger := iam.Credentials{AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "secret"}
	forger := s.operator
	forger.SecretAccessKey += "x"
	expired := s.iam.Issue(&iam.Principal{Name: "late", Operator: true}, -time.Second)
	for _, test := range []struct {
		name, method, target, body string
		who                        iam.Credentials
		region                     string
		status                     int
		code                       string
	}{
		{"unsigned", "GET", "/2020-05-31/public-key", "", iam.Credentials{}, controlRegion, 403, "MissingAuthenticationToken"},
		{"an unknown caller", "GET", "/2020-05-31/public-key", "", stranger, controlRegion, 403, "InvalidClientTokenId"},
		{"a wrong secret", "GET", "/2020-05-31/public-key", "", forger, controlRegion, 403, "SignatureDoesNotMatch"},
		{"an expired token", "GET", "/2020-05-31/public-key", "", expired, controlRegion, 403, "ExpiredToken"},
		{"another region", "GET", "/2020-05-31/public-key", "", s.operator, "eu-central-1", 403, "SignatureDoesNotMatch"},
		{"the stack's region", "GET", "/2020-05-31/public-key", "", s.operator, "eu-west-1", 200, ""},
		{"signed well", "GET", "/2020-05-31/public-key", "", s.operator, controlRegion, 200, ""},

		{"another version", "GET", "/2019-03-26/public-key", "", s.operator, controlRegion, 404, "UnknownOperationException"},
		{"another method", "PATCH", "/2020-05-31/public-key", "", s.operator, controlRegion, 404, "UnknownOperationException"},
		{"a slash after it", "GET", "/2020-05-31/public-key/", "", s.operator, controlRegion, 404, "UnknownOperationException"},
		{"an empty id", "GET", "/2020-05-31/public-key//config", "", s.operator, controlRegion, 404, "UnknownOperationException"},
		{"a longer path", "GET", "/2020-05-31/public-key/K/config/x", "", s.operator, controlRegion, 404, "UnknownOperationException"},
		{"a group's config put", "PUT", "/2020-05-31/key-group/7/config", "", s.operator, controlRegion, 404, "UnknownOperationException"},
		{"an unknown parameter", "GET", "/2020-05-31/public-key?maxitems=1", "", s.operator, controlRegion, 400, "InvalidArgument"},
		{"a page of a word", "GET", "/2020-05-31/public-key?MaxItems=all", "", s.operator, controlRegion, 400, "InvalidArgument"},
		{"a parameter twice", "GET", "/2020-05-31/key-group?MaxItems=1&MaxItems=2", "", s.operator, controlRegion, 400, "InvalidArgument"},
		{"a query where none is", "POST", "/2020-05-31/public-key?x=y", "", s.operator, controlRegion, 400, "InvalidArgument"},

		{"no body", "POST", "/2020-05-31/public-key", "", s.operator, controlRegion, 400, "MalformedXML"},
		{"no XML", "POST", "/2020-05-31/key-group", "{}", s.operator, controlRegion, 400, "MalformedXML"},
		{"a body too large", "POST", "/2020-05-31/key-group", strings.Repeat(" ", maxControlBytes+1), s.operator, controlRegion, 413, "RequestEntityTooLarge"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequestWithContext(t.Context(), test.method, test.target, strings.NewReader(test.body))
			if test.who.AccessKeyID != "" {
				err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{
					AccessKeyID: test.who.AccessKeyID, SecretAccessKey: test.who.SecretAccessKey, SessionToken: test.who.SessionToken,
				}, r, sha256Hex(test.body), controlService, test.region, time.Now())
				if err != nil {
					t.Fatal(err)
				}
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			var answer struct {
				Error     struct{ Type, Code, Message string }
				RequestID string `xml:"RequestId"`
			}
			if err := xml.Unmarshal(w.Body.Bytes(), &answer); err != nil {
				t.Fatalf("%s %s = %s: %v", test.method, test.target, w.Body, err)
			}
			if w.Code != test.status || answer.Error.Code != test.code {
				t.Errorf("%s %s = %d %s, want %d %s", test.method, test.target, w.Code, w.Body, test.status, test.code)
			}
			if test.code != "" && (answer.RequestID != w.Header().Get("X-Amzn-Requestid") || answer.Error.Type != "Sender" || answer.Error.Message == "") {
				t.Errorf("%s %s = %s, not a whole error of request %v", test.method, test.target, w.Body, w.Header())
			}
		})
	}
}

// A store that can't be read is the service's fault, and grants nothing.
func TestControlDamaged(t *testing.T) {
	t.Parallel()
	s := newControlStand(t, 0)
	client := s.direct()
	key := mustCreateKey(t, client, "key", ecdsaID)
	group, _ := mustCreateGroup(t, client, "group", key)
	damage(t, s, group)
	_, err := client.GetKeyGroup(t.Context(), &sdk.GetKeyGroupInput{Id: &group})
	wantRefusal(t, err, http.StatusInternalServerError, "InternalError", "")
	if got := s.key([]string{group}, key, time.Now()); got != nil {
		t.Errorf("key = %v, want none", got)
	}
	if _, err := NewControl(ControlConfig{DB: s.config.DB, IAM: s.iam, PropagationDelay: -1}); err == nil {
		t.Error("NewControl takes a negative delay")
	}
}
