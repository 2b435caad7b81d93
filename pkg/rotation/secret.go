package rotation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"airlock/pkg/lambdaenv"
)

// Labels of a secret's versions. stageDraft is ours: a version gets it before it
// becomes the current one.
const (
	stageCurrent = "AWSCURRENT"
	stagePending = "AWSPENDING"
	stageDraft   = "AIRLOCKDRAFT"
)

// hasCode says whether AWS answered with one of those error codes.
func hasCode(err error, codes ...string) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && slices.Contains(codes, api.ErrorCode())
}

// read returns a version's document, and whether there is one; a placeholder is
// none. version "" is the one that has the label stage; stage "" is any.
func (h *Handler) read(ctx context.Context, version, stage string) (d document, exists bool, err error) {
	in := &secretsmanager.GetSecretValueInput{SecretId: &h.SecretID}
	if version != "" {
		in.VersionId = &version
	}
	if stage != "" {
		in.VersionStage = &stage
	}
	out, err := h.Secrets.GetSecretValue(ctx, in)
	switch {
	case hasCode(err, "ResourceNotFoundException"):
		return document{}, false, nil
	case err != nil:
		return document{}, false, fmt.Errorf("reading the secret: %w", lambdaenv.Cause(err))
	case out.SecretString == nil:
		return document{}, false, refuse("the secret is binary; it must be a JSON document")
	case isPlaceholder(*out.SecretString):
		return document{}, false, nil
	}
	if d, err = parse(*out.SecretString); err != nil {
		return document{}, false, refuse("the secret is unusable: %v", err)
	}
	return d, true, nil
}

// versions are the ids of the secret's versions that have labels.
type versions struct {
	labels map[string][]string
	due    time.Time // the end of the window of the next rotation; zero: rotation is off
}

func (h *Handler) versions(ctx context.Context) (versions, error) {
	out, err := h.Secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &h.SecretID})
	if err != nil {
		return versions{}, fmt.Errorf("describing the secret: %w", lambdaenv.Cause(err))
	}
	v := versions{labels: out.VersionIdsToStages}
	if aws.ToBool(out.RotationEnabled) {
		v.due = aws.ToTime(out.NextRotationDate)
	}
	return v, nil
}

// has returns the version with that label, or "".
func (v versions) has(stage string) string {
	for id, stages := range v.labels {
		if slices.Contains(stages, stage) {
			return id
		}
	}
	return ""
}

// put stores a document as that version ("": a new one), with that label alone.
// The same again changes nothing.
func (h *Handler) put(ctx context.Context, d document, version, stage string) (string, error) {
	text, err := d.encode()
	if err != nil {
		return "", err
	}
	in := &secretsmanager.PutSecretValueInput{SecretId: &h.SecretID, SecretString: &text, VersionStages: []string{stage}}
	if version != "" {
		in.ClientRequestToken = &version
	}
	out, err := h.Secrets.PutSecretValue(ctx, in)
	if err != nil {
		return "", fmt.Errorf("storing the secret: %w", lambdaenv.Cause(err))
	}
	return aws.ToString(out.VersionId), nil
}

// move takes the label from one version to another ("": to none). It fails where
// from does not have it (any more), which is what keeps two writers apart; not
// where to has it already, since the client tries again when an answer is lost.
func (h *Handler) move(ctx context.Context, stage, from, to string) error {
	in := &secretsmanager.UpdateSecretVersionStageInput{SecretId: &h.SecretID, VersionStage: &stage, RemoveFromVersionId: &from}
	if to != "" {
		in.MoveToVersionId = &to
	}
	_, err := h.Secrets.UpdateSecretVersionStage(ctx, in)
	if hasCode(err, "InvalidParameterException", "InvalidRequestException") {
		v, describing := h.versions(ctx)
		if describing != nil {
			return describing
		}
		if v.has(stage) == to {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("moving %s: %w", stage, lambdaenv.Cause(err))
	}
	return nil
}

// replace stores d in the place of the current version, unless another has taken
// that place since.
func (h *Handler) replace(ctx context.Context, v versions, d document) error {
	current := v.has(stageCurrent)
	draft, err := h.put(ctx, d, "", stageDraft)
	if err != nil {
		return err
	}
	// A rotation leaves both labels on one version. AWSPENDING alone on it would
	// read as one that is not over, and be begun anew instead of the next
	// ("Rotate AWS Secrets Manager secrets", RotateSecret).
	if v.has(stagePending) == current {
		if err := h.move(ctx, stagePending, current, ""); err != nil {
			return err
		}
	}
	return h.move(ctx, stageCurrent, current, draft)
}

// pendingDocument returns the document of a rotation under way, which is that
// version; not whether it is too old to come into force.
func (h *Handler) pendingDocument(ctx context.Context, version string) (document, bool, error) {
	d, exists, err := h.read(ctx, version, stagePending)
	if err == nil && exists && d.d.Next == nil {
		err = refuse("the pending version has no next key: it was not made by a rotation")
	}
	return d, exists, err
}

// isStale says whether a rotation's document is too old to come into force.
func (d document) isStale(now time.Time) bool {
	return d.d.Next == nil || now.Sub(d.d.Next.Published) > finishWithin
}
