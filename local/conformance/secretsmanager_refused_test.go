package conformance

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
)

// fill gives an input something in every text and list, so that the client sends it.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.Type().Elem().Kind() == reflect.String {
			v.Set(reflect.ValueOf(aws.String("airlock/refused")))
		}
	case reflect.String:
		v.SetString("airlock/refused")
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Struct:
		for field, value := range v.Fields() {
			if field.IsExported() {
				fill(value)
			}
		}
	}
}

// Every operation the SDK knows is answered or refused as unknown: none is
// half there.
func TestSecretsManagerRefusesWhatItLacks(t *testing.T) {
	answered := map[string]bool{
		"GetSecretValue": true, "PutSecretValue": true, "DescribeSecret": true,
		"ListSecrets": true, "ListSecretVersionIds": true, "UpdateSecretVersionStage": true,
		"RotateSecret": true, "CancelRotateSecret": true,
	}
	client := reflect.ValueOf(embeddedSecrets(t, []string{"airlock/refused"}).client)
	for method, call := range client.Methods() {
		signature := call.Type()
		if signature.NumIn() != 3 || !strings.HasSuffix(signature.In(1).String(), "."+method.Name+"Input") {
			continue // Options
		}
		want := answered[method.Name]
		delete(answered, method.Name)
		t.Run(method.Name, func(t *testing.T) {
			in := reflect.New(signature.In(1).Elem())
			fill(in.Elem())
			out := call.Call([]reflect.Value{reflect.ValueOf(t.Context()), in})
			err, _ := out[1].Interface().(error)
			var api smithy.APIError
			if err != nil && !errors.As(err, &api) {
				t.Fatalf("%s(%+v) = %v, want an answer of the service", method.Name, in.Interface(), err)
			}
			if got := api == nil || api.ErrorCode() != "UnknownOperationException"; got != want {
				t.Errorf("%s(%+v) = %v, want it answered: %t", method.Name, in.Interface(), err, want)
			}
		})
	}
	if len(answered) > 0 {
		t.Errorf("the SDK has no %v", answered)
	}
}
