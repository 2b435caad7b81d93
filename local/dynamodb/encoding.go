package dynamodb

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxNesting is how deep a document may go (Developer Guide, "Service, account,
// and table quotas", Nested attribute depth).
const maxNesting = 32

// member is one name and value of a JSON object.
type member struct {
	name string
	raw  json.RawMessage
}

// decodeObject takes a JSON object apart, in order. It is stricter than
// encoding/json, which lets the last of two equal names win. A null member is
// left out: DynamoDB does not tell it from an absent one.
func decodeObject(raw json.RawMessage) ([]member, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	switch first, err := decoder.Token(); {
	case err != nil:
		return nil, malformed("")
	case first == json.Delim('['):
		return nil, malformed("Unexpected token received from parser")
	case first != json.Delim('{'):
		return nil, malformed("Unexpected value type in payload")
	}
	var members []member
	seen := map[string]bool{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, malformed("")
		}
		var m member
		m.name, _ = token.(string)
		if err := decoder.Decode(&m.raw); err != nil {
			return nil, malformed("")
		}
		if seen[m.name] {
			return nil, malformed("Duplicate field '%s'", m.name)
		}
		seen[m.name] = true
		if !isNull(m.raw) {
			members = append(members, m)
		}
	}
	return members, nil
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// checkText refuses what encoding/json would quietly turn into U+FFFD: bytes
// that are not UTF-8, and halves of surrogate pairs.
func checkText(body []byte) error {
	if !utf8.Valid(body) {
		return malformed("Invalid UTF-8 in the request")
	}
	for i := 0; i+1 < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		i++
		if body[i] != 'u' {
			continue
		}
		switch unit := hexUnit(body, i+1); {
		case unit >= 0xD800 && unit < 0xDC00:
			if i+6 >= len(body) || body[i+5] != '\\' || body[i+6] != 'u' || hexUnit(body, i+7)>>10 != 0xDC00>>10 {
				return malformed("Incomplete surrogate pair in the request")
			}
			i += 6
		case unit >= 0xDC00 && unit < 0xE000:
			return malformed("Incomplete surrogate pair in the request")
		}
	}
	return nil
}

// hexUnit reads the four digits of a \u escape, -1 if they are none.
func hexUnit(body []byte, at int) int {
	if at+4 > len(body) {
		return -1
	}
	unit, err := strconv.ParseUint(string(body[at:at+4]), 16, 16)
	if err != nil {
		return -1
	}
	return int(unit)
}

func tooDeep() error {
	return invalid("Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit")
}

// decodeItem reads a map of attribute values.
func decodeItem(raw json.RawMessage) (item, error) { return decodeFields(raw, 1) }

func decodeFields(raw json.RawMessage, depth int) (item, error) {
	members, err := decodeObject(raw)
	if err != nil {
		return nil, err
	}
	fields := make(item, len(members))
	for _, m := range members {
		if fields[m.name], err = decodeValue(m.raw, depth); err != nil {
			return nil, err
		}
	}
	return fields, nil
}

// decodeValue reads one attribute value, {"S":"…"}, which lies depth levels
// down.
func decodeValue(raw json.RawMessage, depth int) (value, error) {
	if depth > maxNesting {
		return value{}, tooDeep()
	}
	members, err := decodeObject(raw)
	if err != nil {
		return value{}, err
	}
	var decoded []value
	for _, m := range members {
		v, err := decodeKind(kind(m.name), m.raw, depth)
		if err != nil {
			return value{}, err
		}
		if v.kind != "" {
			decoded = append(decoded, v)
		}
	}
	switch len(decoded) {
	case 0:
		return value{}, invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
	case 1:
		return decoded[0], nil
	default:
		return value{}, invalid("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")
	}
}

// decodeKind reads the payload of one type descriptor. What is no descriptor
// gives a value of no kind.
func decodeKind(k kind, raw json.RawMessage, depth int) (value, error) {
	switch k {
	case kindString, kindNumber, kindBinary:
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return value{}, wrongType(raw, "String")
		}
		return decodeScalar(k, text)
	case kindBool, kindNull:
		var truth bool
		if err := json.Unmarshal(raw, &truth); err != nil {
			return value{}, wrongType(raw, "Boolean")
		}
		if k == kindNull && !truth {
			return value{}, invalid("One or more parameter values were invalid: Null attribute value types must have the value of true")
		}
		return value{kind: k, truth: truth}, nil
	case kindStringSet, kindNumberSet, kindBinarySet:
		return decodeSet(k, raw)
	case kindList:
		var raws []json.RawMessage
		if err := json.Unmarshal(raw, &raws); err != nil {
			return value{}, malformed("Unexpected field type")
		}
		elements := make([]value, len(raws))
		for i := range raws {
			var err error
			if elements[i], err = decodeValue(raws[i], depth+1); err != nil {
				return value{}, err
			}
		}
		return listValue(elements), nil
	case kindMap:
		fields, err := decodeFields(raw, depth+1)
		return mapValue(fields), err
	default:
		return value{}, nil
	}
}

func decodeScalar(k kind, text string) (value, error) {
	switch k {
	case kindNumber:
		n, err := parseNumber(text)
		return numberValue(n), err
	case kindBinary:
		// Go's decoder would skip line breaks.
		data, err := base64.StdEncoding.Strict().DecodeString(text)
		switch {
		case len(text)%4 != 0:
			return value{}, malformed("Base64 encoded length is expected a multiple of 4 bytes but found: %d", len(text))
		case err != nil || strings.ContainsAny(text, "\r\n"):
			return value{}, malformed("Invalid Base64 character in the request")
		}
		return value{kind: kindBinary, text: string(data)}, nil
	default:
		return stringValue(text), nil
	}
}

func decodeSet(k kind, raw json.RawMessage) (value, error) {
	var texts []*string
	if err := json.Unmarshal(raw, &texts); err != nil {
		return value{}, malformed("Unexpected field type")
	}
	elements := make([]value, len(texts))
	for i, text := range texts {
		if text == nil {
			return value{}, invalid("One or more parameter values were invalid: An %s may not have a null member", setName(k))
		}
		var err error
		if elements[i], err = decodeScalar(k.member(), *text); err != nil {
			return value{}, err
		}
	}
	switch {
	case len(elements) == 0 && k == kindBinarySet:
		return value{}, invalid("One or more parameter values were invalid: Binary sets should not be empty")
	case len(elements) == 0:
		// Both faults of grammar are AWS's.
		return value{}, invalid("One or more parameter values were invalid: An %s  may not be empty", setName(k))
	case !duplicates(elements):
		return setValue(k, elements), nil
	case k == kindNumberSet:
		return value{}, invalid("Input collection contains duplicates")
	case k == kindBinarySet:
		return value{}, invalid("One or more parameter values were invalid: Input collection %sof type BS contains duplicates.", plain(texts))
	default:
		return value{}, invalid("One or more parameter values were invalid: Input collection %s contains duplicates.", plain(texts))
	}
}

func setName(k kind) string {
	switch k {
	case kindNumberSet:
		return "number set"
	case kindBinarySet:
		return "binary set"
	default:
		return "string set"
	}
}

// plain writes a collection as messages show one: [a, b].
func plain(texts []*string) string {
	var b strings.Builder
	for i, text := range texts {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(*text)
	}
	return "[" + b.String() + "]"
}

// wrongType is the complaint about a JSON value that should have been a want.
func wrongType(raw json.RawMessage, want string) error {
	got := "NUMBER_VALUE"
	switch raw[0] {
	case '"':
		got = "STRING_VALUE"
	case 't':
		got = "TRUE_VALUE"
	case 'f':
		got = "FALSE_VALUE"
	case '[':
		return malformed("Unrecognized collection type class java.lang.%s", want)
	case '{':
		return malformed("Start of structure or map found where not expected")
	default:
		if bytes.ContainsAny(raw, ".eE") {
			got = "DECIMAL_VALUE"
		}
	}
	return malformed("%s cannot be converted to %s", got, want)
}

// MarshalJSON writes the value as the protocol and the store have it.
func (v value) MarshalJSON() ([]byte, error) {
	return marshal(map[kind]any{v.kind: v.payload()})
}

func (v value) payload() any {
	switch v.kind {
	case kindNumber:
		return v.number.String()
	case kindBinary:
		return base64.StdEncoding.EncodeToString([]byte(v.text))
	case kindBool, kindNull:
		return v.truth
	case kindList:
		return append([]value{}, v.list...) // an empty list is [], not null
	case kindMap:
		return v.fields
	case kindStringSet, kindNumberSet, kindBinarySet:
		elements := make([]any, len(v.list))
		for i, e := range v.list {
			elements[i] = e.payload()
		}
		return elements
	default:
		return v.text
	}
}

// marshal is json.Marshal that leaves &, < and > alone.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding %T: %w", v, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
