package dynamodb

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// request holds the members of every operation; each operation reads those
// that members lists for it.
type request struct {
	TableName                           *string
	Item                                json.RawMessage
	Key                                 json.RawMessage
	ConditionExpression                 *string
	UpdateExpression                    *string
	KeyConditionExpression              *string
	FilterExpression                    *string
	ProjectionExpression                *string
	ExpressionAttributeNames            json.RawMessage
	ExpressionAttributeValues           json.RawMessage
	ExclusiveStartKey                   json.RawMessage
	ExclusiveStartTableName             *string
	ReturnValues                        *string
	ReturnValuesOnConditionCheckFailure *string
	ReturnConsumedCapacity              *string
	ReturnItemCollectionMetrics         *string
	Select                              *string
	ConsistentRead                      bool
	ScanIndexForward                    *bool
	IndexName                           *string
	Limit                               *int
	Segment                             *int
	TotalSegments                       *int
}

// members are the ones an operation understands.
func members(operation string) []string {
	expressions := []string{"ExpressionAttributeNames", "ExpressionAttributeValues"}
	write := append(expressions, "TableName", "ConditionExpression", "ReturnValues",
		"ReturnValuesOnConditionCheckFailure", "ReturnConsumedCapacity", "ReturnItemCollectionMetrics")
	page := append(expressions, "TableName", "FilterExpression", "ProjectionExpression", "Select", "Limit",
		"ExclusiveStartKey", "ConsistentRead", "IndexName", "ReturnConsumedCapacity")
	switch operation {
	case "PutItem":
		return append(write, "Item")
	case "UpdateItem":
		return append(write, "Key", "UpdateExpression")
	case "DeleteItem":
		return append(write, "Key")
	case "GetItem":
		return []string{
			"TableName", "Key", "ProjectionExpression", "ExpressionAttributeNames", "ConsistentRead",
			"ReturnConsumedCapacity",
		}
	case "Query":
		return append(page, "KeyConditionExpression", "ScanIndexForward")
	case "Scan":
		return append(page, "Segment", "TotalSegments")
	case "DescribeTable":
		return []string{"TableName"}
	case "ListTables":
		return []string{"ExclusiveStartTableName", "Limit"}
	default:
		return nil
	}
}

// legacy maps the parameters of before there were expressions to what took
// their place (Developer Guide, "Legacy DynamoDB conditional parameters").
func legacy(name string) string {
	switch name {
	case "Expected", "ConditionalOperator":
		return "ConditionExpression"
	case "AttributeUpdates":
		return "UpdateExpression"
	case "KeyConditions":
		return "KeyConditionExpression"
	case "QueryFilter", "ScanFilter":
		return "FilterExpression"
	case "AttributesToGet":
		return "ProjectionExpression"
	default:
		return ""
	}
}

// decodeRequest reads the body of an operation. A member that is not
// understood is refused: the real service would ignore a misspelt one, and the
// condition in it.
func decodeRequest(operation string, body []byte) (*request, error) {
	if err := checkText(body); err != nil {
		return nil, err
	}
	if !json.Valid(body) {
		return nil, malformed("")
	}
	found, err := decodeObject(body)
	if err != nil {
		return nil, err
	}
	understood := members(operation)
	for _, m := range found {
		if slices.Contains(understood, m.name) {
			continue
		}
		if instead := legacy(m.name); instead != "" {
			return nil, invalid("One or more parameter values were invalid: %s is not supported here, use %s", m.name, instead)
		}
		return nil, invalid("One or more parameter values were invalid: %s is not a parameter of %s that is supported here", m.name, operation)
	}
	// Names are exact by now, so encoding/json's folding of case has nothing
	// to fold.
	var req request
	if err := json.Unmarshal(body, &req); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return nil, wrongMember(found, wrong)
		}
		return nil, malformed("")
	}
	return &req, nil
}

func wrongMember(found []member, wrong *json.UnmarshalTypeError) error {
	want := map[string]string{"bool": "Boolean", "int": "Integer"}[wrong.Type.Name()]
	if want == "" {
		want = "String"
	}
	for _, m := range found {
		if m.name == wrong.Field {
			return wrongType(m.raw, want)
		}
	}
	return malformed("")
}

// checkConstraints applies what the API's model says of single members; the
// service reports all of them at once.
func (r *request) checkConstraints(operation string) error {
	var violations []string
	violate := func(shown, at, constraint string) {
		violations = append(violations, fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: Member must %s", shown, at, constraint))
	}
	enum := func(at string, got *string, allowed ...string) {
		if got != nil && !slices.Contains(allowed, *got) {
			violate("'"+*got+"'", at, "satisfy enum value set: ["+strings.Join(allowed, ", ")+"]")
		}
	}
	atLeast := func(at string, got *int, least int) {
		if got != nil && *got < least {
			violate(fmt.Sprintf("'%d'", *got), at, fmt.Sprintf("have value greater than or equal to %d", least))
		}
	}
	required := func(at string, missing bool) {
		if missing {
			violate("null", at, "not be null")
		}
	}

	required("tableName", r.TableName == nil && operation != "ListTables")
	required("item", isNull(r.Item) && operation == "PutItem")
	required("key", isNull(r.Key) && slices.Contains([]string{"GetItem", "UpdateItem", "DeleteItem"}, operation))
	enum("returnValues", r.ReturnValues, "ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW")
	enum("returnValuesOnConditionCheckFailure", r.ReturnValuesOnConditionCheckFailure, "ALL_OLD", "NONE")
	enum("returnConsumedCapacity", r.ReturnConsumedCapacity, "INDEXES", "TOTAL", "NONE")
	enum("returnItemCollectionMetrics", r.ReturnItemCollectionMetrics, "SIZE", "NONE")
	enum("select", r.Select, "SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES")
	atLeast("limit", r.Limit, 1)
	atLeast("segment", r.Segment, 0)
	atLeast("totalSegments", r.TotalSegments, 1)
	if operation == "ListTables" && r.Limit != nil && *r.Limit > maxTableNames {
		violate(fmt.Sprintf("'%d'", *r.Limit), "limit", fmt.Sprintf("have value less than or equal to %d", maxTableNames))
	}
	if r.TotalSegments != nil && *r.TotalSegments > maxSegments {
		violate(fmt.Sprintf("'%d'", *r.TotalSegments), "totalSegments", fmt.Sprintf("have value less than or equal to %d", maxSegments))
	}

	switch len(violations) {
	case 0:
		return nil
	case 1:
		return invalid("1 validation error detected: %s", violations[0])
	default:
		return invalid("%d validation errors detected: %s", len(violations), strings.Join(violations, "; "))
	}
}

// is compares an optional member with a word.
func is(member *string, word string) bool { return member != nil && *member == word }
