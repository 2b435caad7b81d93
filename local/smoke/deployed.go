package smoke

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"
)

// deployed is what a stack's outputs and parameters say.
type deployed struct {
	api, cdn      string // URLs
	bucket, table string // names
	signingHash   string // SHA256 or SHA1
	readAnyScope  string

	// Ids of the stack's own user pool and its client for apps; empty where tokens
	// come from elsewhere.
	userPool, userPoolClient string
	// The client whose tokens have the read-any scope, and where it gets them;
	// empty where there is none.
	machineClient, tokenURL string
}

// describe asks CloudFormation for a stack that can be played against.
func describe(ctx context.Context, client *cloudformation.Client, name string) (deployed, error) {
	out, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	var refused smithy.APIError
	if errors.As(err, &refused) && refused.ErrorCode() == "ValidationError" && strings.Contains(refused.ErrorMessage(), "does not exist") {
		return deployed{}, fmt.Errorf("there is no stack %s in %s: deploy it, or set AWS_REGION and AWS_PROFILE to where it is", name, client.Options().Region)
	}
	if err != nil {
		return deployed{}, fmt.Errorf("asking CloudFormation for the stack %s: %w", name, err)
	}
	if len(out.Stacks) != 1 {
		return deployed{}, fmt.Errorf("CloudFormation tells of %d stacks %s, want one", len(out.Stacks), name)
	}
	stack := out.Stacks[0]
	if err := ready(name, stack.StackStatus); err != nil {
		return deployed{}, err
	}
	return read(name, stack)
}

// ready is nil if a stack with status stands as its template says, or as one
// before it did.
func ready(name string, status types.StackStatus) error {
	switch status {
	case types.StackStatusCreateComplete, types.StackStatusUpdateComplete, types.StackStatusUpdateRollbackComplete,
		types.StackStatusImportComplete, types.StackStatusImportRollbackComplete:
		return nil
	}
	do := "its events say why; mend that and deploy it again"
	switch {
	case strings.HasPrefix(string(status), "DELETE_"), status == types.StackStatusReviewInProgress:
		do = "deploy it"
	case strings.HasSuffix(string(status), "_IN_PROGRESS"):
		do = "wait until that has ended"
	}
	return fmt.Errorf("the stack %s is in %s: %s", name, status, do)
}

func read(name string, stack types.Stack) (deployed, error) {
	outputs := map[string]string{}
	for _, o := range stack.Outputs {
		if o.OutputKey != nil && o.OutputValue != nil {
			outputs[*o.OutputKey] = *o.OutputValue
		}
	}
	parameters := map[string]string{}
	for _, p := range stack.Parameters {
		if p.ParameterKey != nil && p.ParameterValue != nil {
			parameters[*p.ParameterKey] = *p.ParameterValue
		}
	}
	var missing []string
	required := func(output string) string {
		if outputs[output] == "" {
			missing = append(missing, output)
		}
		return outputs[output]
	}
	d := deployed{
		api: required("ApiUrl"), cdn: required("CdnUrl"), bucket: required("BucketName"), table: required("CatalogTableName"),
		signingHash:  required("SigningHash"),
		readAnyScope: cmp.Or(parameters["ReadAnyScope"], "airlock/read.any"),
		userPool:     outputs["UserPoolId"], machineClient: outputs["MachineClientId"],
	}
	if d.userPool != "" {
		d.userPoolClient = required("UserPoolClientId")
	}
	if d.machineClient != "" {
		d.userPool, d.tokenURL = required("UserPoolId"), required("TokenUrl")
	}
	if len(missing) > 0 {
		return deployed{}, fmt.Errorf("the stack %s lacks the outputs %s: deploy template.yaml as it is now, or name a stack made of it", name, strings.Join(missing, ", "))
	}
	return d, nil
}

// noMachine is why nobody can be had who may read any; empty if one can.
func (d deployed) noMachine() string {
	switch {
	case d.machineClient != "":
		return ""
	case d.userPool != "":
		return "nobody has the scope " + d.readAnyScope + "; deploy the stack with MachineClient=true"
	default:
		return "nobody has the scope " + d.readAnyScope + "; a stack with a user pool of its own has a client for it with MachineClient=true"
	}
}
