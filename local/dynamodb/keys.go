package dynamodb

import (
	"bytes"
	"crypto/sha256"

	"airlock/local/template"
)

// Limits of a key (Developer Guide, "Service, account, and table quotas").
const (
	maxPartitionKeyBytes = 2048
	maxSortKeyBytes      = 1024
)

// hashBytes is how much of a partition key's hash leads its storage key.
const hashBytes = 8

// storageKey is where an item lies: the hash of its partition key, the
// partition key, the sort key. The hash makes a Scan as unsorted as on AWS, so
// that nobody comes to rely on an order that is not there, and gives parallel
// scans their segments. Within a partition, bytes.Compare is DynamoDB's order
// of sort keys.
func (t *table) storageKey(key item) []byte {
	prefix := t.partitionPrefix(key[t.partition.Name])
	if t.sort.Name == "" {
		return prefix
	}
	return append(prefix, sortBytes(key[t.sort.Name])...)
}

// partitionPrefix begins the storage keys of one partition, and of no other.
func (t *table) partitionPrefix(v value) []byte {
	text := sortBytes(v)
	hash := sha256.Sum256(text)
	prefix := append([]byte{}, hash[:hashBytes]...)
	// 00 is written 00 FF and 00 01 ends the key: no key is another's beginning.
	prefix = append(prefix, bytes.ReplaceAll(text, []byte{0}, []byte{0, 0xFF})...)
	return append(prefix, 0, 1)
}

// sortBytes writes a key attribute so that bytes compare as the values do:
// strings and binaries as they are, a number as sign, magnitude and digits,
// inverted below zero.
func sortBytes(v value) []byte {
	if v.kind != kindNumber {
		return []byte(v.text)
	}
	sign := v.number.coefficient.Sign()
	if sign == 0 {
		return []byte{1}
	}
	// magnitude is -130 to 125: exactly a byte.
	b := append([]byte{byte(v.number.magnitude() - minMagnitude)}, v.number.digits()...) //nolint:gosec // see above
	b = append(b, 0)
	if sign > 0 {
		return append([]byte{2}, b...)
	}
	for i := range b {
		b[i] = ^b[i]
	}
	return append([]byte{0}, b...)
}

// after is the first storage key behind key.
func after(key []byte) []byte { return append(bytes.Clone(key), 0) }

// afterPrefix is the first storage key behind all that begin with prefix; nil
// is the end of everything.
func afterPrefix(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for len(end) > 0 {
		last := len(end) - 1
		if end[last] < 0xFF {
			end[last]++
			return end
		}
		end = end[:last]
	}
	return nil
}

// checkKey judges the Key of a request, or a starting key: exactly the
// table's key attributes, of their types.
func (t *table) checkKey(key item) error {
	attributes := t.keyAttributes()
	if len(key) != len(attributes) {
		return invalid("The provided key element does not match the schema")
	}
	for _, a := range attributes {
		if v, ok := key[a.Name]; !ok || string(v.kind) != a.Type {
			return invalid("The provided key element does not match the schema")
		}
	}
	return t.checkKeyValues(key)
}

// checkItemKey judges the key attributes of a whole item.
func (t *table) checkItemKey(it item) error {
	for _, a := range t.keyAttributes() {
		v, ok := it[a.Name]
		if !ok {
			return invalid("One or more parameter values were invalid: Missing the key %s in the item", a.Name)
		}
		if string(v.kind) != a.Type {
			return invalid("One or more parameter values were invalid: Type mismatch for key %s expected: %s actual: %s", a.Name, a.Type, v.kind)
		}
	}
	return t.checkKeyValues(it)
}

// checkKeyValues: not empty, not too long.
func (t *table) checkKeyValues(it item) error {
	for _, a := range t.keyAttributes() {
		if v := it[a.Name]; v.kind != kindNumber && v.text == "" {
			what := "string"
			if v.kind == kindBinary {
				what = "binary"
			}
			return invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty %s value. Key: %s", what, a.Name)
		}
	}
	if it[t.partition.Name].size() > maxPartitionKeyBytes {
		return invalid("One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes")
	}
	if it[t.sort.Name].size() > maxSortKeyBytes && t.sort.Name != "" {
		return invalid("One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of 1024 bytes")
	}
	return nil
}

// keyAttributes are the partition key and, if there is one, the sort key.
func (t *table) keyAttributes() []template.Attribute {
	if t.sort.Name == "" {
		return []template.Attribute{t.partition}
	}
	return []template.Attribute{t.partition, t.sort}
}

func (t *table) isKey(name string) bool {
	return name == t.partition.Name || name == t.sort.Name && name != ""
}

// keyOf is the key of an item.
func (t *table) keyOf(it item) item {
	key := item{}
	for _, a := range t.keyAttributes() {
		key[a.Name] = it[a.Name]
	}
	return key
}

// checkPaths refuses to look inside a key attribute.
func (t *table) checkPaths(paths []path) error {
	for _, p := range paths {
		if len(p) > 1 && t.isKey(p[0].name) {
			return invalid("Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: %s", p[0].name)
		}
	}
	return nil
}
