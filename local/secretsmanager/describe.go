package secretsmanager

import (
	"encoding/base64"
	"slices"
	"strconv"
	"time"

	"airlock/local/iam"
)

// maxPage is the most a listing answers at once, and what it answers unasked.
const maxPage = 100

// timestamp is written as AWS JSON 1.1 writes it: seconds since 1970, with
// milliseconds.
type timestamp struct{ time.Time }

// MarshalJSON writes the number.
func (t timestamp) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(t.UnixMilli())/1000, 'f', -1, 64), nil
}

type describeSecretOutput struct {
	ARN                string
	Name               string
	Description        string              `json:",omitempty"`
	CreatedDate        timestamp           `json:",omitzero"`
	LastChangedDate    timestamp           `json:",omitzero"`
	LastAccessedDate   timestamp           `json:",omitzero"`
	VersionIDsToStages map[string][]string `json:"VersionIdsToStages,omitempty"`
	rotationState
}

func (s *Service) describeSecret(caller *iam.Principal, in describeSecretInput) (any, error) {
	var c constraints
	c.secretID(in.SecretID)
	if err := c.err(); err != nil {
		return nil, err
	}
	secret, err := s.authorize(caller, "DescribeSecret", *in.SecretID, nil)
	if err != nil {
		return nil, err
	}
	r, err := s.read(secret.Name)
	if err != nil {
		return nil, err
	}
	return describeSecretOutput{
		ARN: secret.ARN, Name: secret.Name, Description: secret.Description,
		CreatedDate: timestamp{r.Created}, LastChangedDate: timestamp{r.Changed}, LastAccessedDate: timestamp{r.Accessed},
		VersionIDsToStages: r.stages(), rotationState: r.rotationState(),
	}, nil
}

type listSecretsOutput struct {
	SecretList []secretEntry
	NextToken  string `json:",omitempty"`
}

type secretEntry struct {
	ARN                    string
	Name                   string
	Description            string              `json:",omitempty"`
	CreatedDate            timestamp           `json:",omitzero"`
	LastChangedDate        timestamp           `json:",omitzero"`
	LastAccessedDate       timestamp           `json:",omitzero"`
	SecretVersionsToStages map[string][]string `json:",omitempty"`
	rotationState
}

// listSecrets lists by name. The service lists by date of creation, which a
// template's secrets share.
func (s *Service) listSecrets(caller *iam.Principal, in listSecretsInput) (any, error) {
	var c constraints
	c.page(in.MaxResults, in.NextToken)
	if err := c.err(); err != nil {
		return nil, err
	}
	// There are no permissions on single secrets for a list ("Actions,
	// resources, and condition keys for AWS Secrets Manager").
	err := caller.Authorize(iam.Request{
		Action: "secretsmanager:ListSecrets", Resource: "*",
		Context: map[string][]string{"aws:securetransport": {"true"}},
	})
	if err != nil {
		return nil, err
	}
	names := make([]string, len(s.secrets))
	for i, secret := range s.secrets {
		names[i] = secret.Name
	}
	from, to, next, err := page(names, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := listSecretsOutput{SecretList: []secretEntry{}, NextToken: next}
	for _, secret := range s.secrets[from:to] {
		r, err := s.read(secret.Name)
		if err != nil {
			return nil, err
		}
		out.SecretList = append(out.SecretList, secretEntry{
			ARN: secret.ARN, Name: secret.Name, Description: secret.Description,
			CreatedDate: timestamp{r.Created}, LastChangedDate: timestamp{r.Changed}, LastAccessedDate: timestamp{r.Accessed},
			SecretVersionsToStages: r.stages(), rotationState: r.rotationState(),
		})
	}
	return out, nil
}

type listSecretVersionIDsOutput struct {
	ARN       string
	Name      string
	Versions  []versionEntry
	NextToken string `json:",omitempty"`
}

type versionEntry struct {
	VersionID        string    `json:"VersionId"`
	VersionStages    []string  `json:",omitempty"`
	LastAccessedDate timestamp `json:",omitzero"`
	CreatedDate      timestamp `json:",omitzero"`
	KmsKeyIDs        []string  `json:"KmsKeyIds"`
}

func (s *Service) listSecretVersionIDs(caller *iam.Principal, in listSecretVersionIDsInput) (any, error) {
	var c constraints
	c.secretID(in.SecretID)
	c.page(in.MaxResults, in.NextToken)
	if err := c.err(); err != nil {
		return nil, err
	}
	secret, err := s.authorize(caller, "ListSecretVersionIds", *in.SecretID, nil)
	if err != nil {
		return nil, err
	}
	r, err := s.read(secret.Name)
	if err != nil {
		return nil, err
	}
	ids := slices.DeleteFunc(r.inOrder(), func(id string) bool {
		return !in.IncludeDeprecated && len(r.Versions[id].Stages) == 0
	})
	from, to, next, err := page(ids, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := listSecretVersionIDsOutput{ARN: secret.ARN, Name: secret.Name, Versions: []versionEntry{}, NextToken: next}
	for _, id := range ids[from:to] {
		v := r.Versions[id]
		out.Versions = append(out.Versions, versionEntry{
			VersionID: id, VersionStages: v.Stages,
			LastAccessedDate: timestamp{v.Accessed}, CreatedDate: timestamp{v.Created},
			KmsKeyIDs: []string{"DefaultEncryptionKey"}, // what a secret without a key of its own says
		})
	}
	return out, nil
}

// page finds the part of a listing to answer with: a token names, encoded, the
// last of the page before.
func page(all []string, maxResults *int, nextToken *string) (from, to int, next string, err error) {
	if nextToken != nil {
		last, err := base64.RawURLEncoding.DecodeString(*nextToken)
		i := slices.Index(all, string(last))
		if err != nil || i < 0 {
			return 0, 0, "", refuse("InvalidNextTokenException", "The NextToken value is invalid.")
		}
		from = i + 1
	}
	to = from + maxPage
	if maxResults != nil {
		to = from + *maxResults
	}
	if to >= len(all) {
		return from, len(all), "", nil
	}
	return from, to, base64.RawURLEncoding.EncodeToString([]byte(all[to-1])), nil
}
