package conformance

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"airlock/local/iam"
)

// motoRotationFault is something that a rotation may meet at AWS, and not at moto.
type motoRotationFault struct {
	call   string
	answer string // moto's: "" takes what AWS refuses; "500" is a traceback
	aws    string // what AWS answers, and where that is said
	so     string // what TestRotation makes of it
	// probe makes the call and says what was answered. An error of its own says
	// that it did not get so far.
	probe func(context.Context, *motoProbe) (string, error)
}

// motoProbe is an empty account at moto as it comes, and what probes put there.
type motoProbe struct {
	motoAccount
	pem, key string // a public key, and its id
	made     int
}

func (p *motoProbe) createKey(ctx context.Context, name, pem string) (id, etag string, err error) {
	out, err := p.cloudFront.CreatePublicKey(ctx, &cloudfront.CreatePublicKeyInput{PublicKeyConfig: &types.PublicKeyConfig{
		CallerReference: &name, Name: &name, EncodedKey: &pem, Comment: aws.String("a comment"),
	}})
	if err != nil {
		return "", "", err
	}
	return *out.PublicKey.Id, *out.ETag, nil
}

func (p *motoProbe) createGroup(ctx context.Context, name string, items ...string) (id, etag string, err error) {
	out, err := p.cloudFront.CreateKeyGroup(ctx, &cloudfront.CreateKeyGroupInput{KeyGroupConfig: groupNamed(name, items...)})
	if err != nil {
		return "", "", err
	}
	return *out.KeyGroup.Id, *out.ETag, nil
}

func groupNamed(name string, items ...string) *types.KeyGroupConfig {
	return &types.KeyGroupConfig{Name: &name, Items: items, Comment: aws.String("a comment")}
}

// name is a new one.
func (p *motoProbe) name() string {
	p.made++
	return fmt.Sprintf("probe-%d", p.made)
}

// createSecret makes a secret that has one version, the current one.
func (p *motoProbe) createSecret(ctx context.Context, version string) (arn string, err error) {
	out, err := p.secrets.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
		Name: aws.String(p.name()), SecretString: aws.String("{}"), ClientRequestToken: &version,
	})
	if err != nil {
		return "", err
	}
	return *out.ARN, nil
}

// rotate is RotateSecret with a function that is not at moto.
func (p *motoProbe) rotate(ctx context.Context, arn, version string) error {
	_, err := p.secrets.RotateSecret(ctx, &secretsmanager.RotateSecretInput{
		SecretId: &arn, ClientRequestToken: &version, RotationLambdaARN: aws.String("arn:aws:lambda:eu-central-1:123456789012:function:rotate"),
	})
	return err
}

// put stores a value with that label.
func (p *motoProbe) put(ctx context.Context, arn, version, label string) error {
	_, err := p.secrets.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: &arn, ClientRequestToken: &version, SecretString: aws.String(`{"a":1}`), VersionStages: []string{label},
	})
	return err
}

func (p *motoProbe) makeCurrent(ctx context.Context, arn, from, to string) error {
	_, err := p.secrets.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: &arn, VersionStage: aws.String("AWSCURRENT"), RemoveFromVersionId: &from, MoveToVersionId: &to,
	})
	return err
}

// labelled are the versions with that label.
func (p *motoProbe) labelled(ctx context.Context, arn, label string) ([]string, error) {
	out, err := p.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &arn})
	if err != nil {
		return nil, err
	}
	return holders(out.VersionIdsToStages, label), nil
}

const (
	cloudFrontReference = "Amazon CloudFront API Reference, "
	secretsReference    = "AWS Secrets Manager API Reference, "
	leftToOthers        = "left to pkg/rotation's own tests"
)

var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// motoRotationFaults are those of moto 5.2.1, beside motoFaults.
var motoRotationFaults = []motoRotationFault{
	{
		"UpdateKeyGroup", "500", "the group, changed; " + cloudFrontReference + "UpdateKeyGroup",
		"testdata/motoserver.py teaches it to moto",
		func(ctx context.Context, p *motoProbe) (string, error) {
			id, etag, err := p.createGroup(ctx, p.name(), p.key)
			if err != nil {
				return "", err
			}
			_, err = p.cloudFront.UpdateKeyGroup(ctx, &cloudfront.UpdateKeyGroupInput{Id: &id, IfMatch: &etag, KeyGroupConfig: groupNamed(p.name(), p.key)})
			return answerCode(err), nil
		},
	},
	{
		"DeleteKeyGroup", "500", "nothing, and the group is gone; " + cloudFrontReference + "DeleteKeyGroup",
		"testdata/motoserver.py teaches it to moto",
		func(ctx context.Context, p *motoProbe) (string, error) {
			id, etag, err := p.createGroup(ctx, p.name(), p.key)
			if err != nil {
				return "", err
			}
			_, err = p.cloudFront.DeleteKeyGroup(ctx, &cloudfront.DeleteKeyGroupInput{Id: &id, IfMatch: &etag})
			return answerCode(err), nil
		},
	},
	{
		"GetKeyGroup of none", "500", "NoSuchResource; " + cloudFrontReference + "GetKeyGroup",
		"a group that somebody deletes after it was listed is " + leftToOthers,
		func(ctx context.Context, p *motoProbe) (string, error) {
			_, err := p.cloudFront.GetKeyGroup(ctx, &cloudfront.GetKeyGroupInput{Id: aws.String("none")})
			return answerCode(err), nil
		},
	},
	{
		"GetPublicKey of none", "500", "NoSuchPublicKey; " + cloudFrontReference + "GetPublicKey",
		"a key that somebody deletes after it was listed is " + leftToOthers,
		func(ctx context.Context, p *motoProbe) (string, error) {
			_, err := p.cloudFront.GetPublicKey(ctx, &cloudfront.GetPublicKeyInput{Id: aws.String("none")})
			return answerCode(err), nil
		},
	},
	{
		"CreatePublicKey with a name and reference that are taken", "", "PublicKeyAlreadyExists; " + cloudFrontReference + "CreatePublicKey",
		"testdata/motoserver.py teaches it to moto: the SDK tries again where an answer is lost",
		func(ctx context.Context, p *motoProbe) (string, error) {
			name := p.name()
			if _, _, err := p.createKey(ctx, name, p.pem); err != nil {
				return "", err
			}
			_, _, err := p.createKey(ctx, name, p.pem)
			return answerCode(err), nil
		},
	},
	{
		"CreatePublicKey of what is no key", "", "InvalidArgument; " + cloudFrontReference + "CreatePublicKey",
		"openssl reads what moto holds",
		func(ctx context.Context, p *motoProbe) (string, error) {
			_, _, err := p.createKey(ctx, p.name(), "no key")
			return answerCode(err), nil
		},
	},
	{
		"CreateKeyGroup with a name that is taken", "", "KeyGroupAlreadyExists; " + cloudFrontReference + "CreateKeyGroup",
		"testdata/motoserver.py teaches it to moto, too",
		func(ctx context.Context, p *motoProbe) (string, error) {
			name := p.name()
			if _, _, err := p.createGroup(ctx, name, p.key); err != nil {
				return "", err
			}
			_, _, err := p.createGroup(ctx, name, p.key)
			return answerCode(err), nil
		},
	},
	{
		"CreateKeyGroup of a key that is not there", "", "InvalidArgument; " + cloudFrontReference + "CreateKeyGroup",
		"items are compared with the keys that moto has",
		func(ctx context.Context, p *motoProbe) (string, error) {
			_, _, err := p.createGroup(ctx, p.name(), "K1")
			return answerCode(err), nil
		},
	},
	{
		"CreateKeyGroup of six keys", "", "TooManyPublicKeysInKeyGroup; Amazon CloudFront Developer Guide, Quotas",
		"a group that is full is " + leftToOthers,
		func(ctx context.Context, p *motoProbe) (string, error) {
			_, _, err := p.createGroup(ctx, p.name(), "K1", "K2", "K3", "K4", "K5", "K6")
			return answerCode(err), nil
		},
	},
	{
		"DeletePublicKey of one in a group", "", "PublicKeyInUse; " + cloudFrontReference + "DeletePublicKey",
		"that the group comes first is " + leftToOthers,
		func(ctx context.Context, p *motoProbe) (string, error) {
			id, etag, err := p.createKey(ctx, p.name(), p.pem)
			if err == nil {
				_, _, err = p.createGroup(ctx, p.name(), id)
			}
			if err != nil {
				return "", err
			}
			_, err = p.cloudFront.DeletePublicKey(ctx, &cloudfront.DeletePublicKeyInput{Id: &id, IfMatch: &etag})
			return answerCode(err), nil
		},
	},
	{
		"DeletePublicKey of another version", "", "PreconditionFailed; " + cloudFrontReference + "DeletePublicKey",
		"that the right one is sent is " + leftToOthers,
		func(ctx context.Context, p *motoProbe) (string, error) {
			id, _, err := p.createKey(ctx, p.name(), p.pem)
			if err != nil {
				return "", err
			}
			_, err = p.cloudFront.DeletePublicKey(ctx, &cloudfront.DeletePublicKeyInput{Id: &id, IfMatch: aws.String("E2QWRUHEXAMPLE")})
			return answerCode(err), nil
		},
	},
	{
		"ListPublicKeys and ListKeyGroups, one at a time", "all at once", "pages; " + cloudFrontReference + "MaxItems of both",
		"that pages are followed is " + leftToOthers,
		func(ctx context.Context, p *motoProbe) (string, error) {
			_, _, failedKey := p.createKey(ctx, p.name(), p.pem) // the second at least
			_, _, failedGroup := p.createGroup(ctx, p.name(), p.key)
			_, _, failedOther := p.createGroup(ctx, p.name(), p.key)
			if err := errors.Join(failedKey, failedGroup, failedOther); err != nil {
				return "", err
			}
			keys, failedKeys := p.cloudFront.ListPublicKeys(ctx, &cloudfront.ListPublicKeysInput{MaxItems: aws.Int32(1)})
			groups, failedGroups := p.cloudFront.ListKeyGroups(ctx, &cloudfront.ListKeyGroupsInput{MaxItems: aws.Int32(1)})
			if err := errors.Join(failedKeys, failedGroups); err != nil {
				return "", err
			}
			if len(keys.PublicKeyList.Items) > 1 && len(groups.KeyGroupList.Items) > 1 {
				return "all at once", nil
			}
			return "pages", nil
		},
	},
	{
		"CreateKeyGroup names the group", "no UUID", "a UUID; Amazon CloudFront Developer Guide, the examples of trusted key groups",
		"the unknown id that is deleted is a UUID: by that the function tells a group's id from that of a creation that failed",
		func(ctx context.Context, p *motoProbe) (string, error) {
			id, _, err := p.createGroup(ctx, p.name(), p.key)
			if !uuid.MatchString(id) {
				return "no UUID", err
			}
			return "a UUID", nil
		},
	},
	{
		"ListKeyGroups signed by nobody", "", "InvalidClientTokenId; " + cloudFrontReference + "Common Errors",
		"signatures and permissions are left to the embedded AWS, and to pkg/rotation's TestPermissions",
		func(ctx context.Context, p *motoProbe) (string, error) {
			nobody := cloudFrontClient(p.endpoint, iam.Credentials{AccessKeyID: "AKIANOBODY", SecretAccessKey: "wrong"})
			_, err := nobody.ListKeyGroups(ctx, &cloudfront.ListKeyGroupsInput{})
			return answerCode(err), nil
		},
	},
	{
		"CreatePublicKey, the eleventh", "", "TooManyPublicKeys; Amazon CloudFront Developer Guide, Quotas",
		"an account that is full is " + leftToOthers,
		func(ctx context.Context, p *motoProbe) (string, error) {
			var err error
			for range 11 { // some are there already
				if _, _, err = p.createKey(ctx, p.name(), p.pem); err != nil {
					break
				}
			}
			return answerCode(err), nil
		},
	},
	{
		"RotateSecret with a function that is not there", notFound + ", and an empty version is pending",
		"the function is run; AWS Secrets Manager User Guide, Rotation function. One that moto has, it runs in a container",
		"the pending version is made by this, and the test sends the steps",
		func(ctx context.Context, p *motoProbe) (string, error) {
			arn, err := p.createSecret(ctx, secretVersion("1"))
			if err != nil {
				return "", err
			}
			refused := answerCode(p.rotate(ctx, arn, secretVersion("2")))
			pending, err := p.labelled(ctx, arn, "AWSPENDING")
			if err != nil || !slices.Equal(pending, []string{secretVersion("2")}) {
				return refused, err
			}
			_, err = p.secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &arn, VersionId: &pending[0]})
			if answerCode(err) != notFound {
				return refused + ", and a version with a value is pending", nil
			}
			return refused + ", and an empty version is pending", nil
		},
	},
	{
		"RotateSecret after a rotation that left its label on the current version", "InvalidRequestException",
		"another rotation begins; " + secretsReference + "RotateSecret",
		"a stack is rotated once",
		func(ctx context.Context, p *motoProbe) (string, error) {
			one, two := secretVersion("1"), secretVersion("2")
			arn, err := p.createSecret(ctx, one)
			if err == nil {
				err = p.put(ctx, arn, two, "AWSPENDING")
			}
			if err == nil {
				err = p.makeCurrent(ctx, arn, one, two)
			}
			if err != nil {
				return "", err
			}
			return answerCode(p.rotate(ctx, arn, secretVersion("3"))), nil
		},
	},
	{
		"PutSecretValue after UpdateSecretVersionStage moved AWSCURRENT", "two versions are current",
		"one is; " + secretsReference + "PutSecretValue, VersionStages",
		"who edits the secret stores under a label of their own, and moves AWSCURRENT",
		func(ctx context.Context, p *motoProbe) (string, error) {
			one, two, three := secretVersion("1"), secretVersion("2"), secretVersion("3")
			arn, err := p.createSecret(ctx, one)
			if err == nil {
				err = p.put(ctx, arn, two, "AWSPENDING")
			}
			if err == nil {
				err = p.makeCurrent(ctx, arn, one, two)
			}
			if err == nil {
				err = p.put(ctx, arn, three, "AWSCURRENT")
			}
			if err != nil {
				return "", err
			}
			current, err := p.labelled(ctx, arn, "AWSCURRENT")
			if err == nil && len(current) == 2 {
				return "two versions are current", nil
			}
			return strings.Join(current, " "), err
		},
	},
}

// TestRotationFaults: moto still does all that TestRotation makes allowance for.
func TestRotationFaults(t *testing.T) {
	needPython(t)
	needOpenSSL(t)
	p := &motoProbe{
		motoAccount: openMoto(serve(t, "python3", "-m", "moto.server", "-H", "127.0.0.1", "-p")),
		pem:         pipe{p256, {"ec", "-pubout"}}.run(t),
	}
	var err error
	if p.key, _, err = p.createKey(t.Context(), p.name(), p.pem); err != nil {
		t.Fatal(err)
	}
	for _, f := range motoRotationFaults {
		t.Run(f.call, func(t *testing.T) {
			got, err := f.probe(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			if got != f.answer {
				t.Errorf("moto answers %q, not %q any more. AWS answers %s. TestRotation should change what it does for it: %s", got, f.answer, f.aws, f.so)
			}
		})
	}
}
