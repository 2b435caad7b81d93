package conformance

import (
	"maps"
	"slices"

	"github.com/google/go-cmp/cmp"
)

// secretDifference is a step at which the two disagree.
type secretDifference struct {
	secretStep
	Before     map[string][]string // labels, on which they agreed
	Ours, Moto secretAnswer
}

const (
	invalidParameter = "InvalidParameterException"
	notFound         = "ResourceNotFoundException"
	exists           = "ResourceExistsException"
)

// holders are the versions that have a label.
func holders(versions map[string][]string, stage string) (ids []string) {
	for id, stages := range versions {
		if slices.Contains(stages, stage) {
			ids = append(ids, id)
		}
	}
	return ids
}

// twice says whether a label is there more than once.
func twice(versions map[string][]string) bool {
	seen := make(map[string]bool)
	for _, stages := range versions {
		for _, stage := range stages {
			if seen[stage] {
				return true
			}
			seen[stage] = true
		}
	}
	return false
}

// onlyLabels says whether both answer the same but for the labels afterwards.
func (d secretDifference) onlyLabels() bool {
	ours, moto := d.Ours, d.Moto
	ours.After, moto.After = nil, nil
	return cmp.Diff(ours, moto) == ""
}

func onlyMoreUnlabelled(d secretDifference) bool {
	maps.DeleteFunc(d.Moto.Versions, func(_ string, stages []string) bool { return len(stages) == 0 })
	return cmp.Diff(d.Moto, d.Ours) == ""
}

// motoFaults are the ways in which moto 5.2.1 departs from AWS. What AWS does is
// said in the AWS Secrets Manager API Reference, under the operation's name.
var motoFaults = []struct {
	name  string
	holds func(d secretDifference) bool
}{
	{
		// Its error ResourceNotFoundException; InvalidParameterException is for
		// values that are not valid.
		"UpdateSecretVersionStage finds no such version",
		func(d secretDifference) bool {
			known := func(id string) bool { return id == "" || len(d.Before[id]) > 0 }
			return d.Operation == "UpdateSecretVersionStage" && d.Ours.Code == notFound &&
				(d.Moto.Code == invalidParameter || d.Moto.Code == "500") && !(known(d.From) && known(d.Version))
		},
	},
	{
		// RemoveFromVersionId: needed if the label is attached to a different version.
		// To none at all moto answers with a traceback (its issue 9451).
		"UpdateSecretVersionStage needs no RemoveFromVersionId where AWSCURRENT has none to leave",
		func(d secretDifference) bool {
			current := holders(d.Before, "AWSCURRENT")
			return d.Operation == "UpdateSecretVersionStage" && d.From == "" && d.Stages[0] == "AWSCURRENT" &&
				(len(current) == 0 && d.Moto.Code == "500" || slices.Contains(current, d.Version) && d.Moto.Code == invalidParameter)
		},
	},
	{
		// The same, of a label that is attached to a different version.
		"UpdateSecretVersionStage needs RemoveFromVersionId for any label",
		func(d secretDifference) bool {
			return d.Operation == "UpdateSecretVersionStage" && d.From == "" && d.Version != "" && d.Stages[0] != "AWSCURRENT" &&
				d.Ours.Code == invalidParameter && d.Moto.Code == ""
		},
	},
	{
		// The operation is to move a label, attach it or take it off.
		"UpdateSecretVersionStage from nowhere to nowhere",
		func(d secretDifference) bool {
			return d.Operation == "UpdateSecretVersionStage" && d.From == "" && d.Version == "" && d.Ours.Code == invalidParameter && d.Moto.Code == ""
		},
	},
	{
		// "Staging labels": a secret always has a version labelled AWSCURRENT.
		"UpdateSecretVersionStage takes AWSCURRENT off",
		func(d secretDifference) bool {
			return d.Operation == "UpdateSecretVersionStage" && d.From != "" && d.Version == "" && d.Stages[0] == "AWSCURRENT" &&
				d.Ours.Code == invalidParameter && d.Moto.Code == ""
		},
	},
	{
		// The label stays where it is and so nothing moves.
		"UpdateSecretVersionStage to where AWSCURRENT is loses AWSPREVIOUS",
		func(d secretDifference) bool {
			return d.Operation == "UpdateSecretVersionStage" && d.From == d.Version && d.Stages[0] == "AWSCURRENT" &&
				d.onlyLabels() && len(holders(d.Moto.After, "AWSPREVIOUS")) == 0
		},
	},
	{
		// SecretString: "You must include SecretBinary or SecretString, but not both."
		"PutSecretValue takes a text and bytes at once",
		func(d secretDifference) bool {
			return d.Operation == "PutSecretValue" && d.Text != "" && d.Binary != "" && d.Ours.Code == invalidParameter &&
				(d.Moto.Code == "" || d.Moto.Code == exists)
		},
	},
	{
		// ClientRequestToken: a version with that id and another value makes the
		// operation fail, with the same value nothing happens.
		"PutSecretValue overwrites a pending version",
		func(d secretDifference) bool {
			return d.Operation == "PutSecretValue" && slices.Contains(d.Before[d.Version], "AWSPENDING") &&
				(d.Ours.Code == "" || d.Ours.Code == exists) && d.Moto.Code == ""
		},
	},
	{
		// VersionStages: AWSPREVIOUS moves to the version that AWSCURRENT was removed
		// from. Nothing takes that version's other labels away.
		"PutSecretValue takes all labels of the version that was current",
		func(d secretDifference) bool {
			old := holders(d.Before, "AWSCURRENT")
			return d.Operation == "PutSecretValue" && d.onlyLabels() && len(old) == 1 &&
				slices.Contains(d.Ours.Stages, "AWSCURRENT") && len(d.Before[old[0]]) > 1 &&
				len(d.Moto.After[old[0]]) < len(d.Ours.After[old[0]])
		},
	},
	{
		// VersionStages: a label on another version is removed from it.
		"PutSecretValue leaves a label on two versions, or twice on one",
		func(d secretDifference) bool {
			return d.Operation == "PutSecretValue" && d.Ours.Code == "" && d.Moto.Code == "" && twice(d.Moto.After) && !twice(d.Ours.After)
		},
	},
	{
		// VersionStage: left out, it is AWSCURRENT. moto goes on with what was last put.
		"GetSecretValue after UpdateSecretVersionStage moved AWSCURRENT",
		func(d secretDifference) bool {
			return d.Operation == "GetSecretValue" && d.Version == "" && len(d.Stages) == 0 &&
				d.Ours.Code == "" && slices.Contains(d.Ours.Stages, "AWSCURRENT") && !slices.Contains(d.Moto.Stages, "AWSCURRENT")
		},
	},
	{
		// VersionIdsToStages: a version without labels is deprecated and not included.
		"DescribeSecret includes versions without labels",
		func(d secretDifference) bool {
			return d.Operation == "DescribeSecret" && onlyMoreUnlabelled(d)
		},
	},
	{
		// IncludeDeprecated: "By default, versions without staging labels aren't included."
		"ListSecretVersionIds includes versions without labels",
		func(d secretDifference) bool {
			return d.Operation == "ListSecretVersionIds" && !d.Deprecated && onlyMoreUnlabelled(d)
		},
	},
	{
		// Its error ResourceNotFoundException; moto answers with a traceback.
		"ListSecretVersionIds of no secret",
		func(d secretDifference) bool {
			return d.Operation == "ListSecretVersionIds" && d.Ours.Code == notFound && d.Moto.Code == "500"
		},
	},
}

// motoFault names the fault that explains a difference, or is empty.
func motoFault(d secretDifference) string {
	for _, f := range motoFaults {
		if f.holds(d) {
			return f.name
		}
	}
	return ""
}
