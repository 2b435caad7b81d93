package conformance

import (
	"maps"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// motoDynamoFaults are those of moto 5.2.1, of what the plain dice throw.
func motoDynamoFaults() []dynamoFault {
	const peer = "moto"
	const pathInvalid = "The document path provided in the update expression is invalid for update"
	return []dynamoFault{
		{peer: peer, reason: "what an operation costs is always 1, or a half (DG, DynamoDB read and write operations)", repair: func(d *dynamoDifference) bool {
			ours, told := d.ours.units()
			theirs, _ := d.theirs.units()
			if !told || ours == theirs || theirs != 1 && theirs != 0.5 {
				return false
			}
			d.theirs.charge(ours)
			return true
		}},
		{peer: peer, reason: "it says what an UpdateItem costs, in total, whatever is asked (API, UpdateItem, ReturnConsumedCapacity)", repair: func(d *dynamoDifference) bool {
			if _, updates := d.step.input.(*sdk.UpdateItemInput); !updates || d.theirs.Code != "" || d.theirs.Body["ConsumedCapacity"] == nil {
				return false
			}
			if reflect.DeepEqual(d.ours.Body["ConsumedCapacity"], d.theirs.Body["ConsumedCapacity"]) {
				return false
			}
			delete(d.ours.Body, "ConsumedCapacity")
			delete(d.theirs.Body, "ConsumedCapacity")
			return true
		}},
		// Limit: "If DynamoDB processes the number of items up to the limit while
		// processing the results, it stops the operation and returns the matching
		// values up to that point, and a key in LastEvaluatedKey".
		{peer: peer, reason: "a page that is full is its last if nothing is left (API, Query, Limit and LastEvaluatedKey)", repair: func(d *dynamoDifference) bool {
			pages, _ := d.ours.Body["pages"].(int)
			theirs, more := d.theirs.Body["pages"].(int)
			if !more {
				theirs = 1
			}
			limit := limitOf(d.step.input)
			scanned, _ := d.ours.Body["ScannedCount"].(float64)
			if limit == 0 || int(scanned)%limit != 0 || pages != theirs+1 {
				return false
			}
			d.theirs.Body["pages"] = pages
			return true
		}},
		{peer: peer, reason: "a Scan that counts has the items, too (API, Scan, Select)", repair: func(d *dynamoDifference) bool {
			in, scans := d.step.input.(*sdk.ScanInput)
			if !scans || in.Select != types.SelectCount || d.theirs.Body["Items"] == nil {
				return false
			}
			delete(d.theirs.Body, "Items")
			return true
		}},
		{peer: peer, reason: "UPDATED_NEW of a new item has its key (API, UpdateItem, ReturnValues)", repair: func(d *dynamoDifference) bool {
			in, updates := d.step.input.(*sdk.UpdateItemInput)
			attributes, _ := d.theirs.Body["Attributes"].(map[string]any)
			if !updates || in.ReturnValues != types.ReturnValueUpdatedNew || attributes["space"] == nil {
				return false
			}
			attributes = maps.Clone(attributes)
			delete(attributes, "space")
			delete(attributes, "path")
			d.theirs.Body["Attributes"] = attributes
			return true
		}},
		removalMakes(peer),
		{peer: peer, reason: "NOT NOT ends in a traceback (the same page: NOT condition)", is: func(d dynamoDifference) bool {
			return d.theirs.Code == "500 without a word" && strings.Contains(show(d.step.input), "NOT NOT")
		}},
		{peer: peer, reason: "list_append of what is absent ends in a traceback", is: func(d dynamoDifference) bool {
			return d.theirs.Code == "500 without a word" && d.uses("list_append") &&
				d.ours.Message == "The provided expression refers to an attribute that does not exist in the item"
		}},
		{peer: peer, reason: "it says of an operand out of an item what AWS says of one out of the expression", is: func(d dynamoDifference) bool {
			return d.ours.Message == "An operand in the update expression has an incorrect data type" &&
				strings.HasPrefix(d.theirs.Message, "Invalid UpdateExpression: Incorrect operand type for operator or function;")
		}},
		{peer: peer, reason: "if_not_exists may not look into what is no list (DG, Using update expressions: if the path is not there)", is: func(d dynamoDifference) bool {
			return d.uses("if_not_exists") && d.uses("[]") && d.ours.Code == "" && d.theirs.Message == pathInvalid
		}},
		otherOrder(peer, "The provided expression refers to an attribute that does not exist in the item", pathInvalid),
		otherOrder(peer, "An operand in the update expression has an incorrect data type", pathInvalid),
	}
}

func limitOf(input any) int {
	switch in := input.(type) {
	case *sdk.QueryInput:
		return int(aws.ToInt32(in.Limit))
	case *sdk.ScanInput:
		return int(aws.ToInt32(in.Limit))
	default:
		return 0
	}
}
