package dynamodb

import (
	"math/big"
	"strings"
	"testing"
)

func TestParseNumber(t *testing.T) {
	t.Parallel()
	const (
		overflow  = "Number overflow. Attempting to store a number with magnitude larger than supported range"
		underflow = "Number underflow. Attempting to store a number with magnitude smaller than supported range"
		precise   = "Attempting to store more than 38 significant digits in a Number"
		noNumber  = "The parameter cannot be converted to a numeric value"
	)
	tests := map[string]string{ // what comes back, or the complaint
		"0":                                 "0",
		"-0":                                "0",
		"-0.00e7":                           "0",
		"007":                               "7",
		"+1":                                "1",
		"-1.50":                             "-1.5",
		".5":                                "0.5",
		"5.":                                "5",
		"1e3":                               "1000",
		"1E-3":                              "0.001",
		"123.450e1":                         "1234.5",
		"0.0000000000000000000000000001":    "0.0000000000000000000000000001",
		"1e125":                             "1" + strings.Repeat("0", 125),
		"1e-130":                            "0." + strings.Repeat("0", 129) + "1",
		strings.Repeat("9", 38) + "e88":     strings.Repeat("9", 38) + strings.Repeat("0", 88),
		strings.Repeat("1", 38):             strings.Repeat("1", 38),
		strings.Repeat("1", 38) + ".000":    strings.Repeat("1", 38),
		strings.Repeat("0", 999) + "1":      "1",
		"0e2147483647":                      "0",
		"1e126":                             overflow,
		"-1e2147483647":                     overflow,
		"1e-131":                            underflow,
		"1e-2147483648":                     underflow,
		strings.Repeat("1", 39):             precise,
		"1" + strings.Repeat("0", 37) + "1": precise,
		"":                                  noNumber,
		"abc":                               noNumber + ": abc",
		"1 ":                                noNumber + ": 1 ",
		"1e":                                noNumber + ": 1e",
		"1e+-5":                             noNumber + ": 1e+-5",
		"--1":                               noNumber + ": --1",
		"1.2.3":                             noNumber + ": 1.2.3",
		".":                                 noNumber + ": .",
		"1e2147483648":                      noNumber + ": 1e2147483648",
		"0E10000000000000000000":            noNumber + ": 0E10000000000000000000",
		"0x10":                              noNumber + ": 0x10",
		"1_000":                             noNumber + ": 1_000",
		"Infinity":                          noNumber + ": Infinity",
		"NaN":                               noNumber + ": NaN",
	}
	for text, want := range tests {
		n, err := parseNumber(text)
		var got string
		if r, ok := asRefusal(err); ok {
			got = r.message
		} else {
			got = n.String()
		}
		if got != want {
			t.Errorf("parseNumber(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestArithmetic(t *testing.T) {
	t.Parallel()
	tests := []struct{ a, operator, b, want string }{
		{"1", "+", "2", "3"},
		{"0.1", "+", "0.2", "0.3"},
		{"1.5", "-", "1.5", "0"},
		{"1e37", "+", "1", "1" + strings.Repeat("0", 36) + "1"},
		{"1e38", "+", "1", "Attempting to store more than 38 significant digits in a Number"},
		{"9e125", "+", "9e125", "Number overflow. Attempting to store a number with magnitude larger than supported range"},
		{"-9e125", "-", "9e125", "Number overflow. Attempting to store a number with magnitude larger than supported range"},
		{"1.1e-130", "-", "1e-130", "Number underflow. Attempting to store a number with magnitude smaller than supported range"},
	}
	for _, test := range tests {
		a, errA := parseNumber(test.a)
		b, errB := parseNumber(test.b)
		if test.a == "1.1e-130" {
			// Not to be had from a client: built to leave a difference too small.
			a, errA = number{big.NewInt(11), -131}, nil
		}
		if errA != nil || errB != nil {
			t.Fatalf("parseNumber: %v, %v", errA, errB)
		}
		result, err := a.add(b)
		if test.operator == "-" {
			result, err = a.subtract(b)
		}
		var got string
		if r, ok := asRefusal(err); ok {
			got = r.message
		} else {
			got = result.String()
		}
		if got != test.want {
			t.Errorf("%s %s %s = %s, want %s", test.a, test.operator, test.b, got, test.want)
		}
	}
}

// FuzzNumber compares with math/big's own reading of the same numeral.
func FuzzNumber(f *testing.F) {
	for _, seed := range []string{"0", "-1.50", "1e125", "1E-130", ".5", "5.", "99999999999999999999999999999999999999", "1e+-5"} {
		f.Add(seed, "1")
	}
	f.Fuzz(func(t *testing.T, text, other string) {
		n, err := parseNumber(text)
		if err != nil {
			return
		}
		exact, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("parseNumber(%q) = %s, which is no number to math/big", text, n)
		}
		if back, ok := new(big.Rat).SetString(n.String()); !ok || back.Cmp(exact) != 0 {
			t.Fatalf("parseNumber(%q) = %s, which is worth something else", text, n)
		}
		again, err := parseNumber(n.String())
		if err != nil || again.compare(n) != 0 || again.String() != n.String() {
			t.Fatalf("parseNumber(%q) = %s, %v, want %s", n.String(), again, err, n)
		}
		m, err := parseNumber(other)
		if err != nil {
			return
		}
		exactOther, ok := new(big.Rat).SetString(other)
		if !ok {
			t.Fatalf("parseNumber(%q) = %s, which is no number to math/big", other, m)
		}
		order := exact.Cmp(exactOther)
		if n.compare(m) != order {
			t.Fatalf("%s compared with %s = %d, want %d", text, other, n.compare(m), order)
		}
		if got := compareBytes(n, m); got != order {
			t.Fatalf("the keys of %s and %s compare %d, want %d", text, other, got, order)
		}
		if sum, err := n.add(m); err == nil {
			got, _ := new(big.Rat).SetString(sum.String())
			if want := new(big.Rat).Add(exact, exactOther); got.Cmp(want) != 0 {
				t.Fatalf("%s + %s = %s", text, other, sum)
			}
		}
	})
}
