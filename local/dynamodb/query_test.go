package dynamodb

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// show lists one attribute of items, whatever kind it has.
func show(items []attributes, name string) string {
	var texts []string
	for _, it := range items {
		switch v := it[name].(type) {
		case *types.AttributeValueMemberS:
			texts = append(texts, v.Value)
		case *types.AttributeValueMemberN:
			texts = append(texts, v.Value)
		case *types.AttributeValueMemberB:
			texts = append(texts, fmt.Sprintf("%x", v.Value))
		}
	}
	return strings.Join(texts, " ")
}

func TestQueryByPath(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, path := range []string{"b/2", "a/1", "b/10", "b", "b/1", "ü", "b0", "c"} {
		f.put(t, testTable, entryKey("u/alice", path))
	}
	f.put(t, testTable, entryKey("u/alice2", "b/9"))
	f.put(t, testTable, entryKey("u/alic", "e"))
	tests := []struct {
		condition string
		values    attributes
		want      string
	}{
		{"#space = :s", nil, "a/1 b b/1 b/10 b/2 b0 c ü"},
		{"#space = :s AND begins_with(#path, :a)", attributes{":a": str("b/")}, "b/1 b/10 b/2"},
		{"begins_with(#path, :a) AND #space = :s", attributes{":a": str("b/1")}, "b/1 b/10"},
		{"#space = :s AND begins_with(#path, :a)", attributes{":a": str("z")}, ""},
		{"#space = :s AND #path = :a", attributes{":a": str("b/1")}, "b/1"},
		{"#space = :s AND #path < :a", attributes{":a": str("b/1")}, "a/1 b"},
		{"#space = :s AND #path <= :a", attributes{":a": str("b/1")}, "a/1 b b/1"},
		{"#space = :s AND #path > :a", attributes{":a": str("b/2")}, "b0 c ü"},
		{"#space = :s AND #path >= :a", attributes{":a": str("b/2")}, "b/2 b0 c ü"},
		{"#space = :s AND :a > #path", attributes{":a": str("b/1")}, "a/1 b"},
		{":s = #space AND :a <= #path", attributes{":a": str("b0")}, "b0 c ü"},
		{"(#space = :s) AND (#path BETWEEN :a AND :b)", attributes{":a": str("b"), ":b": str("b/10")}, "b b/1 b/10"},
	}
	for _, test := range tests {
		values := attributes{":s": str("u/alice")}
		for name, v := range test.values {
			values[name] = v
		}
		names := map[string]string{"#space": "space"}
		if strings.Contains(test.condition, "#path") {
			names["#path"] = "path"
		}
		in := &dynamodb.QueryInput{
			TableName: aws.String(testTable), KeyConditionExpression: &test.condition,
			ExpressionAttributeNames: names, ExpressionAttributeValues: values,
		}
		out, err := f.client.Query(t.Context(), in)
		if err != nil {
			t.Errorf("Query(%s): %v", test.condition, err)
			continue
		}
		if got := show(out.Items, "path"); got != test.want || int(out.Count) != len(out.Items) || out.LastEvaluatedKey != nil {
			t.Errorf("Query(%s) = %q (count %d, last %v), want %q", test.condition, got, out.Count, out.LastEvaluatedKey, test.want)
		}
		// Page by page, forwards and backwards, the same comes out.
		want := strings.Fields(test.want)
		for _, forward := range []bool{true, false} {
			in.ScanIndexForward, in.Limit = aws.Bool(forward), aws.Int32(2)
			var paths []string
			pages := dynamodb.NewQueryPaginator(f.client, in)
			for pages.HasMorePages() {
				page, err := pages.NextPage(t.Context())
				if err != nil {
					t.Fatalf("Query(%s), a page: %v", test.condition, err)
				}
				if len(page.Items) > 2 {
					t.Errorf("Query(%s) gives %d items, over its Limit", test.condition, len(page.Items))
				}
				paths = append(paths, strings.Fields(show(page.Items, "path"))...)
			}
			if !slices.Equal(paths, want) {
				t.Errorf("Query(%s), page by page, forward %v = %q, want %q", test.condition, forward, paths, want)
			}
			slices.Reverse(want)
		}
	}
}

func TestQueryOtherKeys(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, rank := range []string{"10", "-1", "9", "0", "0.5", "-10", "1e2"} {
		f.put(t, "sorted-N", attributes{"id": num("1.0"), "rank": num(rank)})
	}
	for _, rank := range []string{"\x80", "\x7f", "\xff\x00", "\xff", "\x00"} {
		f.put(t, "sorted-B", attributes{"id": num("1"), "rank": bin(rank)})
	}
	f.put(t, "single", attributes{"id": bin("\x00")})
	f.put(t, "single", attributes{"id": bin("\x00\x01")})
	tests := []struct {
		table, condition string
		values           attributes
		attribute, want  string
	}{
		{"sorted-N", "id = :id", attributes{":id": num("1")}, "rank", "-10 -1 0 0.5 9 10 100"},
		{"sorted-N", "id = :id AND #r > :r", attributes{":id": num("1"), ":r": num("-1.00")}, "rank", "0 0.5 9 10 100"},
		{"sorted-N", "id = :id AND #r BETWEEN :r AND :q", attributes{":id": num("1"), ":r": num("-5"), ":q": num("9")}, "rank", "-1 0 0.5 9"},
		{"sorted-B", "id = :id", attributes{":id": num("1")}, "rank", "00 7f 80 ff ff00"},
		{"sorted-B", "id = :id AND begins_with(#r, :r)", attributes{":id": num("1"), ":r": bin("\xff")}, "rank", "ff ff00"},
		{"single", "id = :id", attributes{":id": bin("\x00")}, "id", "00"},
	}
	for _, test := range tests {
		in := &dynamodb.QueryInput{TableName: &test.table, KeyConditionExpression: &test.condition, ExpressionAttributeValues: test.values}
		if strings.Contains(test.condition, "#r") {
			in.ExpressionAttributeNames = map[string]string{"#r": "rank"}
		}
		out, err := f.client.Query(t.Context(), in)
		if err != nil {
			t.Errorf("Query(%s, %s): %v", test.table, test.condition, err)
			continue
		}
		if got := show(out.Items, test.attribute); got != test.want {
			t.Errorf("Query(%s, %s) = %q, want %q", test.table, test.condition, got, test.want)
		}
	}
}

func TestRefusedQueries(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const values = `,"ExpressionAttributeValues":{":s":{"S":"s"},":p":{"S":"p"},":q":{"S":"q"},":n":{"N":"1"},":e":{"S":""}}`
	const names = `,"ExpressionAttributeNames":{"#s":"space","#p":"path"}`
	// All placeholders are used by a filter that says nothing.
	const filter = `,"FilterExpression":"NOT a IN (:s, :p, :q, :n, :e)"`
	tests := map[string]string{
		"#s = :s OR #p = :p":                "Invalid operator used in KeyConditionExpression: OR",
		"NOT #s = :s AND #p = :p":           "Invalid operator used in KeyConditionExpression: NOT",
		"#s IN (:s) AND #p = :p":            "Invalid operator used in KeyConditionExpression: IN",
		"#s <> :s AND #p = :p":              "Invalid operator used in KeyConditionExpression: <>",
		"#s = :s AND attribute_exists(#p)":  "Invalid operator used in KeyConditionExpression: attribute_exists",
		"#s = :s AND contains(#p, :p)":      "Invalid operator used in KeyConditionExpression: contains",
		"#s = :s AND size(#p) = :n":         "KeyConditionExpressions cannot contain nested operations",
		"#s = #p":                           "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition",
		"#s.x = :s AND #p = :p":             "KeyConditionExpressions cannot have conditions on nested attributes",
		":s = :p AND #s = :s AND #p = :p":   "Invalid condition in KeyConditionExpression: No key attribute specified",
		"#s = :s AND #s = :p AND #p = :p":   "KeyConditionExpressions must only contain one condition per key",
		"#s = :s AND begins_with(:p, #p)":   "Invalid condition in KeyConditionExpression: begins_with operator must have the key attribute as its first operand",
		"#s = :s AND :p BETWEEN #p AND :q":  "Invalid condition in KeyConditionExpression: BETWEEN operator must have the key attribute as its first operand",
		"#s = :s AND #p = :p AND a = :q":    "Conditions can be of length 1 or 2 only",
		"#p = :p AND NOT #s = :s":           "Invalid operator used in KeyConditionExpression: NOT",
		"#p = :p AND b = :s AND #s = :s":    "Conditions can be of length 1 or 2 only",
		"#p = :p AND begins_with(#s, :s)":   "Query key condition not supported",
		"#p = :p AND #s > :s":               "Query key condition not supported",
		"#s = :n AND #p = :p":               "One or more parameter values were invalid: Condition parameter type does not match schema type",
		"#s = :s AND #p > :n":               "One or more parameter values were invalid: Condition parameter type does not match schema type",
		"#s = :s AND #p = :e":               "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: path",
		"#s = :s AND begins_with(#p, :e)":   "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: path",
		"#s = :s AND #p BETWEEN :q AND :p":  "Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {S:q}, upper bound operand: AttributeValue: {S:p}",
		"#s = :s AND path = :p AND #p = :p": "Invalid KeyConditionExpression: Attribute name is a reserved keyword; reserved keyword: path",
	}
	var exchanges []exchange
	for condition, want := range tests {
		exchanges = append(exchanges, exchange{"Query", `{"TableName":"catalog","KeyConditionExpression":"` + condition + `"` + names + values + filter + `}`, want})
	}
	query := func(rest string) string {
		return `{"TableName":"catalog","KeyConditionExpression":"#s = :s","ExpressionAttributeNames":{"#s":"space"},"ExpressionAttributeValues":{":s":{"S":"s"}}` + rest + `}`
	}
	with := func(condition, start string) string {
		return `{"TableName":"catalog","KeyConditionExpression":"` + condition + `"` + names + `,"ExpressionAttributeValues":{":s":{"S":"s"},":p":{"S":"p"}},"ExclusiveStartKey":` + start + `}`
	}
	f.play(t, append(exchanges, []exchange{
		{"Query", `{"TableName":"catalog"}`, "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."},
		{"Query", `{"TableName":"catalog","KeyConditionExpression":"a = :a","ExpressionAttributeValues":{":a":{"S":"s"}}}`, "Query condition missed key schema element: space"},
		{"Query", `{"TableName":"catalog","KeyConditionExpression":"a = :a AND #s = :a","ExpressionAttributeNames":{"#s":"space"},"ExpressionAttributeValues":{":a":{"S":"s"}}}`, "Query condition missed key schema element: path"},
		{"Query", `{"TableName":"single","KeyConditionExpression":"a = :a AND id = :a","ExpressionAttributeValues":{":a":{"B":"AA=="}}}`, "Query key condition not supported"},
		{"Query", query(`,"IndexName":"whatever"`), "The table does not have the specified index: whatever"},
		{"Query", query(`,"Limit":0`), "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{"Query", query(`,"FilterExpression":"#s = :s"`), "Filter Expression can only contain non-primary key attributes: Primary key attribute: space"},
		{"Query", query(`,"Select":"ALL_PROJECTED_ATTRIBUTES"`), "One or more parameter values were invalid: ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"},
		{"Query", query(`,"ProjectionExpression":"a, a.b"`), "Invalid ProjectionExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, b]"},
		{"Query", query(`,"ExclusiveStartKey":{"space":{"S":"s"}}`), "The provided starting key is invalid: The provided key element does not match the schema"},
		{"Query", query(`,"ExclusiveStartKey":{"space":{"S":"t"},"path":{"S":"p"}}`), "The provided starting key is outside query boundaries based on provided conditions"},
		{"Query", with("#s = :s AND #p > :p", `{"space":{"S":"s"},"path":{"S":"a"}}`), "The provided starting key does not match the range key predicate"},
		{"Query", with("#s = :s AND #p > :p", `{"space":{"S":"t"},"path":{"S":"q"}}`), "The query can return at most one row and cannot be restarted"},
		{"Scan", `{"TableName":"catalog","Segment":0}`, "The TotalSegments parameter is required but was not present in the request when Segment parameter is present"},
		{"Scan", `{"TableName":"catalog","TotalSegments":1}`, "The Segment parameter is required but was not present in the request when parameter TotalSegments is present"},
		{"Scan", `{"TableName":"catalog","TotalSegments":2,"Segment":2}`, "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 2 is not less than TotalSegments: 2"},
		{"Scan", `{"TableName":"catalog","TotalSegments":1000001,"Segment":2}`, "1 validation error detected: Value '1000001' at 'totalSegments' failed to satisfy constraint: Member must have value less than or equal to 1000000"},
		{
			"Scan", `{"TableName":"catalog","FilterExpression":"#s.x = :s","ExpressionAttributeNames":{"#s":"space"},"ExpressionAttributeValues":{":s":{"S":"s"}}}`,
			"Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: space",
		},
	}...))
}

func TestFilterAndSelect(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for i := range 5 {
		it := entryKey("s", fmt.Sprint(i))
		it["n"], it["text"] = num(fmt.Sprint(i)), str(strings.Repeat("x", 3000))
		f.put(t, testTable, it)
	}
	query := func(rest string) string {
		return `{"TableName":"catalog","KeyConditionExpression":"#s = :s","ExpressionAttributeNames":{"#s":"space"},"ExpressionAttributeValues":{":s":{"S":"s"},":n":{"N":"2"}},"FilterExpression":"n > :n"` + rest + `}`
	}
	const scan = `{"TableName":"catalog","ExpressionAttributeValues":{":s":{"S":"s"}},"ExpressionAttributeNames":{"#s":"space"},"FilterExpression":"#s = :s"`
	f.play(t, []exchange{
		// Limit and capacity count what is read, not what is shown.
		{"Query", query(`,"ProjectionExpression":"n"`), `{"Count":2,"Items":[{"n":{"N":"3"}},{"n":{"N":"4"}}],"ScannedCount":5}`},
		{"Query", query(`,"Select":"COUNT","Limit":2`), `{"Count":0,"LastEvaluatedKey":{"path":{"S":"1"},"space":{"S":"s"}},"ScannedCount":2}`},
		{"Query", query(`,"Select":"COUNT","Limit":5`), `{"Count":2,"LastEvaluatedKey":{"path":{"S":"4"},"space":{"S":"s"}},"ScannedCount":5}`},
		{"Query", query(`,"Select":"COUNT","Limit":6,"ReturnConsumedCapacity":"TOTAL"`), `{"ConsumedCapacity":{"CapacityUnits":2,"TableName":"catalog"},"Count":2,"ScannedCount":5}`},
		{"Query", query(`,"Select":"COUNT","ConsistentRead":true,"ReturnConsumedCapacity":"TOTAL"`), `{"ConsumedCapacity":{"CapacityUnits":4,"TableName":"catalog"},"Count":2,"ScannedCount":5}`},
		{"Query", query(`,"ExclusiveStartKey":{"space":{"S":"s"},"path":{"S":"4"}}`), `{"Count":0,"Items":[],"ScannedCount":0}`},
		{"Query", query(`,"Select":"SPECIFIC_ATTRIBUTES"`), "One or more parameter values were invalid: Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"},
		{"Query", query(`,"Select":"ALL_ATTRIBUTES","ProjectionExpression":"n"`), "One or more parameter values were invalid: Cannot specify the ProjectionExpression when choosing to get ALL_ATTRIBUTES"},
		{"Query", query(`,"Select":"COUNT","ProjectionExpression":"n"`), "One or more parameter values were invalid: Cannot specify the ProjectionExpression when choosing to get only the Count"},
		{"Scan", scan + `,"Select":"COUNT"}`, `{"Count":5,"ScannedCount":5}`},
	})
}

func TestScan(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var want []string
	for i := range 60 {
		path := fmt.Sprintf("%02d", i)
		want = append(want, path)
		f.put(t, testTable, entryKey("space "+path, path))
	}
	scan := func(in dynamodb.ScanInput) []string {
		in.TableName = aws.String(testTable)
		var paths []string
		for pages := dynamodb.NewScanPaginator(f.client, &in); pages.HasMorePages(); {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatalf("Scan: %v", err)
			}
			paths = append(paths, strings.Fields(show(page.Items, "path"))...)
		}
		return paths
	}
	all := scan(dynamodb.ScanInput{Limit: aws.Int32(7)})
	if slices.IsSorted(all) {
		t.Error("a scan comes in the order of its keys, which AWS's does not")
	}
	if slices.Sort(all); !slices.Equal(all, want) {
		t.Errorf("Scan = %q, want %q", all, want)
	}
	var parts []string
	for segment := range int32(3) {
		part := scan(dynamodb.ScanInput{Segment: &segment, TotalSegments: aws.Int32(3), Limit: aws.Int32(4)})
		if len(part) == 0 {
			t.Errorf("segment %d is empty", segment)
		}
		parts = append(parts, part...)
	}
	if slices.Sort(parts); !slices.Equal(parts, want) {
		t.Errorf("three segments = %q, want %q", parts, want)
	}

	first, err := f.client.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(testTable), Segment: aws.Int32(0), TotalSegments: aws.Int32(2), Limit: aws.Int32(1)})
	if err != nil {
		t.Fatalf("Scan: %v", err)
	}
	_, err = f.client.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(testTable), Segment: aws.Int32(1), TotalSegments: aws.Int32(2), ExclusiveStartKey: first.LastEvaluatedKey})
	refused(t, "a start in another segment", err, "ValidationException",
		"The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. TotalSegments: 2 Segment: 1")
}

func TestPagesEndAtAMegabyte(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for i := range 7 {
		it := entryKey("s", fmt.Sprint(i))
		it["text"] = str(strings.Repeat("x", 300<<10))
		f.put(t, testTable, it)
	}
	out, err := f.client.Query(t.Context(), &dynamodb.QueryInput{
		TableName: aws.String(testTable), KeyConditionExpression: aws.String("#s = :s"),
		ExpressionAttributeNames: map[string]string{"#s": "space"}, ExpressionAttributeValues: attributes{":s": str("s")},
	})
	if err != nil {
		t.Fatalf("Query: %v", err)
	}
	if got := show(out.Items, "path"); got != "0 1 2 3" || show([]attributes{out.LastEvaluatedKey}, "path") != "3" {
		t.Errorf("Query of 2.1 MB = %s, last %v, want 0 1 2 3", got, out.LastEvaluatedKey)
	}
}
