package secretsmanager

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// The inputs hold each operation's members as the API's model names them. A
// pointer is nil where the member was not sent.

type getSecretValueInput struct {
	SecretID     *string `json:"SecretId"`
	VersionID    *string `json:"VersionId"`
	VersionStage *string `json:"VersionStage"`
}

type putSecretValueInput struct {
	SecretID           *string  `json:"SecretId"`
	ClientRequestToken *string  `json:"ClientRequestToken"`
	SecretBinary       []byte   `json:"SecretBinary"`
	SecretString       *string  `json:"SecretString"`
	VersionStages      []string `json:"VersionStages"`
}

type describeSecretInput struct {
	SecretID *string `json:"SecretId"`
}

type listSecretsInput struct {
	// IncludePlannedDeletion changes nothing: no secret is ever marked for deletion.
	IncludePlannedDeletion bool    `json:"IncludePlannedDeletion"`
	MaxResults             *int    `json:"MaxResults"`
	NextToken              *string `json:"NextToken"`
}

type listSecretVersionIDsInput struct {
	SecretID          *string `json:"SecretId"`
	MaxResults        *int    `json:"MaxResults"`
	NextToken         *string `json:"NextToken"`
	IncludeDeprecated bool    `json:"IncludeDeprecated"`
}

type updateSecretVersionStageInput struct {
	SecretID            *string `json:"SecretId"`
	VersionStage        *string `json:"VersionStage"`
	RemoveFromVersionID *string `json:"RemoveFromVersionId"`
	MoveToVersionID     *string `json:"MoveToVersionId"`
}

// decode reads a body into a pointer to one of the inputs. Its errors name
// members and never what they held: encoding/json's own can quote a value.
func decode(body []byte, in any) error {
	var members map[string]json.RawMessage
	if !utf8.Valid(body) || json.Unmarshal(body, &members) != nil || members == nil {
		return refuse("SerializationException", "The body is not a JSON object in UTF-8.")
	}
	known := make(map[string]bool)
	for field := range reflect.TypeOf(in).Elem().Fields() {
		known[field.Tag.Get("json")] = true
	}
	for name := range members {
		if !known[name] {
			return invalidParameter("The parameter %s is not supported.", name)
		}
	}
	if err := json.Unmarshal(body, in); err != nil {
		var mistyped *json.UnmarshalTypeError
		if errors.As(err, &mistyped) {
			return refuse("SerializationException", "The parameter %s is of another type.", mistyped.Field)
		}
		return refuse("SerializationException", "A parameter can't be read.") // SecretBinary is no base64
	}
	return nil
}

// constraints collects what the API's model forbids of single members; the
// service reports all of them at once.
type constraints struct {
	violations []string
}

func (c *constraints) violate(value, member, constraint string) {
	c.violations = append(c.violations, fmt.Sprintf("Value %sat '%s' failed to satisfy constraint: Member must %s", value, member, constraint))
}

func (c *constraints) required(member string, value *string) {
	if value == nil {
		c.violate("null ", member, "not be null")
	}
}

// length checks a text that may be repeated to the caller.
func (c *constraints) length(member string, value *string, least, most int) {
	if value != nil {
		c.size("'"+*value+"' ", member, utf8.RuneCountInString(*value), least, most)
	}
}

// size checks anything that has one; shown is empty for what is sensitive.
func (c *constraints) size(shown, member string, size, least, most int) {
	if size < least {
		c.violate(shown, member, fmt.Sprintf("have length greater than or equal to %d", least))
	}
	if size > most {
		c.violate(shown, member, fmt.Sprintf("have length less than or equal to %d", most))
	}
}

func (c *constraints) secretID(value *string) {
	c.required("secretId", value)
	c.length("secretId", value, 1, 2048)
}

func (c *constraints) stage(member string, value *string) {
	c.length(member, value, 1, 256)
}

func (c *constraints) versionID(member string, value *string) {
	c.length(member, value, minVersionID, maxVersionID)
}

func (c *constraints) page(maxResults *int, nextToken *string) {
	if maxResults != nil && *maxResults < 1 {
		c.violate(fmt.Sprintf("'%d' ", *maxResults), "maxResults", "have value greater than or equal to 1")
	}
	if maxResults != nil && *maxResults > maxPage {
		c.violate(fmt.Sprintf("'%d' ", *maxResults), "maxResults", fmt.Sprintf("have value less than or equal to %d", maxPage))
	}
	c.length("nextToken", nextToken, 1, 4096)
}

func (c *constraints) err() error {
	switch n := len(c.violations); n {
	case 0:
		return nil
	case 1:
		return refuse("ValidationException", "1 validation error detected: %s", c.violations[0])
	default:
		return refuse("ValidationException", "%d validation errors detected: %s", n, strings.Join(c.violations, "; "))
	}
}
