package rotation

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"airlock/pkg/lambdaenv"
)

// groupSize is how many keys a key group takes.
const groupSize = 5

// updateTries is how often a change is begun anew because another one came
// between. Only people and other functions can, so once is rare.
const updateTries = 4

// group is a key group. The zero group is none.
type group struct {
	id    string
	items []string
}

func (g group) has(id string) bool { return slices.Contains(g.items, id) }

// findGroup returns our key group, or the zero group.
func (h *Handler) findGroup(ctx context.Context) (group, error) {
	in := &cloudfront.ListKeyGroupsInput{}
	for {
		out, err := h.CloudFront.ListKeyGroups(ctx, in)
		if err != nil {
			return group{}, fmt.Errorf("listing key groups: %w", lambdaenv.Cause(err))
		}
		if out.KeyGroupList == nil {
			return group{}, nil
		}
		for _, item := range out.KeyGroupList.Items {
			if g := item.KeyGroup; g != nil && g.KeyGroupConfig != nil && aws.ToString(g.KeyGroupConfig.Name) == h.Prefix {
				return group{aws.ToString(g.Id), g.KeyGroupConfig.Items}, nil
			}
		}
		if aws.ToString(out.KeyGroupList.NextMarker) == "" {
			return group{}, nil
		}
		in.Marker = out.KeyGroupList.NextMarker
	}
}

// createGroup makes our key group.
func (h *Handler) createGroup(ctx context.Context, items []string) (group, error) {
	out, err := h.CloudFront.CreateKeyGroup(ctx, &cloudfront.CreateKeyGroupInput{KeyGroupConfig: h.groupConfig(items)})
	switch {
	case err == nil:
		if out.KeyGroup == nil || aws.ToString(out.KeyGroup.Id) == "" {
			return group{}, errors.New("creating the key group: the answer has no id")
		}
		return group{*out.KeyGroup.Id, items}, nil
	case hasCode(err, "KeyGroupAlreadyExists"):
		// The client has tried again where the first answer was lost, and a list may
		// be behind.
		for range updateTries {
			if g, err := h.findGroup(ctx); err != nil || g.id != "" {
				return g, err
			}
			if err := pause(ctx, retryPause); err != nil {
				return group{}, fmt.Errorf("creating the key group: %w", err)
			}
		}
		return group{}, errors.New("creating the key group: its name is taken, and no group has it")
	case hasCode(err, "TooManyKeyGroups"):
		return group{}, refuse("the account has no room for another CloudFront key group (quota 10): delete unused ones, or ask AWS for more")
	}
	return group{}, fmt.Errorf("creating the key group: %w", lambdaenv.Cause(err))
}

func (h *Handler) groupConfig(items []string) *types.KeyGroupConfig {
	return &types.KeyGroupConfig{Name: &h.Prefix, Items: items, Comment: aws.String("Airlock's signing keys; rotated by its own function")}
}

// updateGroup adds keys and removes others, and leaves alone what it was not
// told of, though it comes between. keep are the keys without which the group
// must not be: an update that would take one out, or leave it missing, is not made.
func (h *Handler) updateGroup(ctx context.Context, g group, keep string, add, remove []string) (group, error) {
	for try := 1; ; try++ {
		got, err := h.CloudFront.GetKeyGroup(ctx, &cloudfront.GetKeyGroupInput{Id: &g.id})
		if err != nil {
			return group{}, fmt.Errorf("reading the key group: %w", lambdaenv.Cause(err))
		}
		if got.KeyGroup == nil || got.KeyGroup.KeyGroupConfig == nil {
			return group{}, errors.New("reading the key group: the answer is empty")
		}
		g.items = got.KeyGroup.KeyGroupConfig.Items
		items := slices.DeleteFunc(slices.Clone(g.items), func(id string) bool { return slices.Contains(remove, id) })
		for _, id := range add {
			if !slices.Contains(items, id) {
				items = append(items, id)
			}
		}
		switch {
		case !slices.Contains(items, keep):
			return group{}, refuse("the key group would be without public key %s, which signs", keep)
		case len(items) > groupSize:
			return group{}, refuse("the key group is full: it would have %d keys, CloudFront takes %d", len(items), groupSize)
		case slices.Equal(items, g.items):
			return g, nil
		}
		_, err = h.CloudFront.UpdateKeyGroup(ctx, &cloudfront.UpdateKeyGroupInput{
			Id: &g.id, IfMatch: got.ETag, KeyGroupConfig: h.groupConfig(items),
		})
		if err == nil {
			return group{g.id, items}, nil
		}
		if try == updateTries || !hasCode(err, "PreconditionFailed", "InvalidIfMatchVersion") {
			return group{}, fmt.Errorf("updating the key group: %w", lambdaenv.Cause(err))
		}
	}
}

// deleteGroup deletes the key group; one that is gone is deleted.
func (h *Handler) deleteGroup(ctx context.Context, id string) error {
	got, err := h.CloudFront.GetKeyGroup(ctx, &cloudfront.GetKeyGroupInput{Id: &id})
	if err == nil {
		_, err = h.CloudFront.DeleteKeyGroup(ctx, &cloudfront.DeleteKeyGroupInput{Id: &id, IfMatch: got.ETag})
	}
	if err != nil && !hasCode(err, "NoSuchResource") {
		return fmt.Errorf("deleting the key group: %w", lambdaenv.Cause(err))
	}
	return nil
}
