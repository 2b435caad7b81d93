package conformance

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"
)

// TestRotation runs the rotate function's binary in an account of moto's, from
// the stack's creation to its deletion. What moto has wrong or lacks, and so is
// played or left out here, is in motoRotationFaults.
func TestRotation(t *testing.T) {
	needPython(t)
	needOpenSSL(t)
	account := openMoto(serve(t, "python3", filepath.Join("testdata", "motoserver.py"), "-H", "127.0.0.1", "-p"))
	bootstrap := buildRotate(t)
	for _, tt := range []struct {
		name, prefix string
		properties   map[string]any // of the custom resource
		first, then  string         // what openssl says of keys made by it, and by rotations
	}{
		{"P-256", "airlock-p256", nil, p256Key, p256Key},
		{"RSA, then P-256", "airlock-rsa", map[string]any{"KeyAlgorithm": "RSA_2048"}, rsaKey, p256Key},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addOthers(t, account, tt.prefix)
			s := startRotation(t, account, bootstrap, tt.prefix)
			before := s.state(t)
			for _, stage := range []struct {
				name string
				test func(*testing.T)
			}{
				{"wrong create", func(t *testing.T) { testWrongProperties(t, s, "Create") }},
				{"create", func(t *testing.T) { testCreate(t, s, tt.properties, tt.first) }},
				{"wrong update", func(t *testing.T) { testWrongProperties(t, s, "Update") }},
				{"rotate", func(t *testing.T) { testRotate(t, s, tt.first, tt.then) }},
				{"update", func(t *testing.T) { testUpdate(t, s, tt.first, tt.then) }},
				{"retire", func(t *testing.T) { testRetire(t, s, tt.first, tt.then) }},
				{"delete", func(t *testing.T) { testDelete(t, s, before) }},
			} {
				if !t.Run(stage.name, stage.test) {
					return // each begins with what the one before has left
				}
			}
			s.stop(t) // then all has been logged
			log := s.logged()
			if found := s.leaks(log...); len(log) == 0 || len(found) > 0 {
				t.Errorf("%d of %d lines of the log hold part of a private key, or CloudFormation's address; want none of some", len(found), len(log))
			}
		})
	}
}

// What openssl says of the two kinds of public keys.
const (
	p256Key = "NIST CURVE: P-256"
	rsaKey  = "Public-Key: (2048 bit)\nModulus:"
)

// Ids of CloudFormation's requests, and of versions that Secrets Manager makes.
const (
	createRequest = "5478764b-17b8-4b2e-9a3d-0000000000c1"
	otherRequest  = "5478764b-17b8-4b2e-9a3d-0000000000c2"
	newVersion    = "a6d0d2f4-5b1e-4c39-9e57-0123456789ab"
)

// addOthers puts a key and a group there that are not the stack's, though their
// names begin like those.
func addOthers(t *testing.T, a motoAccount, prefix string) {
	t.Helper()
	public := string(pipe{p256, {"ec", "-pubout"}}.run(t))
	name, reference := prefix+"-2_"+newVersion, prefix
	key, err := a.cloudFront.CreatePublicKey(t.Context(), &cloudfront.CreatePublicKeyInput{
		PublicKeyConfig: &types.PublicKeyConfig{CallerReference: &reference, Name: &name, EncodedKey: &public},
	})
	if err == nil {
		group := prefix + "-2"
		_, err = a.cloudFront.CreateKeyGroup(t.Context(), &cloudfront.CreateKeyGroupInput{
			KeyGroupConfig: &types.KeyGroupConfig{Name: &group, Items: []string{*key.PublicKey.Id}},
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// testWrongProperties: what a template has wrong is refused before anything is
// made, with a reason that holds nothing of a key that went astray.
func testWrongProperties(t *testing.T, s *rotationStack, request string) {
	pem := pipe{p256}.run(t)
	s.keep(pem)
	id, _ := s.group(t)
	want := id
	if id == "" {
		want = s.prefix // a creation that failed has an id, too
	}
	for _, tt := range []struct {
		property string
		value    any
		reason   string
	}{
		{"SecretId", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:another-AbCdEf", "SecretId is not"},
		{"SecretId", pem, "SecretId is not"},
		{"SecretId", []string{pem}, "each a text"},
		{"KeyNamePrefix", "another", "KeyNamePrefix is not"},
		{"KeyNamePrefix", pem, "KeyNamePrefix is not"},
		{"KeyAlgorithm", "ECDSA_P384", "KeyAlgorithm must be"},
		{"KeyAlgorithm", pem, "KeyAlgorithm must be"},
		{"PrivateKey", pem, "nothing else"},
		{pem, "", "nothing else"},
	} {
		s.unchanged(t, request+": "+tt.reason, func() {
			a := s.tell(t, s.resource(request, otherRequest, id, map[string]any{tt.property: tt.value}))
			if a.Status != "FAILED" || !strings.Contains(a.Reason, tt.reason) || a.PhysicalResourceId != want || a.Data != nil {
				t.Errorf("%s was answered %+v, want FAILED of %s: %s", request, a, want, tt.reason)
			}
		})
	}
}

// checkMade checks an answer, and that moto has the group it speaks of.
func checkMade(t *testing.T, s *rotationStack, a resourceAnswer) {
	t.Helper()
	id, _ := s.group(t)
	if id == "" || a.Status != "SUCCESS" || a.Reason != "" || a.PhysicalResourceId != id || !cmp.Equal(a.Data, map[string]string{"KeyGroupId": id}) {
		t.Fatalf("CloudFormation was told %+v, want SUCCESS and the group %q", a, id)
	}
}

// checkPairs has openssl say whether what moto holds belongs to the private keys
// of the current version, and is of that kind; they are all the group has beside
// the retired ones, in any order.
func checkPairs(t *testing.T, s *rotationStack, current, next string) signingKeys {
	t.Helper()
	k, _ := s.signingKeys(t, "AWSCURRENT")
	keys := s.publicKeys(t)
	for _, pair := range []struct{ id, private, kind string }{
		{k.KeyPairID, k.PrivateKey, current}, {k.Next.KeyPairID, k.Next.PrivateKey, next},
	} {
		held, known := keys[pair.id]
		if !known {
			t.Fatalf("moto has no public key %s, which the secret names", pair.id)
		}
		if !strings.HasPrefix(*held.Name, s.prefix+"_") {
			t.Errorf("public key %s is called %s", pair.id, *held.Name)
		}
		if public := string(openssl(t, []byte(pair.private), "pkey", "-pubout")); *held.EncodedKey != public {
			t.Errorf("moto's public key %s is\n%s\nopenssl makes of its private half\n%s", pair.id, *held.EncodedKey, public)
		}
		if text := string(openssl(t, []byte(*held.EncodedKey), "pkey", "-pubin", "-noout", "-text")); !strings.Contains(text, pair.kind) {
			t.Errorf("openssl says of public key %s\n%s\nwant %q", pair.id, text, pair.kind)
		}
	}
	_, items := s.group(t)
	if want := append(k.retired(), k.KeyPairID, k.Next.KeyPairID); !slices.Equal(sorted(items), sorted(want)) {
		t.Errorf("the group holds %v, want %v", items, want)
	}
	return k
}

// testCreate: two key pairs, a secret and a group, once, whatever is repeated.
func testCreate(t *testing.T, s *rotationStack, properties map[string]any, kind string) {
	s.unchanged(t, "the daily run of a stack that is not there yet", func() { s.retire(t) })
	before := len(s.state(t).Keys)
	created := time.Now().Truncate(time.Second)
	a := s.tell(t, s.resource("Create", createRequest, "", properties))
	checkMade(t, s, a)
	k := checkPairs(t, s, kind, kind)
	if made := len(s.state(t).Keys) - before; made != 2 || len(k.Retired) > 0 {
		t.Errorf("%d public keys were made and %v are retired, want 2 and none", made, k.retired())
	}
	if p := k.Next.Published; p.Before(created) || p.After(time.Now()) {
		t.Errorf("the next key was published at %v, want now", p)
	}
	for name, event := range map[string]map[string]any{
		"Create again":              s.resource("Create", createRequest, "", properties),
		"Create by another request": s.resource("Create", otherRequest, "", properties),
		"Update":                    s.resource("Update", otherRequest, a.PhysicalResourceId, properties),
	} {
		s.unchanged(t, name, func() { checkMade(t, s, s.tell(t, event)) })
	}
}

// begin makes the version that a rotation is to fill, as Secrets Manager does. It
// would run the function itself then; moto would in a container, and refuses one
// it doesn't have after it has made the version (motoRotationFaults).
func (s *rotationStack) begin(t *testing.T) {
	t.Helper()
	version := newVersion
	_, err := s.secrets.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{
		SecretId: &s.secretARN, ClientRequestToken: &version, RotationLambdaARN: &s.functionARN,
	})
	now := s.state(t)
	if answerCode(err) != notFound || !slices.Equal(now.Versions[newVersion], []string{"AWSPENDING"}) || now.Values[newVersion] != "" {
		t.Fatalf("RotateSecret = %v and the versions are %v, want an empty one that is pending", err, now.Versions)
	}
}

// testRotate: the four steps, each of them twice.
func testRotate(t *testing.T, s *rotationStack, first, then string) {
	s.begin(t)
	old, _ := s.signingKeys(t, "AWSCURRENT")
	refused := func(step, want string) {
		t.Helper()
		s.unchanged(t, "a refused "+step, func() {
			if got := s.step(t, step); !strings.HasPrefix(got, "RefusedError: ") || !strings.Contains(got, want) {
				t.Errorf("%s = %q, want a refusal: %s", step, got, want)
			}
		})
	}
	done := func(step string) {
		t.Helper()
		if got := s.step(t, step); got != "" {
			t.Fatalf("%s = %q, want none", step, got)
		}
	}
	again := func(step string) {
		t.Helper()
		s.unchanged(t, step, func() { done(step) })
	}

	refused("setSecret", "createSecret comes first")
	refused("finishSecret", "createSecret comes first")
	again("testSecret") // alone, it tries a configuration
	refused("createSecret", "too new")
	s.store(t, func(k *signingKeys) { k.Next.Published = k.Next.Published.Add(-20 * time.Minute) })
	_, current := s.signingKeys(t, "AWSCURRENT")

	done("createSecret")
	k, pending := s.signingKeys(t, "AWSPENDING")
	if pending != newVersion || k.KeyPairID != old.Next.KeyPairID || k.PrivateKey != old.Next.PrivateKey || !slices.Equal(k.retired(), []string{old.KeyPairID}) {
		t.Fatalf("pending is %s with key %s, and %v retired; want %s, %s and %s", pending, k.KeyPairID, k.retired(), newVersion, old.Next.KeyPairID, old.KeyPairID)
	}
	// Who holds the longest URL that could still be signed is served.
	if until := k.Retired[0].Until; until.Before(time.Now().Add(24*time.Hour + 5*time.Minute)) {
		t.Errorf("the old key is retired until %v, want later than its last URL", until)
	}
	if _, now := s.signingKeys(t, "AWSCURRENT"); now != current {
		t.Errorf("createSecret made %s current, want still %s", now, current)
	}
	again("createSecret")

	_, items := s.group(t)
	s.setGroup(t, slices.DeleteFunc(slices.Clone(items), func(id string) bool { return id == k.Next.KeyPairID })...)
	refused("setSecret", k.Next.KeyPairID)
	refused("testSecret", k.Next.KeyPairID)
	s.setGroup(t, items...)
	again("setSecret")
	again("testSecret")

	done("finishSecret")
	now := s.state(t).Versions
	if !slices.Contains(now[newVersion], "AWSCURRENT") || !slices.Equal(now[current], []string{"AWSPREVIOUS", "OPERATOR"}) {
		t.Errorf("after finishSecret the versions are %v, want %s current and %s previous", now, newVersion, current)
	}
	again("finishSecret")
	checkPairs(t, s, first, then)
	s.unchanged(t, "the daily run", func() { s.retire(t) })
}

func (s *rotationStack) retire(t *testing.T) {
	t.Helper()
	if got := s.invoke(t, map[string]any{"action": "retire"}); got != "" {
		t.Fatalf("the daily run = %q, want none", got)
	}
}

// testUpdate: what an operator took out of the group is put back, and the next
// key counts as published anew. The rotation's label goes then.
func testUpdate(t *testing.T, s *rotationStack, first, then string) {
	k, _ := s.signingKeys(t, "AWSCURRENT")
	id, items := s.group(t)
	s.setGroup(t, slices.DeleteFunc(items, func(id string) bool { return id == k.Next.KeyPairID })...)
	updated := time.Now().Truncate(time.Second)
	checkMade(t, s, s.tell(t, s.resource("Update", otherRequest, id, nil)))
	if now := checkPairs(t, s, first, then); now.Next.KeyPairID != k.Next.KeyPairID || now.Next.Published.Before(updated) {
		t.Errorf("next is %s, published at %v, want %s, now", now.Next.KeyPairID, now.Next.Published, k.Next.KeyPairID)
	}
	for version, labels := range s.state(t).Versions {
		if slices.Contains(labels, "AWSPENDING") || version == newVersion && !slices.Equal(labels, []string{"AWSPREVIOUS"}) {
			t.Errorf("version %s has the labels %v, want none pending and the rotation's previous", version, labels)
		}
	}
}

// testRetire: a key whose time is up leaves the group and is deleted, and no other.
func testRetire(t *testing.T, s *rotationStack, first, then string) {
	s.unchanged(t, "the daily run", func() { s.retire(t) })
	k, _ := s.signingKeys(t, "AWSCURRENT")
	if len(k.Retired) != 1 {
		t.Fatalf("after one rotation %v are retired, want one", k.retired())
	}
	before := s.state(t).Keys
	s.store(t, func(k *signingKeys) { k.Retired[0].Until = time.Now().Add(-time.Second) })
	s.retire(t)
	delete(before, k.Retired[0].KeyPairID)
	if diff := cmp.Diff(before, s.state(t).Keys); diff != "" {
		t.Errorf("public keys after the retirement of %s (-want +moto):\n%s", k.Retired[0].KeyPairID, diff)
	}
	if now := checkPairs(t, s, first, then); len(now.Retired) > 0 || now.KeyPairID != k.KeyPairID || now.Next.KeyPairID != k.Next.KeyPairID {
		t.Errorf("the secret has %s, %s and %v, want %s, %s and none retired", now.KeyPairID, now.Next.KeyPairID, now.retired(), k.KeyPairID, k.Next.KeyPairID)
	}
	s.unchanged(t, "the daily run again", func() { s.retire(t) })
}

// testDelete: what update had replaced is none of today's; then all that is ours
// goes, and again.
func testDelete(t *testing.T, s *rotationStack, before rotationState) {
	id, _ := s.group(t)
	gone := func(id string) {
		t.Helper()
		if a := s.tell(t, s.resource("Delete", otherRequest, id, nil)); a.Status != "SUCCESS" || a.PhysicalResourceId != id || a.Reason != "" {
			t.Fatalf("Delete of %s was answered %+v, want SUCCESS", id, a)
		}
	}
	const unknown = "e4d8b1c2-3f60-4a59-8b7e-0123456789ab"
	s.unchanged(t, "Delete of "+unknown, func() { gone(unknown) })
	want := s.state(t)
	want.Keys, want.Groups = before.Keys, before.Groups
	gone(id)
	if diff := cmp.Diff(want, s.state(t)); diff != "" {
		t.Errorf("after the Delete (-want +moto):\n%s", diff)
	}
	for _, id := range []string{id, unknown, s.prefix} {
		s.unchanged(t, "Delete of "+id, func() { gone(id) })
	}
}
