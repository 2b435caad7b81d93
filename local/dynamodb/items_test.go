package dynamodb

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestEveryKindComesBack(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	want := entryKey("u/alice", "é𝄞 & <b>")
	want["s"], want["empty"] = str("text"), str("")
	want["n"] = num("-1.5")
	want["b"], want["none"] = bin("\x00\xff"), bin("")
	want["bool"] = &types.AttributeValueMemberBOOL{Value: false}
	want["null"] = &types.AttributeValueMemberNULL{Value: true}
	want["ss"] = &types.AttributeValueMemberSS{Value: []string{"a", ""}}
	want["ns"] = &types.AttributeValueMemberNS{Value: []string{"1", "2.5"}}
	want["bs"] = &types.AttributeValueMemberBS{Value: [][]byte{{0}, {1}}}
	want["l"] = &types.AttributeValueMemberL{Value: []types.AttributeValue{str("x"), &types.AttributeValueMemberL{Value: []types.AttributeValue{}}}}
	want["m"] = &types.AttributeValueMemberM{Value: attributes{"": num("1"), "deep": &types.AttributeValueMemberM{Value: attributes{}}}}
	f.put(t, testTable, want)
	got := f.get(t, attributes{"space": want["space"], "path": want["path"]})
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(
		types.AttributeValueMemberS{}, types.AttributeValueMemberN{}, types.AttributeValueMemberB{}, types.AttributeValueMemberBOOL{}, types.AttributeValueMemberNULL{},
		types.AttributeValueMemberSS{}, types.AttributeValueMemberNS{}, types.AttributeValueMemberBS{}, types.AttributeValueMemberL{}, types.AttributeValueMemberM{})); diff != "" {
		t.Errorf("what came back (-want +got):\n%s", diff)
	}
	if got := f.get(t, entryKey("u/alice", "gone")); got != nil {
		t.Errorf("an item that is not there = %v, want none", got)
	}
}

func TestRefusedItems(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	nested := strings.Repeat(`{"L":[`, 32) + `{"S":""}` + strings.Repeat(`]}`, 32)
	tests := map[string]struct{ attributes, want string }{
		"no sort key":    {`"space":{"S":"s"}`, "One or more parameter values were invalid: Missing the key path in the item"},
		"wrong key type": {`"space":{"S":"s"},"path":{"N":"1"}`, "One or more parameter values were invalid: Type mismatch for key path expected: S actual: N"},
		"empty key":      {`"space":{"S":""},"path":{"S":"p"}`, "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: space"},
		"long partition": {`"space":{"S":"` + strings.Repeat("s", 2049) + `"},"path":{"S":"p"}`, "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes"},
		"long path":      {`"space":{"S":"s"},"path":{"S":"` + strings.Repeat("p", 1025) + `"}`, "One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of 1024 bytes"},
		"empty value":    {`"a":{}`, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"},
		"unknown kind":   {`"a":{"X":"1"}`, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"},
		"two kinds":      {`"a":{"S":"","N":"1"}`, "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"},
		"false null":     {`"a":{"NULL":false}`, "One or more parameter values were invalid: Null attribute value types must have the value of true"},
		"empty set":      {`"a":{"SS":[]}`, "One or more parameter values were invalid: An string set  may not be empty"},
		"empty NS":       {`"a":{"NS":[]}`, "One or more parameter values were invalid: An number set  may not be empty"},
		"empty BS":       {`"a":{"BS":[]}`, "One or more parameter values were invalid: Binary sets should not be empty"},
		"doubled string": {`"a":{"SS":["x","y","x"]}`, "One or more parameter values were invalid: Input collection [x, y, x] contains duplicates."},
		"doubled number": {`"a":{"NS":["1","1.0"]}`, "Input collection contains duplicates"},
		"doubled binary": {`"a":{"BS":["Yg==","Yg=="]}`, "One or more parameter values were invalid: Input collection [Yg==, Yg==]of type BS contains duplicates."},
		"no number":      {`"a":{"N":"x"}`, "The parameter cannot be converted to a numeric value: x"},
		"too deep":       {`"a":` + nested, "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"},
		"too large":      {`"space":{"S":"s"},"path":{"S":"p"},"a":{"S":"` + strings.Repeat("x", 400<<10) + `"}`, "Item size has exceeded the maximum allowed size"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := f.post(t, "PutItem", `{"TableName":"catalog","Item":{`+test.attributes+`}}`)
			raw, err := marshal(test.want)
			if err != nil {
				t.Fatalf("marshal: %v", err)
			}
			if want := `{"__type":"com.amazon.coral.validate#ValidationException","message":` + string(raw) + `}`; w.Code != 400 || w.Body.String() != want {
				t.Errorf("PutItem = %d %s, want 400 %s", w.Code, w.Body, want)
			}
		})
	}
	fits := `{"TableName":"catalog","Item":{"space":{"S":"s"},"path":{"S":"p"},"a":` + strings.Repeat(`{"L":[`, 31) + `{"S":""}` + strings.Repeat(`]}`, 31) + `}}`
	if w := f.post(t, "PutItem", fits); w.Code != 200 {
		t.Errorf("PutItem of 32 levels = %d %s, want 200", w.Code, w.Body)
	}
	exact := 400<<10 - len("spacespathpa")
	for size, want := range map[int]int{exact: 200, exact + 1: 400} {
		body := `{"TableName":"catalog","Item":{"space":{"S":"s"},"path":{"S":"p"},"a":{"S":"` + strings.Repeat("x", size) + `"}}}`
		if w := f.post(t, "PutItem", body); w.Code != want {
			t.Errorf("PutItem of %d bytes = %d, want %d", size, w.Code, want)
		}
	}
}

// The catalog's own write: applied where nothing newer is stored.
func TestConditionalPut(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	put := func(sequencer string, more ...func(*dynamodb.PutItemInput)) error {
		it := entryKey("u/alice", "hello.txt")
		it["sequencer"] = str(sequencer)
		in := &dynamodb.PutItemInput{
			TableName: aws.String(testTable), Item: it,
			ConditionExpression:       aws.String("attribute_not_exists(#s) OR #s < :s"),
			ExpressionAttributeNames:  map[string]string{"#s": "sequencer"},
			ExpressionAttributeValues: attributes{":s": str(sequencer)},
		}
		for _, m := range more {
			m(in)
		}
		_, err := f.client.PutItem(t.Context(), in)
		return err
	}
	if err := put("02"); err != nil {
		t.Errorf("the first event: %v", err)
	}
	var failed *types.ConditionalCheckFailedException
	for _, sequencer := range []string{"02", "01"} {
		if err := put(sequencer); !errors.As(err, &failed) || *failed.Message != "The conditional request failed" || failed.Item != nil {
			t.Errorf("event %s again: %v, want a ConditionalCheckFailedException without an item", sequencer, err)
		}
	}
	err := put("01", func(in *dynamodb.PutItemInput) {
		in.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	})
	if !errors.As(err, &failed) || failed.Item["sequencer"].(*types.AttributeValueMemberS).Value != "02" {
		t.Errorf("event 01 asking for the item: %v, want the item with sequencer 02", err)
	}
	if err := put("03"); err != nil {
		t.Errorf("a newer event: %v", err)
	}
}

func TestOneOfManyWins(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const racers = 64
	var wg sync.WaitGroup
	errs := make([]error, racers)
	for i := range racers {
		wg.Go(func() {
			it := entryKey("race", "prize")
			it["winner"] = num(fmt.Sprint(i))
			_, errs[i] = f.client.PutItem(t.Context(), &dynamodb.PutItemInput{
				TableName: aws.String(testTable), Item: it,
				ConditionExpression: aws.String("attribute_not_exists(winner)"),
			})
		})
		wg.Go(func() {
			_, err := f.client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
				TableName: aws.String(testTable), Key: entryKey("race", "counter"),
				UpdateExpression: aws.String("ADD laps :one"), ExpressionAttributeValues: attributes{":one": num("1")},
			})
			if err != nil {
				t.Errorf("UpdateItem: %v", err)
			}
		})
	}
	wg.Wait()
	winners := []int{}
	for i, err := range errs {
		var failed *types.ConditionalCheckFailedException
		switch {
		case err == nil:
			winners = append(winners, i)
		case !errors.As(err, &failed):
			t.Errorf("PutItem: %v", err)
		}
	}
	stored := f.get(t, entryKey("race", "prize"))["winner"].(*types.AttributeValueMemberN).Value
	if len(winners) != 1 || stored != fmt.Sprint(winners[0]) {
		t.Errorf("%v won and %s is stored, want exactly one", winners, stored)
	}
	if laps := f.get(t, entryKey("race", "counter"))["laps"].(*types.AttributeValueMemberN).Value; laps != fmt.Sprint(racers) {
		t.Errorf("the counter is at %s, want %d", laps, racers)
	}
}

// exchange is a request and the whole of its answer, or the message of the ValidationException it is.
type exchange struct{ operation, body, want string }

func (f *fixture) play(t *testing.T, exchanges []exchange) {
	t.Helper()
	for _, e := range exchanges {
		w := f.post(t, e.operation, e.body)
		want := e.want
		if !strings.HasPrefix(want, "{") {
			raw, err := marshal(want)
			if err != nil {
				t.Fatalf("marshal: %v", err)
			}
			want = `{"__type":"com.amazon.coral.validate#ValidationException","message":` + string(raw) + `}`
		}
		if got := w.Body.String(); got != want {
			t.Errorf("%s(%s) = %d\n%s, want\n%s", e.operation, e.body, w.Code, got, want)
		}
	}
}

func TestWrites(t *testing.T) {
	t.Parallel()
	const (
		key    = `"TableName":"catalog","Key":{"space":{"S":"s"},"path":{"S":"p"}}`
		stored = `"path":{"S":"p"},"space":{"S":"s"}`
		failed = `{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed"}`
	)
	newFixture(t).play(t, []exchange{
		{"GetItem", `{` + key + `}`, `{}`},
		{"GetItem", `{` + key + `,"ReturnConsumedCapacity":"TOTAL"}`, `{"ConsumedCapacity":{"CapacityUnits":0.5,"TableName":"catalog"}}`},
		// Taking away makes no item; anything else does.
		{"UpdateItem", `{` + key + `,"UpdateExpression":"REMOVE a"}`, `{}`},
		{"GetItem", `{` + key + `}`, `{}`},
		{"UpdateItem", `{` + key + `}`, `{}`},
		{"GetItem", `{` + key + `}`, `{"Item":{` + stored + `}}`},
		{
			"UpdateItem", `{` + key + `,"UpdateExpression":"SET a = :a, m = :m","ExpressionAttributeValues":{":a":{"N":"1.0"},":m":{"M":{"x":{"S":"1"},"y":{"S":"2"}}}},"ReturnValues":"ALL_NEW"}`,
			`{"Attributes":{"a":{"N":"1"},"m":{"M":{"x":{"S":"1"},"y":{"S":"2"}}},` + stored + `}}`,
		},
		{"UpdateItem", `{` + key + `,"UpdateExpression":"SET a = a + :a","ExpressionAttributeValues":{":a":{"N":"1"}},"ReturnValues":"UPDATED_OLD"}`, `{"Attributes":{"a":{"N":"1"}}}`},
		{"UpdateItem", `{` + key + `,"UpdateExpression":"SET m.x = :a REMOVE a","ExpressionAttributeValues":{":a":{"N":"1"}},"ReturnValues":"UPDATED_NEW"}`, `{"Attributes":{"m":{"M":{"x":{"N":"1"}}}}}`},
		{"UpdateItem", `{` + key + `,"ReturnValues":"UPDATED_NEW"}`, `{}`},
		{"UpdateItem", `{` + key + `,"UpdateExpression":"REMOVE m","ReturnValues":"ALL_OLD"}`, `{"Attributes":{"m":{"M":{"x":{"N":"1"},"y":{"S":"2"}}},` + stored + `}}`},
		{"UpdateItem", `{` + key + `,"UpdateExpression":"SET a = :a","ConditionExpression":"attribute_exists(a)","ExpressionAttributeValues":{":a":{"N":"1"}}}`, failed},
		{"UpdateItem", `{` + key + `,"UpdateExpression":"SET a = b"}`, "The provided expression refers to an attribute that does not exist in the item"},
		{
			"UpdateItem", `{` + key + `,"UpdateExpression":"SET #p = :a","ExpressionAttributeNames":{"#p":"path"},"ExpressionAttributeValues":{":a":{"S":"q"}}}`,
			"One or more parameter values were invalid: Cannot update attribute path. This attribute is part of the key",
		},
		{
			"UpdateItem", `{` + key + `,"UpdateExpression":"REMOVE #p.x","ExpressionAttributeNames":{"#p":"path"}}`,
			"Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: path",
		},
		{
			"DeleteItem", `{` + key + `,"ConditionExpression":"#p[0] = :a","ExpressionAttributeNames":{"#p":"path"},"ExpressionAttributeValues":{":a":{"S":"q"}}}`,
			"Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: path",
		},
		{
			"PutItem", `{"TableName":"catalog","Item":{` + stored + `,"z":{"S":"1"}},"ReturnValues":"ALL_OLD","ReturnConsumedCapacity":"INDEXES","ReturnItemCollectionMetrics":"SIZE"}`,
			`{"Attributes":{` + stored + `},"ConsumedCapacity":{"CapacityUnits":1,"Table":{"CapacityUnits":1},"TableName":"catalog"}}`,
		},
		{"PutItem", `{"TableName":"catalog","Item":{` + stored + `},"ReturnValues":"ALL_NEW"}`, "ReturnValues can only be ALL_OLD or NONE"},
		{"DeleteItem", `{` + key + `,"ReturnValues":"UPDATED_OLD"}`, "ReturnValues can only be ALL_OLD or NONE"},
		{
			"DeleteItem", `{` + key + `,"ConditionExpression":"z = :z","ExpressionAttributeValues":{":z":{"S":"2"}},"ReturnValuesOnConditionCheckFailure":"ALL_OLD"}`,
			`{"Item":{` + stored + `,"z":{"S":"1"}},"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed"}`,
		},
		{"DeleteItem", `{` + key + `,"ConditionExpression":"z = :z","ExpressionAttributeValues":{":z":{"S":"1"}},"ReturnValues":"ALL_OLD"}`, `{"Attributes":{` + stored + `,"z":{"S":"1"}}}`},
		{"DeleteItem", `{` + key + `,"ReturnValues":"ALL_OLD"}`, `{}`},
		{"GetItem", `{` + key + `}`, `{}`},
		{"GetItem", `{"TableName":"catalog","Key":{"space":{"S":"s"}}}`, "The provided key element does not match the schema"},
		{"GetItem", `{"TableName":"catalog","Key":{"space":{"S":"s"},"path":{"N":"1"}}}`, "The provided key element does not match the schema"},
		{
			"GetItem", `{"TableName":"catalog","Key":{"space":{"S":"s"},"path":{"S":""}}}`,
			"One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: path",
		},
		{
			"GetItem", `{"TableName":"single","Key":{"id":{"B":""}}}`,
			"One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty binary value. Key: id",
		},
	})
}

func TestPlaceholders(t *testing.T) {
	t.Parallel()
	const key = `"TableName":"catalog","Key":{"space":{"S":"s"},"path":{"S":"p"}}`
	newFixture(t).play(t, []exchange{
		{"DeleteItem", `{` + key + `,"ExpressionAttributeNames":{"#a":"a"}}`, "ExpressionAttributeNames can only be specified when using expressions"},
		{"DeleteItem", `{` + key + `,"ExpressionAttributeValues":{":a":{"S":"a"}}}`, "ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null"},
		{"UpdateItem", `{` + key + `,"ExpressionAttributeValues":{":a":{"S":"a"}}}`, "ExpressionAttributeValues can only be specified when using expressions: UpdateExpression and ConditionExpression are null"},
		{"DeleteItem", `{` + key + `,"ConditionExpression":"a = :a","ExpressionAttributeNames":{}}`, "ExpressionAttributeNames must not be empty"},
		{"DeleteItem", `{` + key + `,"ConditionExpression":"a = :a","ExpressionAttributeNames":{"a":"a"}}`, `ExpressionAttributeNames contains invalid key: Syntax error; key: "a"`},
		{"DeleteItem", `{` + key + `,"ConditionExpression":"a = :a","ExpressionAttributeValues":{}}`, "ExpressionAttributeValues must not be empty"},
		{"DeleteItem", `{` + key + `,"ConditionExpression":"a = :a","ExpressionAttributeValues":{":":{"S":"a"}}}`, `ExpressionAttributeValues contains invalid key: Syntax error; key: ":"`},
		{
			"DeleteItem", `{` + key + `,"ConditionExpression":"a = :a","ExpressionAttributeValues":{":a":{"N":"a"}}}`,
			"ExpressionAttributeValues contains invalid value: The parameter cannot be converted to a numeric value: a for key :a",
		},
		{
			"DeleteItem", `{` + key + `,"ConditionExpression":"a = :a","ExpressionAttributeValues":{":a":{"S":"a"},":c":{"S":"a"},":b":{"S":"a"}}}`,
			"Value provided in ExpressionAttributeValues unused in expressions: keys: {:b, :c}",
		},
		{"GetItem", `{` + key + `,"ProjectionExpression":"a","ExpressionAttributeNames":{"#a":"a"}}`, "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a}"},
		{
			"DeleteItem", `{` + key + `,"ConditionExpression":"path = :a","ExpressionAttributeValues":{":a":{"S":"a"}}}`,
			"Invalid ConditionExpression: Attribute name is a reserved keyword; reserved keyword: path",
		},
		{"UpdateItem", `{` + key + `,"UpdateExpression":""}`, "Invalid UpdateExpression: The expression can not be empty;"},
	})
}
