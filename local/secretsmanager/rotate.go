package secretsmanager

import (
	"encoding/json"
	"strconv"

	"airlock/local/iam"
)

type rotateSecretInput struct {
	SecretID           *string         `json:"SecretId"`
	ClientRequestToken *string         `json:"ClientRequestToken"`
	RotationLambdaARN  *string         `json:"RotationLambdaARN"`
	RotationRules      json.RawMessage `json:"RotationRules"`
	RotateImmediately  *bool           `json:"RotateImmediately"`
}

type rotationRulesInput struct {
	AutomaticallyAfterDays *int    `json:"AutomaticallyAfterDays"`
	Duration               *string `json:"Duration"`
	ScheduleExpression     *string `json:"ScheduleExpression"`
}

// decodeRules is nil where none were sent.
func decodeRules(sent json.RawMessage, c *constraints) (*rules, error) {
	if sent == nil || string(sent) == "null" {
		return nil, nil
	}
	var in rotationRulesInput
	if err := decode(sent, &in); err != nil {
		return nil, err
	}
	given := &rules{Duration: deref(in.Duration), ScheduleExpression: deref(in.ScheduleExpression)}
	if days := in.AutomaticallyAfterDays; days != nil {
		given.AutomaticallyAfterDays = *days
		shown := "'" + strconv.Itoa(*days) + "' "
		if *days < 1 {
			c.violate(shown, "rotationRules.automaticallyAfterDays", "have value greater than or equal to 1")
		}
		if *days > maxRotationDays {
			c.violate(shown, "rotationRules.automaticallyAfterDays", "have value less than or equal to "+strconv.Itoa(maxRotationDays))
		}
	}
	c.length("rotationRules.duration", in.Duration, 2, 3)
	c.length("rotationRules.scheduleExpression", in.ScheduleExpression, 1, 256)
	return given, nil
}

type rotateSecretOutput struct {
	ARN       string
	Name      string
	VersionID string `json:"VersionId"`
}

func (s *Service) rotateSecret(caller *iam.Principal, in rotateSecretInput) (any, error) {
	var c constraints
	c.secretID(in.SecretID)
	c.versionID("clientRequestToken", in.ClientRequestToken)
	c.length("rotationLambdaARN", in.RotationLambdaARN, 0, 2048)
	given, err := decodeRules(in.RotationRules, &c)
	if err != nil {
		return nil, err
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	immediately := in.RotateImmediately == nil || *in.RotateImmediately
	asked := map[string][]string{
		"secretsmanager:modifyrotationrules": {strconv.FormatBool(given != nil)},
		"secretsmanager:rotateimmediately":   {strconv.FormatBool(immediately)},
	}
	if in.RotationLambdaARN != nil {
		asked["secretsmanager:rotationlambdaarn"] = []string{*in.RotationLambdaARN}
	}
	secret, err := s.authorize(caller, "RotateSecret", *in.SecretID, asked)
	if err != nil {
		return nil, err
	}
	if in.ClientRequestToken == nil {
		return nil, invalidRequest("You must provide a ClientRequestToken value. We recommend a UUID-type value.")
	}
	versionID, err := s.startRotation(secret, *in.ClientRequestToken, deref(in.RotationLambdaARN), given, immediately)
	if err != nil {
		return nil, err
	}
	return rotateSecretOutput{ARN: secret.ARN, Name: secret.Name, VersionID: versionID}, nil
}

type cancelRotateSecretInput struct {
	SecretID *string `json:"SecretId"`
}

type cancelRotateSecretOutput struct {
	ARN       string
	Name      string
	VersionID string `json:"VersionId,omitempty"`
}

// cancelRotateSecret turns rotation off. The steps that are left of a run are
// not made, and its version keeps AWSPENDING: that is for the caller to remove.
func (s *Service) cancelRotateSecret(caller *iam.Principal, in cancelRotateSecretInput) (any, error) {
	var c constraints
	c.secretID(in.SecretID)
	if err := c.err(); err != nil {
		return nil, err
	}
	secret, err := s.authorize(caller, "CancelRotateSecret", *in.SecretID, nil)
	if err != nil {
		return nil, err
	}
	out := cancelRotateSecretOutput{ARN: secret.ARN, Name: secret.Name}
	err = s.change(secret.Name, func(r *record) error {
		if r.Rotation == nil {
			return invalidRequest("You tried to cancel the rotation of a secret that doesn't have a Lambda function ARN configured.")
		}
		if r.Rotation.Run != nil {
			out.VersionID = r.Rotation.Run.VersionID
		}
		r.Rotation.Enabled, r.Rotation.Run = false, nil
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
