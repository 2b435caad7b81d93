package secretsmanager

import (
	"time"

	"airlock/local/iam"
)

type getSecretValueOutput struct {
	ARN           string
	Name          string
	VersionID     string    `json:"VersionId"`
	SecretString  *string   `json:",omitempty"`
	SecretBinary  []byte    `json:",omitempty"`
	VersionStages []string  `json:",omitempty"`
	CreatedDate   timestamp `json:",omitzero"`
}

func (s *Service) getSecretValue(caller *iam.Principal, in getSecretValueInput) (any, error) {
	var c constraints
	c.secretID(in.SecretID)
	c.versionID("versionId", in.VersionID)
	c.stage("versionStage", in.VersionStage)
	if err := c.err(); err != nil {
		return nil, err
	}
	asked := make(map[string][]string)
	if in.VersionID != nil {
		asked["secretsmanager:versionid"] = []string{*in.VersionID}
	}
	if in.VersionStage != nil {
		asked["secretsmanager:versionstage"] = []string{*in.VersionStage}
	}
	secret, err := s.authorize(caller, "GetSecretValue", *in.SecretID, asked)
	if err != nil {
		return nil, err
	}
	r, err := s.read(secret.Name)
	if err != nil {
		return nil, err
	}
	id, v, err := r.choose(in.VersionID, in.VersionStage)
	if err != nil {
		return nil, err
	}
	if err := s.touch(secret.Name, id, v); err != nil {
		return nil, err
	}
	return getSecretValueOutput{
		ARN: secret.ARN, Name: secret.Name, VersionID: id,
		SecretString: v.String, SecretBinary: v.Binary,
		VersionStages: v.Stages, CreatedDate: timestamp{v.Created},
	}, nil
}

// choose finds the version by id, by label, or the current one.
func (r *record) choose(versionID, stage *string) (string, *version, error) {
	if versionID == nil {
		label := stageCurrent
		if stage != nil {
			label = *stage
		}
		id, v, ok := r.holderOf(label)
		if !ok || v.empty() {
			return "", nil, noValue("staging label", label)
		}
		return id, v, nil
	}
	v, ok := r.Versions[*versionID]
	if !ok || v.empty() {
		return "", nil, noValue("VersionId", *versionID)
	}
	if holder, _, held := r.holderOf(deref(stage)); stage != nil && (!held || holder != *versionID) {
		return "", nil, invalidRequest("You provided a VersionStage that is not associated to the provided VersionId.")
	}
	return *versionID, v, nil
}

// touch notes the day of an access. Being precise to the day, as the service's
// LastAccessedDate is, it writes once a day and not at each read.
func (s *Service) touch(name, versionID string, v *version) error {
	today := time.Now().UTC().Truncate(24 * time.Hour)
	if v.Accessed.Equal(today) {
		return nil
	}
	return s.change(name, func(r *record) error {
		r.Accessed = today
		if v, ok := r.Versions[versionID]; ok { // it may have gone meanwhile
			v.Accessed = today
		}
		return nil
	})
}

type putSecretValueOutput struct {
	ARN           string
	Name          string
	VersionID     string   `json:"VersionId"`
	VersionStages []string `json:",omitempty"`
}

func (s *Service) putSecretValue(caller *iam.Principal, in putSecretValueInput) (any, error) {
	var c constraints
	c.secretID(in.SecretID)
	if in.SecretString != nil {
		c.size("", "secretString", len(*in.SecretString), 1, maxValueBytes)
	}
	if in.SecretBinary != nil {
		c.size("", "secretBinary", len(in.SecretBinary), 1, maxValueBytes)
	}
	if in.VersionStages != nil {
		c.size("", "versionStages", len(in.VersionStages), 1, maxStages)
	}
	for i := range in.VersionStages {
		c.stage("versionStages", &in.VersionStages[i])
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	secret, err := s.authorize(caller, "PutSecretValue", *in.SecretID, nil)
	if err != nil {
		return nil, err
	}
	switch {
	case in.ClientRequestToken == nil:
		// The model calls it optional because every SDK makes one up; the service does not.
		return nil, invalidRequest("You must provide a ClientRequestToken value. We recommend a UUID-type value.")
	case len(*in.ClientRequestToken) < minVersionID || len(*in.ClientRequestToken) > maxVersionID:
		return nil, invalidParameter("ClientRequestToken must be %d-%d characters long.", minVersionID, maxVersionID)
	case in.SecretString != nil && in.SecretBinary != nil:
		return nil, invalidParameter("You can't specify both a binary secret value and a string secret value in the same secret.")
	case in.SecretString == nil && in.SecretBinary == nil:
		return nil, invalidRequest("You must provide either SecretString or SecretBinary.")
	}
	stages := in.VersionStages
	if stages == nil {
		stages = []string{stageCurrent}
	}
	out := putSecretValueOutput{ARN: secret.ARN, Name: secret.Name, VersionID: *in.ClientRequestToken}
	err = s.change(secret.Name, func(r *record) error {
		if err := r.put(out.VersionID, value{in.SecretString, in.SecretBinary}, stages, secret.ARN); err != nil {
			return err
		}
		out.VersionStages = r.Versions[out.VersionID].Stages
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

type updateSecretVersionStageOutput struct {
	ARN  string
	Name string
}

func (s *Service) updateSecretVersionStage(caller *iam.Principal, in updateSecretVersionStageInput) (any, error) {
	var c constraints
	c.secretID(in.SecretID)
	c.required("versionStage", in.VersionStage)
	c.stage("versionStage", in.VersionStage)
	c.versionID("removeFromVersionId", in.RemoveFromVersionID)
	c.versionID("moveToVersionId", in.MoveToVersionID)
	if err := c.err(); err != nil {
		return nil, err
	}
	secret, err := s.authorize(caller, "UpdateSecretVersionStage", *in.SecretID,
		map[string][]string{"secretsmanager:versionstage": {*in.VersionStage}})
	if err != nil {
		return nil, err
	}
	err = s.change(secret.Name, func(r *record) error {
		return r.move(*in.VersionStage, deref(in.RemoveFromVersionID), deref(in.MoveToVersionID))
	})
	if err != nil {
		return nil, err
	}
	return updateSecretVersionStageOutput{secret.ARN, secret.Name}, nil
}

func deref(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
