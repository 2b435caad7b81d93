package dynamodb

import (
	"encoding/json"
	"testing"
)

// FuzzRequest: any body is decoded or refused; what is decoded of an item is
// written as it was read.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		`{"TableName":"catalog","Item":{"space":{"S":"s"},"path":{"S":"p"},"n":{"N":"1.50"},"l":{"L":[{"M":{"x":{"NULL":true}}}]},"ss":{"SS":["a"]},"b":{"BS":["Yg=="]}}}`,
		`{"TableName":"catalog","Item":{"a":{"S":"\ud834\udd1e"},"b":{"S":"\ud834"}}}`,
		`{"TableName":1}`, `{"Item":[]}`, `{"Item":{"a":null}}`, `{"Item":{"a":{"S":null}}}`, `[]`, `null`, `{`, `{"a":1,"a":2}`, "\xff", `{"Limit":1e3}`,
		`{"ExpressionAttributeNames":{"#a":"b"},"ConditionExpression":"#a = :a","ExpressionAttributeValues":{":a":{"N":"1"}}}`,
	} {
		f.Add("PutItem", seed)
		f.Add("Query", seed)
	}
	f.Fuzz(func(t *testing.T, operation, body string) {
		if members(operation) == nil {
			return
		}
		req, err := decodeRequest(operation, []byte(body))
		if err == nil {
			err = req.checkConstraints(operation)
		}
		if err != nil {
			if _, ok := asRefusal(err); !ok {
				t.Fatalf("decoding %q: %v, which is no refusal", body, err)
			}
			return
		}
		if req.TableName == nil && operation != "ListTables" {
			t.Fatalf("%q passes without a table", body)
		}
		if isNull(req.Item) {
			return
		}
		it, err := decodeItem(req.Item)
		if err != nil {
			if _, ok := asRefusal(err); !ok {
				t.Fatalf("decoding %q: %v, which is no refusal", req.Item, err)
			}
			return
		}
		raw, err := marshal(it)
		if err != nil {
			t.Fatalf("writing %q: %v", body, err)
		}
		again, err := decodeItem(json.RawMessage(raw))
		if err != nil || !mapValue(again).equal(mapValue(it)) {
			t.Fatalf("%s is read back as %v (%v)", raw, again, err)
		}
		if it.depth() > maxNesting {
			t.Fatalf("%q is %d levels deep", body, it.depth())
		}
	})
}
