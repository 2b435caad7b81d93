package conformance

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
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
	// repair takes the fault out of the peer's answer, and says whether it was
	// there.
	repair func(*dynamoDifference) bool
	// is says, where there is no repair, whether the fault is the difference.
	is   func(dynamoDifference) bool
	hits int
}

type dynamoFaults []*dynamoFault

func faultsOf(peer string) dynamoFaults {
	var faults dynamoFaults
	for _, f := range slices.Concat(dynaliteFaults(), motoDynamoFaults()) {
		if f.peer == peer {
			faults = append(faults, &f)
		}
	}
	return faults
}

// explain says whether known faults make the whole difference.
func (faults dynamoFaults) explain(d dynamoDifference) bool {
	d.ours.Body, d.theirs.Body = maps.Clone(d.ours.Body), maps.Clone(d.theirs.Body)
	var repaired dynamoFaults
	for _, f := range faults {
		if f.repair != nil && f.repair(&d) {
			repaired = append(repaired, f)
		}
	}
	if !d.same() {
		at := slices.IndexFunc(faults, func(f *dynamoFault) bool { return f.is != nil && f.is(d) })
		if at < 0 {
			return false
		}
		faults[at].hits++
	}
	for _, f := range repaired {
		f.hits++
	}
	return true
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

// otherOrder excuses that a peer names theirs, of two things wrong with one
// request, and we ours. Which comes first is not documented.
func otherOrder(peer, ours, theirs string) dynamoFault {
	return dynamoFault{
		peer: peer, reason: fmt.Sprintf("of two faults it names another first: %q, not %q", theirs, ours),
		is: func(d dynamoDifference) bool {
			return d.ours.Code == "400 ValidationException" && d.theirs.Code == d.ours.Code &&
				messageKind(d.ours.Message) == ours && messageKind(d.theirs.Message) == theirs
		},
	}
}

// messageKind is a message without the names and values in it.
func messageKind(message string) string {
	message = strings.TrimPrefix(message, "One or more parameter values were invalid: ")
	if head, rest, ok := strings.Cut(message, "Expression: "); ok && strings.HasPrefix(head, "Invalid ") {
		message = rest
	}
	if at := strings.IndexAny(message, ":;{"); at >= 0 {
		message = message[:at]
	}
	return message
}

// units are the CapacityUnits of an answer.
func (a dynamoAnswer) units() (units float64, told bool) {
	capacity, told := a.Body["ConsumedCapacity"].(map[string]any)
	units, _ = capacity["CapacityUnits"].(float64)
	return units, told
}

// charge puts other CapacityUnits in an answer that has some.
func (a *dynamoAnswer) charge(units float64) {
	before, told := a.units()
	if !told {
		return
	}
	capacity := maps.Clone(a.Body["ConsumedCapacity"].(map[string]any))
	if table, ok := capacity["Table"].(map[string]any); ok && table["CapacityUnits"] == before {
		capacity["Table"] = map[string]any{"CapacityUnits": units}
	}
	capacity["CapacityUnits"] = units
	a.Body["ConsumedCapacity"] = capacity
}

// uses says whether the step's expressions have one of the features.
func (d dynamoDifference) uses(features ...string) bool {
	return slices.ContainsFunc(features, func(f string) bool { return d.step.said[f] > 0 })
}

func consistent(input any) bool {
	in, scans := input.(*sdk.ScanInput)
	return scans && aws.ToBool(in.ConsistentRead)
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
func dynamoFeatures(peer string) []string {
	features := strings.Fields(`= <> < <= > >= BETWEEN IN AND OR NOT attribute_exists attribute_not_exists
		attribute_type begins_with contains size SET REMOVE ADD DELETE + - if_not_exists list_append # . [] projection
		ALL_OLD ALL_NEW UPDATED_OLD UPDATED_NEW NONE TOTAL INDEXES COUNT ALL_ATTRIBUTES SPECIFIC_ATTRIBUTES Limit ScanIndexForward`)
	for operation := range claimedOperations() {
		features = append(features, "*dynamodb."+operation+"Input")
	}
	if peer == "moto" {
		features = append(features, "path on the right")
	}
	return append(features, "key condition")
}
