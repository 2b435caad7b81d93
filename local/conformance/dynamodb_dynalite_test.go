package conformance

import (
	"regexp"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// bounds finds the kinds of BETWEEN's bounds in a message.
var bounds = regexp.MustCompile(`AttributeValue: \{(\w+):`)

// dynaliteFaults are those of dynalite 4.0.0. What is right is said in the API
// Reference (API) under an operation's name or the Developer Guide (DG) under a
// page's.
func dynaliteFaults() []dynamoFault {
	const peer = "dynalite"
	return []dynamoFault{
		{peer: peer, reason: "it answers with empty Attributes where there are none", repair: func(d *dynamoDifference) bool {
			attributes, ok := d.theirs.Body["Attributes"].(map[string]any)
			if !ok || len(attributes) > 0 || d.ours.Body["Attributes"] != nil {
				return false
			}
			delete(d.theirs.Body, "Attributes")
			return true
		}},
		// Query: "Queries that do not return results consume the minimum number of
		// read capacity units for that type of read operation."
		{peer: peer, reason: "a Query that reads nothing costs it nothing (API, Query)", repair: func(d *dynamoDifference) bool {
			if d.theirs.Body["ScannedCount"] != 0. {
				return false
			}
			ours, told := d.ours.units()
			theirs, _ := d.theirs.units()
			if !told || ours > 1 || theirs != 0 {
				return false
			}
			d.theirs.charge(ours)
			return true
		}},
		// ConsistentRead: a read that is not costs half.
		{peer: peer, reason: "a consistent Scan costs it half (DG, DynamoDB read and write operations)", repair: func(d *dynamoDifference) bool {
			if !consistent(d.step.input) || d.theirs.Body["ScannedCount"] == 0. {
				return false
			}
			ours, told := d.ours.units()
			theirs, _ := d.theirs.units()
			if !told || ours != 2*theirs {
				return false
			}
			d.theirs.charge(ours)
			return true
		}},
		{peer: peer, reason: "its syntax errors name what was expected, AWS's name the token", is: func(d dynamoDifference) bool {
			head, _, ok := strings.Cut(d.ours.Message, "Syntax error;")
			theirs, _, _ := strings.Cut(d.theirs.Message, "Syntax error;")
			return ok && head == theirs
		}},
		{peer: peer, reason: "it does not know ReturnValuesOnConditionCheckFailure (API, PutItem)", is: func(d dynamoDifference) bool {
			if d.ours.Body["Item"] == nil || !strings.HasSuffix(d.ours.Code, "ConditionalCheckFailedException") {
				return false
			}
			d.ours.Body = map[string]any{}
			return d.same()
		}},
		{peer: peer, reason: "it lets DeleteItem have any ReturnValues (API, DeleteItem: none other than NONE or ALL_OLD)", is: func(d dynamoDifference) bool {
			_, deletes := d.step.input.(*sdk.DeleteItemInput)
			return deletes && d.ours.Message == "ReturnValues can only be ALL_OLD or NONE"
		}},
		removalMakes(peer),
		{peer: peer, reason: "it compares what has no order (API Reference, Condition: LT and its like take String, Number or Binary)", is: func(d dynamoDifference) bool {
			const unordered = "Incorrect operand type for operator or function; operator or function: "
			_, operator, ok := strings.Cut(d.ours.Message, unordered)
			return ok && (operator[0] == '<' || operator[0] == '>' || strings.HasPrefix(operator, "BETWEEN"))
		}},
		{peer: peer, reason: "it writes collections into messages as JavaScript does", is: func(d dynamoDifference) bool {
			const between = "The BETWEEN operator requires "
			kinds := bounds.FindAllString(d.ours.Message, -1)
			collection := func(k string) bool {
				return slices.Contains(strings.Fields("SS NS BS L M"), k[len("AttributeValue: {"):len(k)-1])
			}
			return strings.Contains(d.ours.Message, between) && messageKind(d.ours.Message) == messageKind(d.theirs.Message) &&
				slices.Equal(kinds, bounds.FindAllString(d.theirs.Message, -1)) && slices.ContainsFunc(kinds, collection)
		}},
		{peer: peer, reason: "it lets sets within documents be empty or hold one thing twice (API, AttributeValue)", is: func(d dynamoDifference) bool {
			return strings.Contains(d.ours.Message, "contains duplicates") || strings.Contains(d.ours.Message, "not be empty")
		}},
		{peer: peer, reason: "it stores sums of more than 38 digits (DG, Supported data types and naming rules)", is: func(d dynamoDifference) bool {
			return strings.HasPrefix(d.ours.Message, "Attempting to store more than 38 significant digits")
		}},
		{peer: peer, reason: "it does not take NOT NOT (DG, Condition and filter expressions, operators, and functions: NOT condition)", is: func(d dynamoDifference) bool {
			return strings.HasSuffix(d.theirs.Message, `Syntax error; Expected "(" but "N" found.`) ||
				strings.HasSuffix(d.theirs.Message, `Syntax error; Expected "(" but "n" found.`)
		}},
		{peer: peer, reason: "it looks for something inside a key in conditions", is: func(d dynamoDifference) bool {
			return strings.HasPrefix(d.ours.Message, "Key attributes must be scalars")
		}},
		{peer: peer, reason: "it lets a ProjectionExpression stand beside any Select (API, Query, Select)", is: func(d dynamoDifference) bool {
			return strings.Contains(d.ours.Message, "Cannot specify the ProjectionExpression when choosing to get")
		}},
		{peer: peer, reason: "it says of an empty key in a condition that parameters were invalid, not that they are not valid", is: func(d dynamoDifference) bool {
			const are = "One or more parameter values are not valid. "
			return strings.HasPrefix(d.ours.Message, are) &&
				d.theirs.Message == strings.Replace(d.ours.Message, are, "One or more parameter values were invalid: ", 1)
		}},
		otherOrder(peer, "The query can return at most one row and cannot be restarted", "The provided starting key does not match the range key predicate"),
		{peer: peer, reason: "it does not say why a starting key is invalid", is: func(d dynamoDifference) bool {
			return d.theirs.Message == "The provided starting key is invalid" && strings.HasPrefix(d.ours.Message, d.theirs.Message)
		}},
		otherOrder(peer, "ExpressionAttributeNames contains invalid value", "An expression attribute name used in the document path is not defined"),
		otherOrder(peer, "An expression attribute value used in expression is not defined", "An expression attribute name used in the document path is not defined"),
	}
}

// removalMakes: an update that has nothing to store makes no item on AWS.
func removalMakes(peer string) dynamoFault {
	return dynamoFault{
		peer: peer, reason: "an update that only removes makes an item (not so on AWS: scylladb/scylladb#5862)",
		is: func(d dynamoDifference) bool {
			after, ok := d.theirs.After.(map[string]any)
			_, updates := d.step.input.(*sdk.UpdateItemInput)
			return ok && updates && !d.uses("SET", "ADD") && d.ours.Code == "" && d.ours.After == nil && len(after) <= 2
		},
	}
}
