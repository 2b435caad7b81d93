package conformance

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// dynamoStep is one operation, and what its expressions had in them.
type dynamoStep struct {
	table string
	key   dynamoItem // of the item that it may change, or nil
	input any
	said  map[string]int
}

// given makes an optional parameter: left out mostly, or one of some.
func given[T ~string](p *phrases, from ...T) T {
	if !p.oneIn(3) {
		return ""
	}
	chosen := pick(p.dice, from...)
	p.say(string(chosen))
	return chosen
}

func (p *phrases) capacity() types.ReturnConsumedCapacity {
	return given(p, types.ReturnConsumedCapacityTotal, types.ReturnConsumedCapacityIndexes, types.ReturnConsumedCapacityNone)
}

func (p *phrases) onFailure() types.ReturnValuesOnConditionCheckFailure {
	return given(p, types.ReturnValuesOnConditionCheckFailureAllOld, types.ReturnValuesOnConditionCheckFailureNone)
}

// old throws the ReturnValues of what knows no new values, seldom wrong.
func (p *phrases) old(wrong types.ReturnValue) types.ReturnValue {
	if p.slip(12) {
		return wrong
	}
	return given(p, types.ReturnValueAllOld, types.ReturnValueAllOld, types.ReturnValueNone)
}

// maybe throws an expression in one of some requests.
func (p *phrases) maybe(n int, expression func() string) *string {
	if !p.oneIn(n) {
		return nil
	}
	return aws.String(expression())
}

func (p *phrases) aCondition() string { return p.condition(2) }

// step throws one operation.
func (d dice) step() dynamoStep {
	*d.spoilt = false
	table := pick(d, "catalog", "catalog", "catalog", "ranks", "blobs", "single")
	p := d.phrases(table)
	s := dynamoStep{table: table, said: p.said}
	switch n := d.IntN(100); {
	case n < 25:
		s.key, s.input = p.put()
	case n < 60:
		s.key, s.input = p.updateItem()
	case n < 68:
		s.key, s.input = p.delete()
	case n < 78:
		s.input = p.get()
	case n < 90:
		s.input = p.query()
	case n < 97:
		s.input = p.scan()
	case n < 98:
		s.input = &sdk.DescribeTableInput{TableName: aws.String(pick(d, table, table, "nowhere"))}
	default:
		in := &sdk.ListTablesInput{}
		if d.oneIn(2) {
			in.Limit = aws.Int32(int32(pick(d, 1, 2, 4, 100)))
			if d.slip(4) {
				in.Limit = aws.Int32(int32(pick(d, 0, 101)))
			}
		}
		if d.oneIn(2) {
			in.ExclusiveStartTableName = aws.String(pick(d, "blobs", "catalog", "single"))
			if d.slip(4) {
				in.ExclusiveStartTableName = aws.String("nowhere")
			}
		}
		s.input = in
	}
	return s
}

func (p *phrases) put() (key dynamoItem, input any) {
	in := &sdk.PutItemInput{
		TableName: &p.table, Item: p.item(p.table), ConditionExpression: p.maybe(2, p.aCondition),
		ReturnValues:                        p.old(types.ReturnValueAllNew),
		ReturnValuesOnConditionCheckFailure: p.onFailure(), ReturnConsumedCapacity: p.capacity(),
	}
	p.spoil(in.ConditionExpression)
	in.ExpressionAttributeNames, in.ExpressionAttributeValues = p.names, p.values
	key = dynamoItem{}
	for _, name := range []string{"space", "path"} {
		if v, ok := in.Item[name]; ok && (name == "space" || p.table != "single") {
			key[name] = v
		}
	}
	return key, in
}

func (p *phrases) updateItem() (key dynamoItem, input any) {
	in := &sdk.UpdateItemInput{
		TableName: &p.table, Key: p.key(p.table), ConditionExpression: p.maybe(3, p.aCondition),
		ReturnValues: given(p, types.ReturnValueAllOld, types.ReturnValueAllNew, types.ReturnValueUpdatedOld,
			types.ReturnValueUpdatedNew, types.ReturnValueNone),
		ReturnValuesOnConditionCheckFailure: p.onFailure(), ReturnConsumedCapacity: p.capacity(),
	}
	if !p.slip(20) {
		in.UpdateExpression = aws.String(p.update())
	}
	p.spoil(in.UpdateExpression, in.ConditionExpression)
	in.ExpressionAttributeNames, in.ExpressionAttributeValues = p.names, p.values
	return in.Key, in
}

func (p *phrases) delete() (key dynamoItem, input any) {
	in := &sdk.DeleteItemInput{
		TableName: &p.table, Key: p.key(p.table), ConditionExpression: p.maybe(2, p.aCondition),
		ReturnValues:                        p.old(types.ReturnValueUpdatedNew),
		ReturnValuesOnConditionCheckFailure: p.onFailure(), ReturnConsumedCapacity: p.capacity(),
	}
	p.spoil(in.ConditionExpression)
	in.ExpressionAttributeNames, in.ExpressionAttributeValues = p.names, p.values
	return in.Key, in
}

func (p *phrases) get() any {
	in := &sdk.GetItemInput{
		TableName: &p.table, Key: p.key(p.table), ProjectionExpression: p.maybe(2, p.projection),
		ConsistentRead: aws.Bool(p.oneIn(2)), ReturnConsumedCapacity: p.capacity(),
	}
	p.spoil(in.ProjectionExpression)
	in.ExpressionAttributeNames = p.names
	return in
}

// keyCondition throws a condition on a partition and mostly on the sort key.
func (p *phrases) keyCondition() string {
	text := p.name("space") + " = " + p.value(p.keyValue(p.table, "space"))
	if p.slip(40) {
		text = p.condition(0)
	}
	if p.oneIn(3) || p.table == "single" && !p.slip(10) {
		return text
	}
	sort := p.name("path")
	v := func() string { return p.value(p.keyValue(p.table, "path")) }
	operator := pick(p.dice, "=", "<", "<=", ">", ">=", ">=", "BETWEEN", "begins_with", "mirrored")
	switch {
	case p.slip(12):
		operator = "<>"
	case p.plain && (operator == "mirrored" || operator == "begins_with" && p.table == "ranks"):
		operator = "="
	}
	switch operator {
	case "BETWEEN":
		low, high := p.inOrder(v(), v())
		sort += " " + p.say("BETWEEN") + " " + low + " AND " + high
	case "begins_with":
		sort = p.say("begins_with") + "( " + sort + " , " + v() + " )"
	case "mirrored":
		sort = v() + " < " + sort
	default:
		sort += " " + operator + " " + v()
	}
	p.say("key condition")
	if p.oneIn(4) && (!p.plain || operator != "begins_with" && operator != "BETWEEN") {
		return sort + " AND " + text
	}
	return text + " AND " + sort
}

func (p *phrases) limit() *int32 {
	if !p.oneIn(3) {
		return nil
	}
	p.say("Limit")
	if p.bad(6) {
		return aws.Int32(0)
	}
	return aws.Int32(int32(pick(p.dice, 1, 2, 3, 3, 100)))
}

// selected mostly goes with the projection that is there or not.
func (p *phrases) selected(projected bool) types.Select {
	if projected && !p.slip(20) {
		return given(p, types.SelectSpecificAttributes)
	}
	return given(p, types.SelectCount, types.SelectAllAttributes)
}

func (p *phrases) query() any {
	in := &sdk.QueryInput{
		TableName: &p.table, KeyConditionExpression: aws.String(p.keyCondition()),
		FilterExpression: p.maybe(3, p.aCondition), ProjectionExpression: p.maybe(4, p.projection),
		Limit:          p.limit(),
		ConsistentRead: aws.Bool(p.oneIn(2)), ReturnConsumedCapacity: p.capacity(),
	}
	in.Select = p.selected(in.ProjectionExpression != nil)
	if p.oneIn(2) {
		in.ScanIndexForward = aws.Bool(p.oneIn(3))
		p.say("ScanIndexForward")
	}
	if p.slip(15) {
		in.ExclusiveStartKey = p.key(p.table)
	}
	p.spoil(in.KeyConditionExpression, in.FilterExpression)
	in.ExpressionAttributeNames, in.ExpressionAttributeValues = p.names, p.values
	return in
}

func (p *phrases) scan() any {
	in := &sdk.ScanInput{
		TableName: &p.table, FilterExpression: p.maybe(2, p.aCondition), ProjectionExpression: p.maybe(3, p.projection),
		Limit:          p.limit(),
		ConsistentRead: aws.Bool(p.oneIn(2)),
	}
	in.Select = p.selected(in.ProjectionExpression != nil)
	if in.Limit == nil { // else each has pages of its own, and they sum up otherwise
		in.ReturnConsumedCapacity = p.capacity()
	}
	if p.bad(20) {
		in.Segment, in.TotalSegments = aws.Int32(2), pick(p.dice, aws.Int32(2), aws.Int32(0), nil)
	}
	p.spoil(in.FilterExpression, in.ProjectionExpression)
	in.ExpressionAttributeNames, in.ExpressionAttributeValues = p.names, p.values
	return in
}

// edges are conditions that random values seldom meet: equal bounds, and paths
// on the right that lead to the same. The item goes as it came.
func (d dice) edges() []dynamoStep {
	table := "catalog"
	n := func(text string) types.AttributeValue { return &types.AttributeValueMemberN{Value: text} }
	key := dynamoItem{"space": &types.AttributeValueMemberS{Value: "edges"}, "path": &types.AttributeValueMemberS{Value: "edge"}}
	item := dynamoItem{"space": key["space"], "path": key["path"], "n": n("2"), "num": n("2"), "other": n("3")}
	conditions := []string{
		"n BETWEEN :one AND :two", "n BETWEEN :two AND :three", "n BETWEEN :two AND :two", "n IN (:one, :two)",
		"n >= :two", "n <= :two", "NOT n > :two", "NOT n < :two",
	}
	if !d.literal {
		conditions = append(conditions, "n IN (#other, num)", "NOT n IN (#other, :three)", "n = num", "n <= num", "n < #other", "NOT n <> num")
	}
	steps := []dynamoStep{{table: table, key: key, input: &sdk.PutItemInput{TableName: &table, Item: item}}}
	for _, c := range conditions {
		in := &sdk.PutItemInput{TableName: &table, Item: item, ConditionExpression: &c}
		for name, v := range (dynamoItem{":one": n("1"), ":two": n("2"), ":three": n("3")}) {
			if strings.Contains(c, name) {
				if in.ExpressionAttributeValues == nil {
					in.ExpressionAttributeValues = dynamoItem{}
				}
				in.ExpressionAttributeValues[name] = v
			}
		}
		if strings.Contains(c, "#other") {
			in.ExpressionAttributeNames = map[string]string{"#other": "other"}
		}
		steps = append(steps, dynamoStep{table: table, key: key, input: in})
	}
	return append(steps, dynamoStep{table: table, key: key, input: &sdk.DeleteItemInput{TableName: &table, Key: key}})
}
