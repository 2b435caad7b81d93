package cloudfront

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"airlock/local/iam"
)

// ignoreDocument leaves out what every type of the SDK embeds.
var ignoreDocument = cmpopts.IgnoreUnexported(types.PublicKeyConfig{}, types.KeyGroupConfig{}, types.PublicKeySummary{}, types.KeyGroup{}, types.KeyGroupSummary{})

func TestPublicKeyLife(t *testing.T) {
	t.Parallel()
	s := newControlStand(t, 0)
	client, ctx := s.served(t, s.operator), t.Context()
	want := publicKeyInput(t, "airlock-current", ecdsaID).PublicKeyConfig
	want.Comment = aws.String("<&> é")

	made, err := client.CreatePublicKey(ctx, &sdk.CreatePublicKeyInput{PublicKeyConfig: want})
	if err != nil {
		t.Fatal(err)
	}
	id := made.PublicKey.Id
	if len(*id) != 14 || (*id)[0] != 'K' || *made.Location != "https://cloudfront.amazonaws.com/2020-05-31/public-key/"+*id ||
		time.Since(*made.PublicKey.CreatedTime).Abs() > time.Minute {
		t.Errorf("CreatePublicKey = %s, %s, %v", *id, *made.Location, made.PublicKey.CreatedTime)
	}
	if diff := cmp.Diff(want, made.PublicKey.PublicKeyConfig, ignoreDocument); diff != "" {
		t.Errorf("CreatePublicKey (-want +got):\n%s", diff)
	}

	want.Comment = aws.String("another")
	updated, err := client.UpdatePublicKey(ctx, &sdk.UpdatePublicKeyInput{Id: id, IfMatch: made.ETag, PublicKeyConfig: want})
	if err != nil {
		t.Fatal(err)
	}
	if *updated.ETag == *made.ETag {
		t.Error("UpdatePublicKey left the ETag as it was")
	}
	got, err := client.GetPublicKey(ctx, &sdk.GetPublicKeyInput{Id: id})
	if err != nil || *got.ETag != *updated.ETag || !got.PublicKey.CreatedTime.Equal(*made.PublicKey.CreatedTime) {
		t.Errorf("GetPublicKey = %+v, %v", got, err)
	}
	config, err := client.GetPublicKeyConfig(ctx, &sdk.GetPublicKeyConfigInput{Id: id})
	if err != nil || *config.ETag != *updated.ETag {
		t.Fatalf("GetPublicKeyConfig = %+v, %v", config, err)
	}
	if diff := cmp.Diff(want, config.PublicKeyConfig, ignoreDocument); diff != "" {
		t.Errorf("GetPublicKeyConfig (-want +got):\n%s", diff)
	}
	list, err := client.ListPublicKeys(ctx, &sdk.ListPublicKeysInput{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]types.PublicKeySummary{{
		Id: id, Name: want.Name, EncodedKey: want.EncodedKey, Comment: want.Comment, CreatedTime: made.PublicKey.CreatedTime,
	}}, list.PublicKeyList.Items, ignoreDocument); diff != "" {
		t.Errorf("ListPublicKeys (-want +got):\n%s", diff)
	}

	if _, err := client.DeletePublicKey(ctx, &sdk.DeletePublicKeyInput{Id: id, IfMatch: updated.ETag}); err != nil {
		t.Fatal(err)
	}
	_, err = client.GetPublicKey(ctx, &sdk.GetPublicKeyInput{Id: id})
	wantRefusal(t, err, 404, "NoSuchPublicKey", "")
}

func TestKeyGroupLife(t *testing.T) {
	t.Parallel()
	s := newControlStand(t, 0)
	client, ctx := s.served(t, s.operator), t.Context()
	first, second := mustCreateKey(t, client, "first", ecdsaID), mustCreateKey(t, client, "second", rsaID)
	want := groupConfig("airlock", first)
	want.Comment = aws.String("signs")
	made, err := client.CreateKeyGroup(ctx, &sdk.CreateKeyGroupInput{KeyGroupConfig: want})
	if err != nil {
		t.Fatal(err)
	}
	id := made.KeyGroup.Id
	if len(*id) != 36 || *made.Location != "https://cloudfront.amazonaws.com/2020-05-31/key-group/"+*id {
		t.Errorf("CreateKeyGroup = %s, %s", *id, *made.Location)
	}
	if diff := cmp.Diff(want, made.KeyGroup.KeyGroupConfig, ignoreDocument); diff != "" {
		t.Errorf("CreateKeyGroup (-want +got):\n%s", diff)
	}

	// The comment is not sent, and is gone: an update replaces all fields.
	want = groupConfig("renamed", second, first)
	updated, err := client.UpdateKeyGroup(ctx, &sdk.UpdateKeyGroupInput{Id: id, IfMatch: made.ETag, KeyGroupConfig: want})
	if err != nil {
		t.Fatal(err)
	}
	if *updated.ETag == *made.ETag || updated.KeyGroup.LastModifiedTime.Before(*made.KeyGroup.LastModifiedTime) {
		t.Errorf("UpdateKeyGroup = %s, %v, want a later version", *updated.ETag, updated.KeyGroup.LastModifiedTime)
	}
	config, err := client.GetKeyGroupConfig(ctx, &sdk.GetKeyGroupConfigInput{Id: id})
	if err != nil || *config.ETag != *updated.ETag {
		t.Fatalf("GetKeyGroupConfig = %+v, %v", config, err)
	}
	if diff := cmp.Diff(want, config.KeyGroupConfig, ignoreDocument); diff != "" {
		t.Errorf("GetKeyGroupConfig (-want +got):\n%s", diff)
	}
	got, err := client.GetKeyGroup(ctx, &sdk.GetKeyGroupInput{Id: id})
	if err != nil || *got.ETag != *updated.ETag {
		t.Fatalf("GetKeyGroup = %+v, %v", got, err)
	}
	list, err := client.ListKeyGroups(ctx, &sdk.ListKeyGroupsInput{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]types.KeyGroupSummary{{KeyGroup: got.KeyGroup}}, list.KeyGroupList.Items, ignoreDocument); diff != "" {
		t.Errorf("ListKeyGroups (-want +got):\n%s", diff)
	}

	if _, err := client.DeleteKeyGroup(ctx, &sdk.DeleteKeyGroupInput{Id: id, IfMatch: updated.ETag}); err != nil {
		t.Fatal(err)
	}
	_, err = client.GetKeyGroup(ctx, &sdk.GetKeyGroupInput{Id: id})
	wantRefusal(t, err, 404, "NoSuchResource", "")
}

// Pages may be of any size, and a marker may be gone by the next call.
func TestControlPages(t *testing.T) {
	t.Parallel()
	s := newControlStand(t, 0)
	client := s.served(t, s.operator)
	var all []string
	for i := range 5 {
		all = append(all, mustCreateKey(t, client, fmt.Sprint("key-", i), ecdsaID))
	}
	slices.Sort(all)
	list := func(marker *string, maxItems int32) ([]string, *types.PublicKeyList) {
		out, err := client.ListPublicKeys(t.Context(), &sdk.ListPublicKeysInput{Marker: marker, MaxItems: &maxItems})
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, item := range out.PublicKeyList.Items {
			ids = append(ids, *item.Id)
		}
		if int(*out.PublicKeyList.Quantity) != len(ids) || *out.PublicKeyList.MaxItems != maxItems {
			t.Errorf("ListPublicKeys = %+v, want %d of %d", out.PublicKeyList, len(ids), maxItems)
		}
		return ids, out.PublicKeyList
	}
	for _, size := range []int32{1, 2, 3, 5, 100} {
		var got []string
		for marker, more := (*string)(nil), true; more && len(got) <= len(all); more = marker != nil {
			ids, page := list(marker, size)
			got, marker = append(got, ids...), page.NextMarker
		}
		if !slices.Equal(got, all) {
			t.Errorf("ListPublicKeys by %d = %v, want %v", size, got, all)
		}
	}
	got, err := client.GetPublicKey(t.Context(), &sdk.GetPublicKeyInput{Id: &all[1]})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.DeletePublicKey(t.Context(), &sdk.DeletePublicKeyInput{Id: &all[1], IfMatch: got.ETag}); err != nil {
		t.Fatal(err)
	}
	if ids, _ := list(&all[1], 2); !slices.Equal(ids, all[2:4]) {
		t.Errorf("ListPublicKeys after a marker that is gone = %v, want %v", ids, all[2:4])
	}
	if ids, page := list(&all[4], 2); ids != nil || page.NextMarker != nil {
		t.Errorf("ListPublicKeys after the last = %v, %v", ids, page.NextMarker)
	}
}

// What was answered is there after a restart, with the version it had.
func TestControlRestart(t *testing.T) {
	t.Parallel()
	s := newControlStand(t, 0)
	client := s.direct()
	key := mustCreateKey(t, client, "key", ecdsaID)
	group, etag := mustCreateGroup(t, client, "group", key)
	before, err := client.ListPublicKeys(t.Context(), &sdk.ListPublicKeysInput{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.config.DB.Close(); err != nil {
		t.Fatal(err)
	}
	s.open(t)

	after, err := client.ListPublicKeys(t.Context(), &sdk.ListPublicKeysInput{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before.PublicKeyList.Items, after.PublicKeyList.Items, ignoreDocument); diff != "" || len(after.PublicKeyList.Items) != 1 {
		t.Errorf("ListPublicKeys after a restart (-before +after):\n%s", diff)
	}
	if got := s.key([]string{group}, key, time.Now()); got == nil {
		t.Error("the edge has lost the key")
	}
	_, err = client.UpdateKeyGroup(t.Context(), &sdk.UpdateKeyGroupInput{Id: &group, IfMatch: &etag, KeyGroupConfig: groupConfig("group", key)})
	if err != nil {
		t.Errorf("UpdateKeyGroup with the version of before = %v", err)
	}
}

// Of callers that saw the same version one wins, and quotas hold under load.
func TestControlRaces(t *testing.T) {
	t.Parallel()
	s := newControlStand(t, 0)
	client := s.served(t, s.operator)
	key := mustCreateKey(t, client, "key", ecdsaID)
	group, etag := mustCreateGroup(t, client, "group", key)
	for _, test := range []struct {
		name       string
		call       func(i int) error
		callers    int
		want       int // that succeed
		otherwise  string
		wantStatus int
	}{
		{"one version", func(int) error {
			_, err := client.UpdateKeyGroup(t.Context(), &sdk.UpdateKeyGroupInput{Id: &group, IfMatch: &etag, KeyGroupConfig: groupConfig("group", key)})
			return err
		}, 8, 1, "PreconditionFailed", 412},
		{"one name", func(i int) error {
			in := publicKeyInput(t, "same", ecdsaID)
			in.PublicKeyConfig.CallerReference = aws.String(fmt.Sprint(i))
			_, err := client.CreatePublicKey(t.Context(), in)
			return err
		}, 8, 1, "PublicKeyAlreadyExists", 409},
		{"ten keys", func(i int) error {
			_, err := client.CreatePublicKey(t.Context(), publicKeyInput(t, fmt.Sprint("racer-", i), ecdsaID))
			return err
		}, 12, maxPublicKeys - 2, "TooManyPublicKeys", 400},
		{"ten groups", func(i int) error {
			_, err := client.CreateKeyGroup(t.Context(), &sdk.CreateKeyGroupInput{KeyGroupConfig: groupConfig(fmt.Sprint("racer-", i), key)})
			return err
		}, 12, maxKeyGroups - 1, "TooManyKeyGroups", 400},
	} {
		t.Run(test.name, func(t *testing.T) {
			results := make([]error, test.callers)
			var callers sync.WaitGroup
			for i := range results {
				callers.Go(func() { results[i] = test.call(i) })
			}
			callers.Wait()
			won := 0
			for _, err := range results {
				if err == nil {
					won++
					continue
				}
				wantRefusal(t, err, test.wantStatus, test.otherwise, "")
			}
			if won != test.want {
				t.Errorf("%d of %d callers succeeded, want %d", won, test.callers, test.want)
			}
		})
	}
}

// The operations know no resource, so a statement for one grants nothing.
func TestControlPolicies(t *testing.T) {
	t.Parallel()
	s := newControlStand(t, 0)
	for _, test := range []struct {
		name, action, resource string
		denied                 bool
	}{
		{"the action", "cloudfront:ListPublicKeys", "*", false},
		{"all of them", "cloudfront:*", "*", false},
		{"another action", "cloudfront:ListKeyGroups", "*", true},
		{"another service", "s3:*", "*", true},
		{"a resource", "cloudfront:ListPublicKeys", "arn:aws:cloudfront::123456789012:public-key/*", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			policy, err := iam.ParsePolicy(map[string]any{
				"Version":   "2012-10-17",
				"Statement": map[string]any{"Effect": "Allow", "Action": test.action, "Resource": test.resource},
			})
			if err != nil {
				t.Fatal(err)
			}
			role := s.iam.Issue(&iam.Principal{Name: "RotateFunction", ARN: "arn:aws:iam::123456789012:role/rotate", Policies: []iam.Policy{policy}}, time.Hour)
			_, err = s.served(t, role).ListPublicKeys(t.Context(), &sdk.ListPublicKeysInput{})
			switch {
			case test.denied:
				wantRefusal(t, err, 403, "AccessDenied", "is not authorized to perform: cloudfront:ListPublicKeys on resource: * because no identity-based policy allows")
			case err != nil:
				t.Errorf("ListPublicKeys = %v", err)
			}
		})
	}
}
