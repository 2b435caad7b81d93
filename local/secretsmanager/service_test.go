package secretsmanager

import (
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"airlock/local/iam"
	"airlock/local/template"
)

// wantError checks an SDK's error for AWS's code and a part of its message.
func wantError(t *testing.T, err error, code, message string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code || !strings.Contains(api.ErrorMessage(), message) {
		t.Errorf("error = %v, want %s: … %s", err, code, message)
	}
}

func TestGetSecretValue(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	client := s.client(s.operator)
	get := func(in sdk.GetSecretValueInput) (string, error) {
		out, err := client.GetSecretValue(t.Context(), &in)
		if err != nil {
			return "", err
		}
		if aws.ToString(out.ARN) != keyARN || aws.ToString(out.Name) != keyName || time.Since(*out.CreatedDate).Abs() > time.Minute {
			t.Errorf("GetSecretValue = %s, %s, %v", *out.ARN, *out.Name, out.CreatedDate)
		}
		return aws.ToString(out.SecretString) + " " + aws.ToString(out.VersionId)[:1] + " " + strings.Join(out.VersionStages, ","), nil
	}

	_, err := get(sdk.GetSecretValueInput{SecretId: aws.String(keyName)})
	var none *types.ResourceNotFoundException
	if !errors.As(err, &none) {
		t.Errorf("GetSecretValue without a value = %v, want %T", err, none)
	}
	wantError(t, err, "ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT")

	for _, token := range []string{tokenA, tokenB} {
		_, err := client.PutSecretValue(t.Context(), &sdk.PutSecretValueInput{
			SecretId: aws.String(keyName), SecretString: aws.String("value " + token[:1]), ClientRequestToken: aws.String(token),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	const current, previous = "value b b AWSCURRENT", "value a a AWSPREVIOUS"
	for name, test := range map[string]struct {
		in   sdk.GetSecretValueInput
		want string
	}{
		"by name":        {sdk.GetSecretValueInput{SecretId: aws.String(keyName)}, current},
		"by ARN":         {sdk.GetSecretValueInput{SecretId: aws.String(keyARN)}, current},
		"by partial ARN": {sdk.GetSecretValueInput{SecretId: aws.String(partialARN)}, current},
		"by stage":       {sdk.GetSecretValueInput{SecretId: aws.String(keyName), VersionStage: aws.String("AWSPREVIOUS")}, previous},
		"by version":     {sdk.GetSecretValueInput{SecretId: aws.String(keyName), VersionId: aws.String(tokenA)}, previous},
		"by both":        {sdk.GetSecretValueInput{SecretId: aws.String(keyName), VersionId: aws.String(tokenA), VersionStage: aws.String("AWSPREVIOUS")}, previous},
	} {
		if got, err := get(test.in); got != test.want || err != nil {
			t.Errorf("%s: %q, %v, want %q", name, got, err, test.want)
		}
	}
	for name, test := range map[string]struct {
		in            sdk.GetSecretValueInput
		code, message string
	}{
		"no such secret":  {sdk.GetSecretValueInput{SecretId: aws.String("x")}, "ResourceNotFoundException", "Secrets Manager can't find the specified secret."},
		"no such suffix":  {sdk.GetSecretValueInput{SecretId: aws.String(partialARN + "-ZZZZZZ")}, "ResourceNotFoundException", "the specified secret."},
		"no such stage":   {sdk.GetSecretValueInput{SecretId: aws.String(keyName), VersionStage: aws.String("AWSPENDING")}, "ResourceNotFoundException", "for staging label: AWSPENDING"},
		"no such version": {sdk.GetSecretValueInput{SecretId: aws.String(keyName), VersionId: aws.String(tokenC)}, "ResourceNotFoundException", "for VersionId: " + tokenC},
		"not together":    {sdk.GetSecretValueInput{SecretId: aws.String(keyName), VersionId: aws.String(tokenA), VersionStage: aws.String("AWSCURRENT")}, "InvalidRequestException", "not associated to the provided VersionId"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client.GetSecretValue(t.Context(), &test.in)
			wantError(t, err, test.code, test.message)
		})
	}
}

func TestPutSecretValue(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	client := s.client(s.operator)
	put := func(in sdk.PutSecretValueInput) (*sdk.PutSecretValueOutput, error) {
		in.SecretId = aws.String(keyName)
		return client.PutSecretValue(t.Context(), &in)
	}
	first, err := put(sdk.PutSecretValueInput{SecretBinary: []byte{0, 1, 255}, ClientRequestToken: aws.String(tokenA)})
	if err != nil {
		t.Fatal(err)
	}
	if *first.ARN != keyARN || *first.Name != keyName || *first.VersionId != tokenA || !cmp.Equal(first.VersionStages, []string{"AWSCURRENT"}) {
		t.Errorf("PutSecretValue = %+v", first)
	}
	got, err := client.GetSecretValue(t.Context(), &sdk.GetSecretValueInput{SecretId: aws.String(keyName)})
	if err != nil || !cmp.Equal(got.SecretBinary, []byte{0, 1, 255}) || got.SecretString != nil {
		t.Errorf("GetSecretValue of bytes = %v, %v", got, err)
	}
	if text, ok := s.service.Current(keyName); ok {
		t.Errorf("Current of bytes = %q, true", text)
	}

	again, err := put(sdk.PutSecretValueInput{SecretBinary: []byte{0, 1, 255}, ClientRequestToken: aws.String(tokenA), VersionStages: []string{"ignored"}})
	if err != nil || !cmp.Equal(again.VersionStages, []string{"AWSCURRENT"}) {
		t.Errorf("PutSecretValue again = %v, %v, want what was there", again, err)
	}
	_, err = put(sdk.PutSecretValueInput{SecretString: aws.String(hidden), ClientRequestToken: aws.String(tokenA)})
	wantError(t, err, "ResourceExistsException", "You can't use ClientRequestToken "+tokenA+" because that value is already in use for a version of secret "+keyARN)

	pending, err := put(sdk.PutSecretValueInput{SecretString: aws.String("next"), ClientRequestToken: aws.String(tokenB), VersionStages: []string{"AWSPENDING", "mine"}})
	if err != nil || !cmp.Equal(pending.VersionStages, []string{"AWSPENDING", "mine"}) {
		t.Errorf("PutSecretValue with labels = %v, %v", pending, err)
	}
	described, err := client.DescribeSecret(t.Context(), &sdk.DescribeSecretInput{SecretId: aws.String(keyARN)})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]string{tokenA: {"AWSCURRENT"}, tokenB: {"AWSPENDING", "mine"}}, described.VersionIdsToStages); diff != "" {
		t.Errorf("DescribeSecret (-want +got):\n%s", diff)
	}
	if *described.Name != keyName || *described.Description != "a key pair" || described.RotationEnabled != nil ||
		!described.LastAccessedDate.Equal(time.Now().UTC().Truncate(24*time.Hour)) || described.LastChangedDate.Before(*described.CreatedDate) {
		t.Errorf("DescribeSecret = %+v", described)
	}
	// The SDK makes up a token, and so a version, of its own.
	if out, err := put(sdk.PutSecretValueInput{SecretString: aws.String("last")}); err != nil || *out.VersionId == tokenA || len(*out.VersionId) != 36 {
		t.Errorf("PutSecretValue without a token = %v, %v", out, err)
	}
}

func TestUpdateSecretVersionStage(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	client := s.client(s.operator)
	for _, token := range []string{tokenA, tokenB} {
		_, err := client.PutSecretValue(t.Context(), &sdk.PutSecretValueInput{
			SecretId: aws.String(keyName), SecretString: aws.String(token), ClientRequestToken: aws.String(token),
			VersionStages: []string{"AWSPENDING"},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	out, err := client.UpdateSecretVersionStage(t.Context(), &sdk.UpdateSecretVersionStageInput{
		SecretId: aws.String(keyName), VersionStage: aws.String("AWSCURRENT"),
		MoveToVersionId: aws.String(tokenB), RemoveFromVersionId: aws.String(tokenA),
	})
	if err != nil || *out.ARN != keyARN || *out.Name != keyName {
		t.Fatalf("UpdateSecretVersionStage = %v, %v", out, err)
	}
	if text, ok := s.service.Current(keyName); text != tokenB || !ok {
		t.Errorf("Current = %q, %t, want the moved one", text, ok)
	}
	_, err = client.UpdateSecretVersionStage(t.Context(), &sdk.UpdateSecretVersionStageInput{
		SecretId: aws.String(keyName), VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: aws.String(tokenA),
	})
	wantError(t, err, "InvalidParameterException", "The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is currently attached to version "+tokenB)
}

func TestLists(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	client := s.client(s.operator)
	for _, text := range []string{"1", "2", "3", "4"} {
		if _, err := s.service.Put(keyName, text); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	secrets := sdk.NewListSecretsPaginator(client, &sdk.ListSecretsInput{MaxResults: aws.Int32(1)})
	for secrets.HasMorePages() {
		page, err := secrets.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range page.SecretList {
			names = append(names, *entry.Name)
			if len(entry.SecretVersionsToStages) == 0 || entry.CreatedDate == nil {
				t.Errorf("ListSecrets = %+v", entry)
			}
		}
	}
	if diff := cmp.Diff([]string{keyName, seededName}, names); diff != "" {
		t.Errorf("ListSecrets (-want +got):\n%s", diff)
	}
	for deprecated, want := range map[bool][]string{
		false: {"AWSPREVIOUS", "AWSCURRENT"},
		true:  {"", "", "AWSPREVIOUS", "AWSCURRENT"},
	} {
		var got []string
		versions := sdk.NewListSecretVersionIdsPaginator(client, &sdk.ListSecretVersionIdsInput{
			SecretId: aws.String(keyName), MaxResults: aws.Int32(2), IncludeDeprecated: aws.Bool(deprecated),
		})
		for versions.HasMorePages() {
			page, err := versions.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, entry := range page.Versions {
				got = append(got, strings.Join(entry.VersionStages, ","))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ListSecretVersionIds, deprecated %t (-want +got):\n%s", deprecated, diff)
		}
	}
	_, err := client.ListSecrets(t.Context(), &sdk.ListSecretsInput{NextToken: aws.String("eA")})
	wantError(t, err, "InvalidNextTokenException", "NextToken")
	_, err = client.ListSecrets(t.Context(), &sdk.ListSecretsInput{SortOrder: types.SortOrderTypeAsc})
	wantError(t, err, "InvalidParameterException", "SortOrder is not supported")
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	if _, err := s.service.Put(keyName, hidden); err != nil {
		t.Fatal(err)
	}
	client := s.client(s.role(t, "secretsmanager:GetSecretValue", keyARN))
	for _, id := range []string{keyName, keyARN, partialARN} {
		if _, err := client.GetSecretValue(t.Context(), &sdk.GetSecretValueInput{SecretId: aws.String(id)}); err != nil {
			t.Errorf("GetSecretValue of %s = %v, want the value", id, err)
		}
	}
	const user = "User: arn:aws:sts::123456789012:assumed-role/sign/SignFunction is not authorized to perform: secretsmanager:"
	_, err := client.GetSecretValue(t.Context(), &sdk.GetSecretValueInput{SecretId: aws.String(seededName)})
	wantError(t, err, "AccessDeniedException", user+"GetSecretValue on resource: "+s.service.secrets[1].ARN+" because no identity-based policy allows the secretsmanager:GetSecretValue action")
	_, err = client.GetSecretValue(t.Context(), &sdk.GetSecretValueInput{SecretId: aws.String("absent")})
	wantError(t, err, "AccessDeniedException", user+"GetSecretValue on resource: absent because")
	_, err = client.PutSecretValue(t.Context(), &sdk.PutSecretValueInput{SecretId: aws.String(keyName), SecretString: aws.String(hidden)})
	wantError(t, err, "AccessDeniedException", user+"PutSecretValue on resource: "+keyARN)
	_, err = client.DescribeSecret(t.Context(), &sdk.DescribeSecretInput{SecretId: aws.String(keyName)})
	wantError(t, err, "AccessDeniedException", user+"DescribeSecret")
	_, err = client.ListSecretVersionIds(t.Context(), &sdk.ListSecretVersionIdsInput{SecretId: aws.String(keyName)})
	wantError(t, err, "AccessDeniedException", user+"ListSecretVersionIds")
	_, err = client.UpdateSecretVersionStage(t.Context(), &sdk.UpdateSecretVersionStageInput{SecretId: aws.String(keyName), VersionStage: aws.String("x")})
	wantError(t, err, "AccessDeniedException", user+"UpdateSecretVersionStage")
	_, err = client.ListSecrets(t.Context(), &sdk.ListSecretsInput{})
	wantError(t, err, "AccessDeniedException", user+"ListSecrets on resource: *")

	stranger := s.operator
	stranger.SecretAccessKey = "another"
	_, err = s.client(stranger).GetSecretValue(t.Context(), &sdk.GetSecretValueInput{SecretId: aws.String(keyName)})
	wantError(t, err, "InvalidSignatureException", "does not match")
}

func TestRestart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	open := func() (*Service, *bbolt.DB) {
		db := openDB(t, path)
		s, err := New(Config{DB: db, IAM: iam.NewDirectory(), Region: testRegion, AccountID: "123456789012", Secrets: testSecrets()})
		if err != nil {
			t.Fatal(err)
		}
		return s, db
	}
	s, db := open()
	if text, ok := s.Current(seededName); text != "from the template" || !ok {
		t.Errorf("Current of a new secret = %q, %t, want the template's", text, ok)
	}
	if text, ok := s.Current(keyName); text != "" || ok {
		t.Errorf("Current of a secret without value = %q, %t", text, ok)
	}
	for name, text := range map[string]string{keyName: "mine", seededName: "mine too"} {
		if id, err := s.Put(name, text); err != nil || len(id) != 36 {
			t.Fatalf("Put = %q, %v", id, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, db = open()
	for id, want := range map[string]string{keyName: "mine", keyARN: "mine", partialARN: "mine", seededName: "mine too"} {
		if text, ok := s.Current(id); text != want || !ok {
			t.Errorf("Current(%s) after the restart = %q, %t, want %q", id, text, ok, want)
		}
	}
	r, err := s.read(seededName)
	if err != nil || len(r.Versions) != 2 {
		t.Errorf("the seeded secret has the versions %v, %v, want 2", r, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOperatorRefuses(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	for id, text := range map[string]string{"absent": hidden, keyName: "", keyARN: strings.Repeat("x", maxValueBytes+1)} {
		if version, err := s.service.Put(id, text); err == nil || version != "" || strings.Contains(err.Error(), hidden) {
			t.Errorf("Put(%s) = %q, %v, want an error without the value", id, version, err)
		}
	}
	if text, ok := s.service.Current("absent"); text != "" || ok {
		t.Errorf("Current = %q, %t, want nothing", text, ok)
	}
}

func TestPutConcurrently(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := s.service.Put(keyName, "x"); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	r, err := s.service.read(keyName)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Versions) != 8 || len(r.stages()) != 2 {
		t.Errorf("%d versions, of which %v have labels, want 8 and 2", len(r.Versions), r.stages())
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, arn := range map[string]string{
		"no ARN":          "",
		"another service": "arn:aws:sqs:eu-central-1:123456789012:secret:name-a1B2c3",
		"another region":  "arn:aws:secretsmanager:us-east-1:123456789012:secret:name-a1B2c3",
		"another account": "arn:aws:secretsmanager:eu-central-1:210987654321:secret:name-a1B2c3",
		"another name":    "arn:aws:secretsmanager:eu-central-1:123456789012:secret:eman-a1B2c3",
		"no suffix":       "arn:aws:secretsmanager:eu-central-1:123456789012:secret:name",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := New(Config{
				Region: testRegion, AccountID: "123456789012",
				Secrets: []template.Secret{{LogicalID: "Secret", Name: "name", ARN: arn}},
			})
			if err == nil {
				t.Errorf("New took the ARN %q", arn)
			}
		})
	}
}
