package rotation

import (
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// event is one of the function's three kinds of events: one of the two is set,
// or none for the daily run.
type event struct {
	resource *resourceEvent
	step     *stepEvent
}

func (e event) name() string {
	switch {
	case e.resource != nil:
		return "resource " + e.resource.RequestType
	case e.step != nil:
		return e.step.Step
	}
	return "retire"
}

// resourceEvent is CloudFormation's ("Custom resource request types", AWS
// CloudFormation User Guide).
type resourceEvent struct {
	RequestType        string         `json:"RequestType"`
	ResponseURL        string         `json:"ResponseURL"`
	StackID            string         `json:"StackId"`
	RequestID          string         `json:"RequestId"`
	LogicalResourceID  string         `json:"LogicalResourceId"`
	PhysicalResourceID string         `json:"PhysicalResourceId"`
	Properties         jsontext.Value `json:"ResourceProperties"`
}

// stepEvent is Secrets Manager's ("Rotation function", AWS Secrets Manager User
// Guide). RotationToken, which it may have, is not used: the role is the
// function's own.
type stepEvent struct {
	SecretID string `json:"SecretId"`
	Token    string `json:"ClientRequestToken"` // the new version's id
	Step     string `json:"Step"`
}

// The steps, as they are called here.
const (
	createSecret = "createSecret"
	setSecret    = "setSecret"
	testSecret   = "testSecret"
	finishSecret = "finishSecret"
)

// steps are the names Secrets Manager has for them: its documents have both
// spellings.
var steps = map[string]string{
	createSecret: createSecret, "create_secret": createSecret,
	setSecret: setSecret, "set_secret": setSecret,
	testSecret: testSecret, "test_secret": testSecret,
	finishSecret: finishSecret, "finish_secret": finishSecret,
}

// decode tells events apart. Members AWS may add to its own are let through. Its
// errors quote nothing: an event holds an address that is a credential.
func decode(payload []byte) (event, error) {
	var kinds struct {
		RequestType *string `json:"RequestType"`
		Step        *string `json:"Step"`
		Action      *string `json:"action"`
		Source      *string `json:"source"`
	}
	if err := json.Unmarshal(payload, &kinds); err != nil {
		return event{}, refuse("the event is not a JSON object of CloudFormation's, Secrets Manager's or the schedule's")
	}
	scheduled := kinds.Action != nil || kinds.Source != nil
	switch {
	case kinds.RequestType != nil && kinds.Step == nil && !scheduled:
		e := new(resourceEvent)
		if err := json.Unmarshal(payload, e); err != nil {
			return event{}, refuse("the custom resource's event has a member of the wrong type")
		}
		return event{resource: e}, nil
	case kinds.Step != nil && kinds.RequestType == nil && !scheduled:
		return decodeStep(payload)
	case scheduled && kinds.RequestType == nil && kinds.Step == nil:
		if kinds.Action != nil && *kinds.Action != "retire" || kinds.Action == nil && *kinds.Source != "aws.events" {
			return event{}, refuse(`unknown action: the schedule's event is {"action":"retire"}`)
		}
		return event{}, nil
	}
	return event{}, refuse("the event is neither CloudFormation's nor Secrets Manager's nor the schedule's")
}

func decodeStep(payload []byte) (event, error) {
	e := new(stepEvent)
	if err := json.Unmarshal(payload, e); err != nil {
		return event{}, refuse("the rotation's event has a member of the wrong type")
	}
	step, ok := steps[e.Step]
	if !ok {
		return event{}, refuse("unknown step: a rotation has createSecret, setSecret, testSecret and finishSecret")
	}
	if e.Step = step; !isToken(e.Token) {
		return event{}, refuse("ClientRequestToken is not a version id: 32 to 64 letters, digits and hyphens")
	}
	return event{step: e}, nil
}

// isToken says whether s is a version id that can end the name of a key.
func isToken(s string) bool {
	const letters = "0123456789-ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	return len(s) >= 32 && len(s) <= 64 && strings.Trim(s, letters) == ""
}
