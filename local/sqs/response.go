package sqs

import (
	"encoding/json"
	"errors"
	"fmt"
)

// failures reads the answer of a function with ReportBatchItemFailures: the ids
// of the messages that failed. An error means that the whole batch did. The rules
// are those of "Handling errors for an SQS event source in Lambda": an empty or
// null answer or list is a success; an answer that is not JSON, or an
// itemIdentifier that is missing, empty, null or of no message in the batch,
// fails the batch. An answer of another shape, of which AWS says nothing, does, too.
//
// Names must be spelled exactly, and encoding/json takes any case for a field of
// a struct: hence the maps.
func failures(response []byte, batch map[string]bool) (map[string]bool, error) {
	failed := map[string]bool{}
	if len(response) == 0 {
		return failed, nil
	}
	var top map[string]json.RawMessage
	if err := json.Unmarshal(response, &top); err != nil {
		return nil, fmt.Errorf("the response is not a JSON object: %w", err)
	}
	list, ok := top["batchItemFailures"]
	if !ok {
		return failed, nil
	}
	var items []map[string]json.RawMessage
	if err := json.Unmarshal(list, &items); err != nil {
		return nil, fmt.Errorf("batchItemFailures is not a list of objects: %w", err)
	}
	for _, item := range items {
		var id string
		if err := json.Unmarshal(item["itemIdentifier"], &id); err != nil || id == "" {
			return nil, errors.New("an itemIdentifier is missing, empty or not a string")
		}
		if !batch[id] {
			return nil, errors.New("an itemIdentifier is of no message in the batch")
		}
		failed[id] = true
	}
	return failed, nil
}
