package rotation_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// fakeSecrets is one secret.
type fakeSecrets struct {
	values       map[string]string   // by version; "" none yet
	labels       map[string][]string // by version
	nextRotation time.Time           // zero: rotation is off
	// signing is who was the current key since when, as a signer reads it.
	signing []since[string]
}

// since is what has been so from a time on.
type since[T any] struct {
	t time.Time
	v T
}

func newFakeSecrets() fakeSecrets {
	return fakeSecrets{values: map[string]string{}, labels: map[string][]string{}}
}

// state is a document as anybody reads it.
type state struct {
	KeyPairID  string
	PrivateKey string
	Next       *struct {
		KeyPairID, PrivateKey string
		Published             time.Time
	}
	Retired []struct {
		KeyPairID string
		Until     time.Time
	}
}

func (s *fakeSecrets) holder(label string) string {
	for id, labels := range s.labels {
		if slices.Contains(labels, label) {
			return id
		}
	}
	return ""
}

// current is what a signer would read.
func (s *fakeSecrets) current() state {
	var d state
	_ = json.Unmarshal([]byte(s.values[s.holder("AWSCURRENT")]), &d) // none is none
	return d
}

// stage begins a rotation as Secrets Manager does: with an empty pending version.
func (s *fakeSecrets) stage(version string) {
	if _, ok := s.values[version]; !ok {
		s.values[version] = ""
	}
	s.label(version, "AWSPENDING")
}

func (s *fakeSecrets) label(version, label string) {
	if from := s.holder(label); from != "" {
		s.unlabel(from, label)
		if label == "AWSCURRENT" && from != version {
			s.label(from, "AWSPREVIOUS")
		}
	}
	s.labels[version] = append(s.labels[version], label)
	if id := s.current().KeyPairID; label == "AWSCURRENT" && (len(s.signing) == 0 || s.signing[len(s.signing)-1].v != id) {
		s.signing = append(s.signing, since[string]{time.Now(), id})
	}
}

func (s *fakeSecrets) unlabel(version, label string) {
	s.labels[version] = slices.DeleteFunc(s.labels[version], func(l string) bool { return l == label })
}

// store is an operator's PutSecretValue.
func (s *fakeSecrets) store(version, text string) {
	s.values[version] = text
	s.label(version, "AWSCURRENT")
}

func (s *fakeSecrets) serveSecrets(action string, body []byte) *http.Response {
	var in struct {
		SecretID            string `json:"SecretId"`
		VersionID           string `json:"VersionId"`
		VersionStage        string
		ClientRequestToken  string
		SecretString        string
		VersionStages       []string
		RemoveFromVersionID string `json:"RemoveFromVersionId"`
		MoveToVersionID     string `json:"MoveToVersionId"`
	}
	if err := json.Unmarshal(body, &in); err != nil || in.SecretID != secretARN {
		return secretsError("InvalidParameterException")
	}
	switch action {
	case "DescribeSecret":
		labelled := maps.Clone(s.labels)
		maps.DeleteFunc(labelled, func(_ string, l []string) bool { return len(l) == 0 })
		described := map[string]any{"ARN": secretARN, "VersionIdsToStages": labelled}
		if !s.nextRotation.IsZero() {
			described["RotationEnabled"], described["NextRotationDate"] = true, s.nextRotation.Unix()
		}
		return secretsAnswer(described)
	case "GetSecretValue":
		id := in.VersionID
		if id == "" && in.VersionStage == "" {
			in.VersionStage = "AWSCURRENT"
		}
		if id == "" {
			id = s.holder(in.VersionStage)
		}
		if s.values[id] == "" {
			return secretsError("ResourceNotFoundException")
		}
		if in.VersionStage != "" && s.holder(in.VersionStage) != id {
			return secretsError("InvalidRequestException")
		}
		return secretsAnswer(map[string]any{"ARN": secretARN, "VersionId": id, "SecretString": s.values[id]})
	case "PutSecretValue":
		if n := len(in.ClientRequestToken); n < 32 || n > 64 || in.SecretString == "" {
			return secretsError("InvalidParameterException")
		}
		if old := s.values[in.ClientRequestToken]; old != "" && old != in.SecretString {
			return secretsError("ResourceExistsException")
		}
		s.values[in.ClientRequestToken] = in.SecretString
		for _, l := range in.VersionStages {
			s.label(in.ClientRequestToken, l)
		}
		return secretsAnswer(map[string]any{"ARN": secretARN, "VersionId": in.ClientRequestToken})
	case "UpdateSecretVersionStage":
		if s.holder(in.VersionStage) != in.RemoveFromVersionID {
			return secretsError("InvalidParameterException")
		}
		if in.MoveToVersionID == "" {
			s.unlabel(in.RemoveFromVersionID, in.VersionStage)
		} else {
			s.label(in.MoveToVersionID, in.VersionStage)
		}
		return secretsAnswer(map[string]any{"ARN": secretARN})
	}
	return secretsError("UnknownOperationException")
}

func secretsAnswer(v any) *http.Response {
	text, _ := json.Marshal(v) // maps of texts always marshal
	return respond(http.StatusOK, string(text))
}

// secretsError names an account, as AWS's own do, which no log may show.
func secretsError(code string) *http.Response {
	return respond(http.StatusBadRequest, fmt.Sprintf(`{"__type":%q,"message":"arn:aws:iam::444455556666:role/x"}`, code))
}
