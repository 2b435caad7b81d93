package conformance

import (
	"encoding/base64"
	"maps"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
)

// dynamoDifference is a step that two answer differently.
type dynamoDifference struct {
	step         dynamoStep
	ours, theirs dynamoAnswer
}

func (d dynamoDifference) same() bool { return cmp.Equal(d.ours, d.theirs) }

// dynamoFault is a way in which a peer is wrong about DynamoDB.
type dynamoFault struct {
	peer   string
	reason string
	is     func(dynamoDifference) bool
	hits   int
}

type dynamoFaults []*dynamoFault

func faultsOf(peer string) dynamoFaults {
	var faults dynamoFaults
	for _, f := range allDynamoFaults() {
		if f.peer == peer {
			faults = append(faults, &f)
		}
	}
	return faults
}

func (faults dynamoFaults) explain(d dynamoDifference) bool {
	for _, f := range faults {
		if f.is(d) {
			f.hits++
			return true
		}
	}
	return false
}

// reportStale fails for an excuse that nothing needs any more.
func (faults dynamoFaults) reportStale(t *testing.T) {
	t.Helper()
	for _, f := range faults {
		if f.hits == 0 {
			t.Errorf("seed %d: %s is no longer wrong in this: %s", dynamoSeed, f.peer, f.reason)
		}
	}
}

func allDynamoFaults() []dynamoFault {
	return []dynamoFault{
		{peer: "dynalite", reason: "its syntax errors name what was expected, AWS's name the token", is: func(d dynamoDifference) bool {
			head, _, ok := strings.Cut(d.ours.Message, "Syntax error;")
			theirs, _, _ := strings.Cut(d.theirs.Message, "Syntax error;")
			return ok && head == theirs
		}},
		{peer: "dynalite", reason: "it does not know ReturnValuesOnConditionCheckFailure (API Reference, PutItem)", is: func(d dynamoDifference) bool {
			if d.ours.Body["Item"] == nil || !strings.HasSuffix(d.ours.Code, "ConditionalCheckFailedException") {
				return false
			}
			d.ours.Body = map[string]any{}
			return d.same()
		}},
		{peer: "dynalite", reason: "it lets DeleteItem have any ReturnValues (API Reference, DeleteItem: NONE or ALL_OLD)", is: func(d dynamoDifference) bool {
			_, deletes := d.step.input.(*sdk.DeleteItemInput)
			return deletes && d.ours.Message == "ReturnValues can only be ALL_OLD or NONE"
		}},
		{peer: "dynalite", reason: "an update that only removes makes an item (not so on AWS: scylladb/scylladb#5862)", is: func(d dynamoDifference) bool {
			after, ok := d.theirs.After.(map[string]any)
			_, updates := d.step.input.(*sdk.UpdateItemInput)
			return ok && updates && d.ours.Code == "" && d.ours.After == nil && len(after) <= 2
		}},
		{peer: "dynalite", reason: "it answers with empty Attributes where there are none", is: func(d dynamoDifference) bool {
			attributes, ok := d.theirs.Body["Attributes"].(map[string]any)
			if !ok || len(attributes) > 0 {
				return false
			}
			d.theirs.Body = maps.Clone(d.theirs.Body)
			delete(d.theirs.Body, "Attributes")
			return d.same()
		}},
		{peer: "dynalite", reason: "it compares what has no order (Developer Guide, Comparison operator and function reference)", is: func(d dynamoDifference) bool {
			const unordered = "Incorrect operand type for operator or function; operator or function: "
			_, operator, ok := strings.Cut(d.ours.Message, unordered)
			return ok && (operator[0] == '<' || operator[0] == '>' || strings.HasPrefix(operator, "BETWEEN"))
		}},
		{peer: "dynalite", reason: "it writes collections into messages as JavaScript does", is: func(d dynamoDifference) bool {
			const between = "The BETWEEN operator requires "
			return strings.Contains(d.ours.Message, between) && strings.Contains(d.theirs.Message, between)
		}},
		{peer: "dynalite", reason: "it lets sets within documents be empty or hold one thing twice (API Reference, AttributeValue)", is: func(d dynamoDifference) bool {
			return strings.Contains(d.ours.Message, "contains duplicates") || strings.Contains(d.ours.Message, "not be empty")
		}},
		{peer: "dynalite", reason: "a page that finds nothing costs it nothing, and a consistent Scan half (Developer Guide, Capacity unit consumption)", is: func(d dynamoDifference) bool {
			for _, a := range []*dynamoAnswer{&d.ours, &d.theirs} {
				a.Body = maps.Clone(a.Body)
				delete(a.Body, "ConsumedCapacity")
			}
			return d.ours.Body["ScannedCount"] != nil && d.same()
		}},
		{peer: "dynalite", reason: "it stores sums of more than 38 digits (Developer Guide, Data types, Number)", is: func(d dynamoDifference) bool {
			return strings.HasPrefix(d.ours.Message, "Attempting to store more than 38 significant digits")
		}},
		{peer: "dynalite", reason: "it does not take NOT NOT (Developer Guide, Syntax for filter and condition expressions: NOT condition)", is: func(d dynamoDifference) bool {
			return strings.HasSuffix(d.theirs.Message, `Syntax error; Expected "(" but "N" found.`) ||
				strings.HasSuffix(d.theirs.Message, `Syntax error; Expected "(" but "n" found.`)
		}},
		{peer: "dynalite", reason: "it looks for something inside a key in conditions", is: func(d dynamoDifference) bool {
			return strings.HasPrefix(d.ours.Message, "Key attributes must be scalars")
		}},
		{peer: "dynalite", reason: "it lets a ProjectionExpression stand beside any Select (API Reference, Query, Select)", is: func(d dynamoDifference) bool {
			return strings.Contains(d.ours.Message, "Cannot specify the ProjectionExpression when choosing to get")
		}},
		{peer: "dynalite", reason: "it does not say why a starting key is invalid", is: func(d dynamoDifference) bool {
			return d.theirs.Message == "The provided starting key is invalid" && strings.HasPrefix(d.ours.Message, d.theirs.Message)
		}},
		{peer: "dynalite", reason: "of two faults in one request it names another first, which is not documented", is: func(d dynamoDifference) bool {
			class := func(a dynamoAnswer) string {
				text := strings.TrimPrefix(a.Message, "One or more parameter values were invalid: ")
				if at := strings.IndexAny(text, ":;{"); at >= 0 {
					text = text[:at]
				}
				return text
			}
			return d.ours.Code == d.theirs.Code && strings.HasSuffix(d.ours.Code, "ValidationException") && class(d.ours) != class(d.theirs)
		}},
	}
}

// startKey reads a LastEvaluatedKey; nil if there is none.
func startKey(v any) dynamoItem {
	fields, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	key := dynamoItem{}
	for name, v := range fields {
		described, _ := v.(map[string]any)
		for kind, text := range described {
			text, _ := text.(string)
			switch kind {
			case "S":
				key[name] = &types.AttributeValueMemberS{Value: text}
			case "N":
				key[name] = &types.AttributeValueMemberN{Value: text}
			case "B":
				data, err := base64.StdEncoding.DecodeString(text)
				if err != nil {
					return nil
				}
				key[name] = &types.AttributeValueMemberB{Value: data}
			}
		}
	}
	return key
}

// dynamoFeatures are all operations and whatever expressions may have in them.
func dynamoFeatures() []string {
	features := strings.Fields(`= <> < <= > >= BETWEEN IN AND OR NOT attribute_exists attribute_not_exists
		attribute_type begins_with contains size SET REMOVE ADD DELETE + - if_not_exists list_append # . [] projection
		ALL_OLD ALL_NEW UPDATED_OLD UPDATED_NEW NONE TOTAL INDEXES COUNT ALL_ATTRIBUTES SPECIFIC_ATTRIBUTES Limit ScanIndexForward`)
	for operation := range claimedOperations() {
		features = append(features, "*dynamodb."+operation+"Input")
	}
	return append(features, "key condition")
}
