package api

import (
	"bytes"
	"encoding/base64"
	"errors"
	"mime"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MaxBodyBytes is the largest request body that is read; a hundred keys of
// 1,024 bytes, JSON-escaped, would be larger, but real ones are a tenth of that.
const MaxBodyBytes = 64 << 10

// decodeBody reads exactly one JSON value into in. It refuses what encoding/json
// lets through: unknown, repeated or differently cased members, trailing data,
// and invalid UTF-8.
func decodeBody(e *event, in any) error {
	if mediaType, _, err := mime.ParseMediaType(header(e, "content-type")); err != nil || mediaType != "application/json" {
		return Refuse(UnsupportedContentType, "the request's content-type must be application/json")
	}
	body, err := jsontext.AppendUnquote(nil, e.Body)
	if err != nil { // invalid UTF-8, or no body at all
		return errNotObject()
	}
	if e.IsBase64Encoded {
		if base64.StdEncoding.DecodedLen(len(body)) > MaxBodyBytes+2 {
			return errBodyTooLarge()
		}
		if body, err = base64.StdEncoding.AppendDecode(nil, body); err != nil {
			return Refuse(MalformedBody, "the body is not the base64 its event says it is")
		}
	}
	if len(body) > MaxBodyBytes {
		return errBodyTooLarge()
	}
	// null would leave in as it is, without an error.
	if jsontext.Value(body).Kind() != '{' {
		return errNotObject()
	}
	err = json.Unmarshal(body, in, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	var semantic *json.SemanticError
	if errors.As(err, &semantic) && !errors.Is(err, json.ErrUnknownName) {
		if code, ok := fieldCode(in, semantic.JSONPointer, "over"); ok && errors.Is(err, strconv.ErrRange) && !bytes.HasPrefix(semantic.JSONValue, []byte("-")) {
			return Refuse(code, "a number of the body is larger than any that is taken")
		}
		if code, ok := fieldCode(in, semantic.JSONPointer, "code"); ok {
			return Refuse(code, "a field of the body has the wrong type")
		}
		return Refuse(MalformedBody, "a value of the body has the wrong type")
	}
	switch {
	case errors.Is(err, json.ErrUnknownName):
		return Refuse(MalformedBody, "the body has a member that is not known here; names are case-sensitive")
	case errors.Is(err, jsontext.ErrDuplicateName):
		return Refuse(MalformedBody, "the body names a member twice")
	}
	return errNotObject()
}

func errNotObject() error {
	return Refuse(MalformedBody, "the body is not one JSON object in UTF-8")
}

func errBodyTooLarge() error {
	return Refuse(ContentTooLarge, "the body is larger than %d bytes", MaxBodyBytes)
}

// header reads names in any case: API Gateway sends lower case, sam local not.
func header(e *event, name string) string {
	if v, ok := e.Headers[name]; ok {
		return v
	}
	for k, v := range e.Headers {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}

// fieldCode finds the code in a tag of the field that a JSON pointer leads into.
func fieldCode(in any, p jsontext.Pointer, tag string) (Code, bool) {
	var name string
	for token := range p.Tokens() {
		name = token
		break
	}
	t := reflect.TypeOf(in).Elem()
	if t.Kind() != reflect.Struct {
		return "", false
	}
	for i := range t.NumField() {
		f := t.Field(i)
		jsonName, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if code, ok := f.Tag.Lookup(tag); ok && jsonName == name {
			return Code(code), true
		}
	}
	return "", false
}

// redactJSON keeps of a decoding error where it was and of which kind, and
// drops the value that caused it.
func redactJSON(err error) error {
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		return errors.New("a value has the wrong type")
	}
	return errors.New("not JSON")
}
