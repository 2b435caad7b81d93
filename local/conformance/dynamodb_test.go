package conformance

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"
)

const dynamoSeed = 20260302

// TestDynamoDB sends the same random operations to the embedded DynamoDB and to
// one that is not ours, and compares all that comes back.
func TestDynamoDB(t *testing.T) {
	t.Run("dynalite", func(t *testing.T) {
		t.Parallel()
		needNode(t)
		address := serve(t, "node", "node_modules/dynalite/cli.js", "--host", "127.0.0.1", "--createTableMs", "0", "--port")
		comparison{peer: "dynalite", steps: 2000, theirs: foreignDynamo(t, address)}.run(t)
	})
	t.Run("moto", func(t *testing.T) {
		t.Parallel()
		needPython(t)
		address := serve(t, "python3", "-m", "moto.server", "-H", "127.0.0.1", "-p")
		comparison{peer: "moto", steps: 500, theirs: foreignDynamo(t, address)}.run(t)
	})
}

type comparison struct {
	peer         string
	steps        int
	ours, theirs *dynamoPeer
}

func (c comparison) run(t *testing.T) {
	c.ours = embeddedDynamo(t)
	d := dice{
		Rand:    rand.New(rand.NewPCG(dynamoSeed, uint64(len(c.peer)))),
		literal: c.peer == "dynalite", plain: c.peer == "moto", spoilt: new(bool),
	}
	for _, s := range d.edges() {
		ours, theirs := c.both(t, s)
		if ours.Code != "" || !(dynamoDifference{step: s, ours: ours, theirs: theirs}).same() {
			t.Errorf("%s, %s:\nours   %v\ntheirs %v, want both to hold", c.peer, show(s.input), ours, theirs)
		}
	}
	heard := map[string]int{}
	faults := faultsOf(c.peer)
	for i := range c.steps {
		s := d.step()
		ours, theirs := c.both(t, s)
		heard[fmt.Sprintf("%T", s.input)]++
		if ours.Code == "" {
			for feature := range s.said {
				heard[feature]++
			}
		}
		difference := dynamoDifference{step: s, ours: ours, theirs: theirs}
		if difference.same() {
			continue
		}
		if !faults.explain(difference) {
			t.Errorf("seed %d, step %d, %s:\n%s\nours   %v\ntheirs %v", dynamoSeed, i, c.peer, show(s.input), ours, theirs)
		}
		c.mend(t, s)
	}
	for _, table := range dynamoTables() {
		s := dynamoStep{table: table.Name, input: &sdk.ScanInput{TableName: &table.Name}}
		ours, theirs := c.both(t, s)
		if diff := cmp.Diff(theirs, ours); diff != "" {
			t.Errorf("seed %d: Scan(%s) at the end (-%s +ours):\n%s", dynamoSeed, table.Name, c.peer, diff)
		}
	}
	faults.reportStale(t)
	for _, feature := range dynamoFeatures(c.peer) {
		if heard[feature] == 0 {
			t.Errorf("seed %d: %s was never part of what succeeded", dynamoSeed, feature)
		}
	}
}

// both asks one and the other, and for the item after a write.
func (c comparison) both(t *testing.T, s dynamoStep) (ours, theirs dynamoAnswer) {
	t.Helper()
	var answers [2]dynamoAnswer
	for i, p := range []*dynamoPeer{c.ours, c.theirs} {
		var err error
		if answers[i], err = p.all(t, s.input); err != nil {
			t.Fatalf("seed %d: %s: %v", dynamoSeed, show(s.input), err)
		}
	}
	if s.key != nil {
		for i, p := range []*dynamoPeer{c.ours, c.theirs} {
			after, err := p.all(t, &sdk.GetItemInput{TableName: &s.table, Key: s.key, ConsistentRead: aws.Bool(true)})
			if err != nil {
				t.Fatalf("seed %d: %s: %v", dynamoSeed, show(s.input), err)
			}
			if item, ok := after.Body["Item"]; ok {
				answers[i].After = item
			}
		}
	}
	return answers[0], answers[1]
}

// all is the answer to an operation; of a Query or Scan, with the pages that
// follow it. A Scan's order is each one's own.
func (p *dynamoPeer) all(t *testing.T, input any) (dynamoAnswer, error) {
	first, err := p.call(t.Context(), input)
	sum := first
	for pages := 1; err == nil && sum.Code == ""; pages++ {
		start := startKey(first.Body["LastEvaluatedKey"])
		if start == nil {
			break
		}
		var next dynamoAnswer
		if next, err = p.call(t.Context(), from(input, start)); err != nil || next.Code != "" || pages > 100 {
			return next, err
		}
		for _, name := range []string{"Count", "ScannedCount"} {
			a, _ := sum.Body[name].(float64)
			b, _ := next.Body[name].(float64)
			sum.Body[name] = a + b
		}
		if items, ok := next.Body["Items"].([]any); ok {
			before, _ := sum.Body["Items"].([]any)
			sum.Body["Items"] = append(before, items...)
		}
		sum.Body["pages"] = pages + 1
		first = next
	}
	delete(sum.Body, "LastEvaluatedKey")
	_, scan := input.(*sdk.ScanInput)
	canonical(sum.Body, scan)
	if described, ok := sum.Body["Table"].(map[string]any); ok {
		sum.Body["Table"] = map[string]any{
			"name": described["TableName"], "schema": described["KeySchema"], "status": described["TableStatus"],
			"definitions": sortedByText(described["AttributeDefinitions"]),
		}
	}
	return sum, err
}

// canonical gives what has no order one: sets, and a Scan's items.
func canonical(v any, scan bool) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			canonical(e, false)
		}
	case map[string]any:
		for name, e := range v {
			canonical(e, false)
			if _, ok := e.([]any); ok && (scan && name == "Items" || slices.Contains([]string{"SS", "NS", "BS"}, name)) {
				v[name] = sortedByText(e)
			}
		}
	}
}

func sortedByText(list any) any {
	elements, _ := list.([]any)
	slices.SortFunc(elements, func(a, b any) int { return strings.Compare(show(a), show(b)) })
	return elements
}

// show writes a value, or a request, on one line.
func show(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%T %s", v, text)
}

// from is a Query or Scan that goes on behind start.
func from(input any, start dynamoItem) any {
	switch in := input.(type) {
	case *sdk.QueryInput:
		next := *in
		next.ExclusiveStartKey = start
		return &next
	case *sdk.ScanInput:
		next := *in
		next.ExclusiveStartKey = start
		return &next
	default:
		return input
	}
}

// mend gives the peer the item as ours is, after a difference in a write.
func (c comparison) mend(t *testing.T, s dynamoStep) {
	t.Helper()
	if s.key == nil {
		return
	}
	found, err := c.ours.client.GetItem(t.Context(), &sdk.GetItemInput{TableName: &s.table, Key: s.key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		return // no key: nothing was changed
	}
	if found.Item == nil {
		_, err = c.theirs.client.DeleteItem(t.Context(), &sdk.DeleteItemInput{TableName: &s.table, Key: s.key})
	} else {
		_, err = c.theirs.client.PutItem(t.Context(), &sdk.PutItemInput{TableName: &s.table, Item: found.Item})
	}
	if err != nil {
		t.Errorf("seed %d: mending %s in %s: %v", dynamoSeed, show(s.key), s.table, err)
	}
}
