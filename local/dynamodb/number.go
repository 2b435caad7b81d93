package dynamodb

import (
	"math/big"
	"strconv"
	"strings"
)

// The limits of a number (Developer Guide, "Supported data types and naming
// rules in Amazon DynamoDB", Number).
const (
	maxDigits    = 38
	maxMagnitude = 125  // 9.99…E+125
	minMagnitude = -130 // 1E-130
)

// number is an exact decimal: coefficient × 10^exponent. The coefficient has
// no trailing zero, so equal numbers have equal fields; zero is 0 × 10^0. It is
// immutable.
type number struct {
	coefficient *big.Int
	exponent    int
}

// parseNumber reads what a client may send as N: digits with an optional sign,
// fraction and exponent.
func parseNumber(text string) (number, error) {
	if text == "" {
		return number{}, invalid("The parameter cannot be converted to a numeric value")
	}
	negative, digits, exponent, ok := splitNumber(text)
	if !ok {
		return number{}, invalid("The parameter cannot be converted to a numeric value: %s", text)
	}
	digits = strings.TrimLeft(digits, "0")
	trimmed := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(trimmed)
	if err := checkRange(len(trimmed), exponent); err != nil {
		return number{}, err
	}
	coefficient := new(big.Int)
	if trimmed == "" {
		return number{coefficient, 0}, nil
	}
	coefficient.SetString(trimmed, 10)
	if negative {
		coefficient.Neg(coefficient)
	}
	return number{coefficient, exponent}, nil
}

// integer is n as a number.
func integer(n int64) number {
	exact, _ := normalize(big.NewInt(n), 0) // an int64 has at most 19 digits
	return exact
}

// splitNumber takes a numeral apart; digits has no point, and exponent counts
// from its end.
func splitNumber(text string) (negative bool, digits string, exponent int, ok bool) {
	mantissa, power, scientific := cutAny(text, "eE")
	if scientific {
		// Beyond 32 bits it is no number rather than one too large, also behind a
		// zero: what DynamoDB says to that is not documented, and nobody needs it.
		n, err := strconv.ParseInt(power, 10, 32)
		if err != nil {
			return false, "", 0, false
		}
		exponent = int(n)
	}
	negative = strings.HasPrefix(mantissa, "-")
	if negative || strings.HasPrefix(mantissa, "+") {
		mantissa = mantissa[1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits = whole + fraction
	return negative, digits, exponent - len(fraction), allDigits(digits)
}

func cutAny(s, chars string) (before, after string, found bool) {
	if i := strings.IndexAny(s, chars); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// checkRange judges a number by how many significant digits it has and where
// the last one stands.
func checkRange(digits, exponent int) error {
	if digits == 0 {
		return nil
	}
	switch magnitude := digits - 1 + exponent; {
	case magnitude > maxMagnitude:
		return invalid("Number overflow. Attempting to store a number with magnitude larger than supported range")
	case magnitude < minMagnitude:
		return invalid("Number underflow. Attempting to store a number with magnitude smaller than supported range")
	case digits > maxDigits:
		return invalid("Attempting to store more than 38 significant digits in a Number")
	}
	return nil
}

// digits are the significant ones, without the sign; "0" for zero.
func (n number) digits() string {
	return new(big.Int).Abs(n.coefficient).String()
}

// magnitude is the power of ten of the first digit.
func (n number) magnitude() int { return len(n.digits()) - 1 + n.exponent }

// String writes the number as DynamoDB gives it back: no exponent, no leading
// or trailing zeros, whatever the client had written.
func (n number) String() string {
	digits := n.digits()
	sign := ""
	if n.coefficient.Sign() < 0 {
		sign = "-"
	}
	switch point := len(digits) + n.exponent; {
	case n.exponent >= 0:
		return sign + digits + strings.Repeat("0", n.exponent)
	case point > 0:
		return sign + digits[:point] + "." + digits[point:]
	default:
		return sign + "0." + strings.Repeat("0", -point) + digits
	}
}

// compare is negative, zero or positive as n is less than, equal to or greater
// than other.
func (n number) compare(other number) int {
	a, b, _ := align(n, other)
	return a.Cmp(b)
}

// add is the exact sum, refused where DynamoDB could not store it.
func (n number) add(other number) (number, error) {
	a, b, exponent := align(n, other)
	return normalize(a.Add(a, b), exponent)
}

// subtract is the exact difference, refused where DynamoDB could not store it.
func (n number) subtract(other number) (number, error) {
	a, b, exponent := align(n, other)
	return normalize(a.Sub(a, b), exponent)
}

// align gives both coefficients for one exponent, in fresh integers.
func align(a, b number) (x, y *big.Int, exponent int) {
	exponent = min(a.exponent, b.exponent)
	scale := func(n number) *big.Int {
		power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n.exponent-exponent)), nil)
		return power.Mul(power, n.coefficient)
	}
	return scale(a), scale(b), exponent
}

func normalize(coefficient *big.Int, exponent int) (number, error) {
	if coefficient.Sign() == 0 {
		return number{coefficient, 0}, nil
	}
	text := coefficient.String()
	trimmed := strings.TrimRight(text, "0")
	exponent += len(text) - len(trimmed)
	if err := checkRange(len(strings.TrimPrefix(trimmed, "-")), exponent); err != nil {
		return number{}, err
	}
	coefficient.SetString(trimmed, 10)
	return number{coefficient, exponent}, nil
}

// size is what the number adds to an item's size (Developer Guide, "DynamoDB
// item sizes and formats": about a byte for two digits, and one more; the sign
// of a negative one takes another).
func (n number) size() int {
	if n.coefficient.Sign() == 0 {
		return 1
	}
	size := 1 + (len(n.digits())+1)/2
	if n.coefficient.Sign() < 0 {
		size++
	}
	return size
}
