package dynamodb

import (
	"bytes"
	"slices"
	"testing"
)

func compareBytes(a, b number) int {
	return bytes.Compare(sortBytes(numberValue(a)), sortBytes(numberValue(b)))
}

func TestNumbersSortAsNumbers(t *testing.T) {
	t.Parallel()
	ascending := []string{
		"-9e125", "-123", "-100", "-99.5", "-10", "-9", "-1.5", "-1", "-0.1", "-1e-130",
		"0", "1e-130", "0.1", "0.15", "1", "1.5", "2", "9", "10", "11", "99.5", "100", "1e125",
	}
	var numbers []number
	for _, text := range ascending {
		n, err := parseNumber(text)
		if err != nil {
			t.Fatalf("parseNumber(%q): %v", text, err)
		}
		numbers = append(numbers, n)
	}
	for i := range numbers {
		for j := range numbers {
			want := min(1, max(-1, i-j))
			if got := compareBytes(numbers[i], numbers[j]); got != want {
				t.Errorf("keys of %s and %s compare %d, want %d", ascending[i], ascending[j], got, want)
			}
		}
	}
}

// Partitions must not run into one another, whatever bytes their keys have.
func TestPartitionsAreApart(t *testing.T) {
	t.Parallel()
	c := singleTable()
	table := &table{partition: c.PartitionKey}
	texts := []string{"a", "a\x00", "a\x00\x01", "a\x00\xff", "a\x00\x01\x00\x01", "ab", "\x00", "\xff", "\xff\xff"}
	for _, a := range texts {
		for _, b := range texts {
			prefix := table.partitionPrefix(value{kind: kindBinary, text: a})
			key := table.partitionPrefix(value{kind: kindBinary, text: b})
			// Hashes would hide a mistake in what follows them.
			if a != b && bytes.HasPrefix(key[hashBytes:], prefix[hashBytes:]) {
				t.Errorf("the partition of %q lies within that of %q", b, a)
			}
		}
	}
}

func TestAfterPrefix(t *testing.T) {
	t.Parallel()
	tests := []struct{ prefix, want []byte }{
		{[]byte("ab"), []byte("ac")},
		{[]byte("a\xff"), []byte("b")},
		{[]byte("\xff\xff"), nil},
		{nil, nil},
	}
	for _, test := range tests {
		if got := afterPrefix(test.prefix); !slices.Equal(got, test.want) {
			t.Errorf("afterPrefix(%q) = %q, want %q", test.prefix, got, test.want)
		}
	}
}
