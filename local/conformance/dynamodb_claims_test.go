package conformance

import (
	"reflect"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/middleware"
)

// claimedOperations are those the embedded DynamoDB says it has.
func claimedOperations() map[string]bool {
	claimed := map[string]bool{}
	for _, name := range strings.Fields("PutItem GetItem UpdateItem DeleteItem Query Scan DescribeTable ListTables") {
		claimed[name] = true
	}
	return claimed
}

// TestDynamoDBOperations calls every operation of the SDK's client, bare of its
// own checks: what is not claimed is unknown, and what is claimed is not.
func TestDynamoDBOperations(t *testing.T) {
	t.Parallel()
	peer := embeddedDynamo(t)
	unchecked := func(o *sdk.Options) {
		o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error {
			_, _ = s.Initialize.Remove("OperationInputValidation") // not every operation has one
			return nil
		})
	}
	client := reflect.ValueOf(peer.client)
	found := map[string]bool{}
	for i := range client.NumMethod() {
		name := client.Type().Method(i).Name
		call := client.Method(i).Type()
		if call.NumIn() != 3 || call.In(1) != reflect.PointerTo(call.In(1).Elem()) || call.In(1).Elem().Name() != name+"Input" {
			continue
		}
		found[name] = true
		peer.wire.status, peer.wire.body = 0, nil
		input := reflect.New(call.In(1).Elem())
		client.Method(i).Call([]reflect.Value{reflect.ValueOf(t.Context()), input, reflect.ValueOf(unchecked)})
		got, err := readDynamoAnswer(peer.wire.status, peer.wire.body)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if unknown := got.Code == "400 UnknownOperationException"; unknown == claimedOperations()[name] {
			t.Errorf("%s() = %v, want it unknown: %v", name, got, !claimedOperations()[name])
		}
	}
	for name := range claimedOperations() {
		if !found[name] {
			t.Errorf("the SDK's client has no %s", name)
		}
	}
}
