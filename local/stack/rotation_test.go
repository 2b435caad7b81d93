package stack_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"airlock/local/stack"
)

const propagationDelay = time.Second

// keyring looks at a stack's signing keys as an operator may.
type keyring struct {
	*stack.Stack
	secrets    *secretsmanager.Client
	cloudFront *cloudfront.Client
}

func keysOf(s *stack.Stack) keyring {
	return keyring{
		s, secretsmanager.NewFromConfig(s.AWS(s.Endpoints.SecretsManager)),
		cloudfront.NewFromConfig(s.AWS(s.Endpoints.CloudFront)),
	}
}

// document is what the secret holds, and its version.
func (k keyring) document(t *testing.T) (d map[string]any, version string) {
	t.Helper()
	got, err := k.secrets.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &k.Endpoints.Secret})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(*got.SecretString), &d); err != nil {
		t.Fatal("the secret is no JSON")
	}
	return d, *got.VersionId
}

// age makes the next key 20 minutes older, and lets the retired ones have had
// their time, as far as those are asked for.
func (k keyring) age(t *testing.T, next, retired bool) {
	t.Helper()
	d, _ := k.document(t)
	past := time.Now().Add(-20 * time.Minute).UTC().Format(time.RFC3339)
	if n, ok := d["next"].(map[string]any); ok && next {
		n["published"] = past
	}
	if r, ok := d["retired"].([]any); ok && retired {
		for _, r := range r {
			r.(map[string]any)["until"] = past
		}
	}
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := stack.StoreSigningKey(t.Context(), k.secrets, k.Endpoints.Secret, string(text)); err != nil {
		t.Fatal(err)
	}
}

// rotate asks for a rotation, whose version is token, and waits for it.
func (k keyring) rotate(t *testing.T, token string) {
	t.Helper()
	_, err := k.secrets.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{SecretId: &k.Endpoints.Secret, ClientRequestToken: &token})
	if err != nil {
		t.Fatal(err)
	}
	err = await(t.Context(), func() (bool, error) {
		_, version := k.document(t)
		return version == token, nil
	})
	if err != nil {
		t.Fatalf("the rotation %s: %v", token, err)
	}
}

// group lists the key group's keys, and all the account has.
func (k keyring) group(t *testing.T) (items, all []string) {
	t.Helper()
	got, err := k.cloudFront.GetKeyGroup(t.Context(), &cloudfront.GetKeyGroupInput{Id: aws.String(k.Template.Outputs["KeyGroupId"])})
	if err != nil {
		t.Fatal(err)
	}
	listed, err := k.cloudFront.ListPublicKeys(t.Context(), &cloudfront.ListPublicKeysInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range listed.PublicKeyList.Items {
		all = append(all, *key.Id)
	}
	slices.Sort(all)
	return got.KeyGroup.KeyGroupConfig.Items, all
}

// readers download by every URL they were given, again and again, and count what
// is refused.
type readers struct {
	user      client
	objectKey string

	mu   sync.Mutex
	urls map[string]string // the last one by key pair id
	good int
	bad  []string
}

func (r *readers) run(ctx context.Context) {
	for ctx.Err() == nil {
		signed, err := r.user.sign(ctx, r.objectKey)
		if err != nil {
			r.count(ctx, "signing", answer{}, err)
			continue
		}
		_, id, _ := strings.Cut(signed[0], "Key-Pair-Id=")
		id, _, _ = strings.Cut(id, "&")
		r.mu.Lock()
		r.urls[id] = signed[0]
		urls := maps.Clone(r.urls)
		r.mu.Unlock()
		for id, url := range urls {
			a, err := get(ctx, url, nil)
			r.count(ctx, id, a, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// awaitKey waits until there is a URL of a key.
func (r *readers) awaitKey(t *testing.T, id string) {
	t.Helper()
	err := await(t.Context(), func() (bool, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.urls[id] != "", nil
	})
	if err != nil {
		t.Fatalf("no URL was signed with %s: %v", id, err)
	}
}

func (r *readers) count(ctx context.Context, of string, a answer, err error) {
	if ctx.Err() != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil || a.status != http.StatusOK {
		r.bad = append(r.bad, fmt.Sprintf("%s: %d, %v", of, a.status, err))
		return
	}
	r.good++
}

// TestRotation rotates the signing key of a running stack while users read: no
// URL is refused as long as its key has not had its time, a full group included.
// The edge learns of a changed group a second late.
func TestRotation(t *testing.T) {
	o := stack.Options{PropagationDelay: propagationDelay, Parameters: map[string]string{"SigningKeyCacheTtl": "1s"}}
	w := watch(t, &o)
	s := start(t, o)
	keys := keysOf(s)
	var private [][]byte
	collect := func() (signs string) {
		d, _ := keys.document(t)
		next, _ := d["next"].(map[string]any)
		for _, holder := range []map[string]any{d, next} {
			if pem, ok := holder["privateKey"].(string); ok {
				private = append(private, bytes.Split([]byte(pem), []byte("\n"))[1])
			}
		}
		return d["keyPairId"].(string)
	}
	r := &readers{user: alice(t, s), urls: map[string]string{}}
	g, err := r.user.store(t.Context(), upload{name: "a.txt", contentType: "text/plain", body: []byte("read me")})
	if err != nil {
		t.Fatal(err)
	}
	r.objectKey = g.ObjectKey
	reading, stopReading := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.run(reading) })

	first, _ := keys.document(t)
	for i := range 3 {
		r.awaitKey(t, collect())
		<-time.After(propagationDelay + 200*time.Millisecond) // the next key has to be at the edge
		keys.age(t, true, false)
		keys.rotate(t, fmt.Sprintf("00000000-0000-4000-8000-00000000000%d", i))
		items, all := keys.group(t)
		if want := 3 + i; len(items) != want || len(all) != want {
			t.Errorf("after %d rotations the group has %q, the account %q, want %d", i+1, items, all, want)
		}
	}
	r.awaitKey(t, collect())
	// Five keys are in the group, and none may go: a fourth rotation is refused.
	keys.age(t, true, false)
	if got := step(t, s, "createSecret", "00000000-0000-4000-8000-000000000003"); !strings.Contains(got, "the version is not pending") {
		t.Errorf("createSecret of a version that is not pending = %s, want it refused", got)
	}
	token := "00000000-0000-4000-8000-000000000004"
	if _, err := keys.secrets.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{SecretId: &s.Endpoints.Secret, ClientRequestToken: &token}); err != nil {
		t.Fatal(err)
	}
	if err := await(t.Context(), func() (bool, error) { return strings.Contains(w.log.String(), "the key group is full"), nil }); err != nil {
		t.Errorf("a rotation with a full group: %v, want it refused for want of room", err)
	}
	if items, _ := keys.group(t); len(items) != 5 || !slices.Contains(items, first["keyPairId"].(string)) {
		t.Errorf("the full group = %q, want the five that were there", items)
	}
	<-time.After(propagationDelay + 200*time.Millisecond)
	stopReading()
	running.Wait()
	if len(r.bad) > 0 || len(r.urls) != 4 || r.good < 20 {
		t.Errorf("%d downloads by URLs of %d keys, refused: %.5q; want none, of 4 keys", r.good, len(r.urls), r.bad)
	}
	t.Logf("%d downloads by URLs of %d keys", r.good, len(r.urls))

	t.Run("retire", func(t *testing.T) { testRetire(t, s, first["keyPairId"].(string), r.urls, token) })
	t.Run("custom resource", func(t *testing.T) { testCustomResource(t, s, w) })
	t.Run("grants", func(t *testing.T) { testGrants(t, s, w, func(id string) bool { return id == "RotateFunction" }) })
	log := w.log.String()
	for _, line := range private {
		if strings.Contains(log, string(line)) {
			t.Error("a private key is in the log")
		}
	}
	if !strings.Contains(log, "RotateFunction") || len(private) != 8 {
		t.Errorf("%d private keys were looked for in a log of %d bytes, want 8", len(private), len(log))
	}
}

// step sends a rotation step to the function itself, and returns its answer.
func step(t *testing.T, s *stack.Stack, name, token string) string {
	t.Helper()
	event, err := json.Marshal(map[string]string{"SecretId": s.Endpoints.Secret, "ClientRequestToken": token, "Step": name})
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := invoke(t, s, "RotateFunction", event)
	return answer
}

// testRetire lets the retired keys have had their time. The daily run waits for
// the rotation that was refused, which then finds room.
func testRetire(t *testing.T, s *stack.Stack, first string, urls map[string]string, token string) {
	keys := keysOf(s)
	if a, err := get(t.Context(), urls[first], nil); err != nil || a.status != http.StatusOK {
		t.Fatalf("GET by a URL of the first key = %v, %v, want 200", a, err)
	}
	keys.age(t, true, true)
	if answer, functionError := invoke(t, s, "RotateFunction", []byte(`{"action":"retire"}`)); functionError != "" || answer != "{}" {
		t.Fatalf("retire = %s, %s", answer, functionError)
	}
	d, _ := keys.document(t)
	next := d["next"].(map[string]any)["keyPairId"].(string)
	want := []string{d["keyPairId"].(string), next}
	slices.Sort(want)
	items, all := keys.group(t)
	slices.Sort(items)
	// The edge has not heard of it and still uses the others: the next run deletes
	// them, which is pkg/rotation's simulator's to show.
	if !slices.Equal(items, want) || len(all) != 5 {
		t.Errorf("after retire the group has %q and the account %q, want %q and five", items, all, want)
	}
	if err := await(t.Context(), func() (bool, error) {
		a, err := get(t.Context(), urls[first], nil)
		return a.status == http.StatusForbidden, err
	}); err != nil {
		t.Errorf("GET by a URL of a key that is gone: %v, want 403", err)
	}
	if a, err := alice(t, s).download(t.Context(), "u/alice/"+pathOf(urls[first])); err != nil || a.status != http.StatusOK {
		t.Errorf("a download after retire = %v, %v", a, err)
	}
	// Asked again, Secrets Manager says that it is at it, and is.
	_, err := keys.secrets.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{SecretId: &s.Endpoints.Secret})
	if err == nil || !strings.Contains(err.Error(), "will be reattempted") {
		t.Errorf("RotateSecret = %v, want that the one before is tried again", err)
	}
	if err := await(t.Context(), func() (bool, error) { _, version := keys.document(t); return version == token, nil }); err != nil {
		t.Errorf("the rotation that had found no room: %v", err)
	}
	if items, _ := keys.group(t); len(items) != 3 || !slices.Contains(items, next) {
		t.Errorf("the group has %q, want three with %s", items, next)
	}
}

// pathOf is the object key below the owner.
func pathOf(signed string) string {
	_, path, _ := strings.Cut(signed, "/u/alice/")
	path, _, _ = strings.Cut(path, "?")
	return path
}

// testCustomResource sends CloudFormation's requests: an update changes nothing
// that is good, and a deletion goes on as long as the distribution is there.
func testCustomResource(t *testing.T, s *stack.Stack, w *witness) {
	keys := keysOf(s)
	answers := make(chan string, 4)
	url := answersTo(t, answers)
	before, version := keys.document(t)
	items, _ := keys.group(t)
	for _, tt := range []struct{ change, want string }{
		{`"KeyAlgorithm":"RSA_2048"`, `"Status":"SUCCESS"`},
		{`"KeyAlgorithm":"RSA_1024"`, `"Status":"FAILED"`},
		{`"KeyAlgorithm":"ECDSA_P256","Color":"red"`, `takes SecretId, KeyNamePrefix and KeyAlgorithm`},
	} {
		event := strings.NewReplacer(`"KeyAlgorithm":"ECDSA_P256"`, tt.change).Replace(resourceEvent(t, s, "Update", url))
		if answer, functionError := invoke(t, s, "RotateFunction", []byte(event)); functionError != "" || answer != "{}" {
			t.Fatalf("Update = %s, %s", answer, functionError)
		}
		if got := <-answers; !strings.Contains(got, tt.want) || !strings.Contains(got, s.Template.Outputs["KeyGroupId"]) || strings.Contains(got, "PRIVATE") {
			t.Errorf("Update with %s answered %s, want %s", tt.change, got, tt.want)
		}
	}
	after, versionAfter := keys.document(t)
	if itemsAfter, _ := keys.group(t); version != versionAfter || before["keyPairId"] != after["keyPairId"] || !slices.Equal(items, itemsAfter) {
		t.Error("an update that asks for nothing new changed keys")
	}
	// It tries until its time is over, so nobody waits for it here.
	invokeAsync(t, s, "RotateFunction", []byte(resourceEvent(t, s, "Delete", url)))
	if err := await(t.Context(), func() (bool, error) { return w.called("RotateFunction", "cloudfront:DeleteKeyGroup"), nil }); err != nil {
		t.Errorf("Delete: %v, want that it tries to delete the key group", err)
	}
	if itemsAfter, _ := keys.group(t); !slices.Equal(items, itemsAfter) {
		t.Errorf("the group of a running distribution is gone: %q", itemsAfter)
	}
}

func resourceEvent(t *testing.T, s *stack.Stack, kind, url string) string {
	t.Helper()
	c := s.Template.CustomResources[0]
	event, err := json.Marshal(map[string]any{
		"RequestType": kind, "ResponseURL": url, "StackId": s.Template.ID, "RequestId": "r", "LogicalResourceId": c.LogicalID,
		"PhysicalResourceId": s.Template.Outputs["KeyGroupId"], "ResourceType": c.Type, "ResourceProperties": c.Properties,
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(event)
}
