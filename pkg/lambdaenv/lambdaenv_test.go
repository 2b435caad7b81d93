package lambdaenv_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"airlock/pkg/lambdaenv"
)

// problems are what env says, without the prefix; "" for none.
func problems(t *testing.T, env *lambdaenv.Env) string {
	t.Helper()
	err := env.Err()
	if err == nil {
		return ""
	}
	text, ok := strings.CutPrefix(err.Error(), "environment: ")
	if !ok {
		t.Errorf("Err() = %q, want it to begin with environment:", err)
	}
	return text
}

func TestReportsEveryProblemInOneLine(t *testing.T) {
	t.Setenv("BUCKET", "")
	t.Setenv("TTL", "soon")
	t.Setenv("MAX_BYTES", "0")
	t.Setenv("HASH", "MD5")
	t.Setenv("TYPES", "a,,b")
	t.Setenv("BASE_URL", "cdn")
	t.Setenv("FINE", "x")

	env := lambdaenv.New()
	env.String("BUCKET")
	env.Duration("TTL", time.Minute, time.Second, time.Hour)
	env.Int64("MAX_BYTES", 1, 1, 10)
	env.OneOf("HASH", "SHA256", "SHA1")
	env.List("TYPES", "")
	env.Origin("BASE_URL")
	env.String("FINE")
	env.Add("FINE", errors.New("is not fine"))
	env.Add("FINE", nil)

	const want = "BUCKET is not set; TTL must be a duration such as 15m; MAX_BYTES must be 1 to 10; " +
		"HASH must be SHA256 or SHA1; TYPES has an empty item; " +
		"BASE_URL must be a URL of scheme and host alone, such as https://d111111abcdef8.cloudfront.net; FINE is not fine"
	if got := problems(t, env); got != want {
		t.Errorf("Err() = %q, want %q", got, want)
	}
}

func TestReportsAProblemOnce(t *testing.T) {
	t.Setenv("BUCKET", "")
	env := lambdaenv.New()
	for range 2 {
		env.String("BUCKET")
		env.Add("BUCKET", errors.New("is no bucket"))
	}
	const want = "BUCKET is not set; BUCKET is no bucket"
	if got := problems(t, env); got != want {
		t.Errorf("Err() after asking twice = %q, want %q", got, want)
	}
}

func TestNoProblem(t *testing.T) {
	t.Parallel()
	if err := lambdaenv.New().Err(); err != nil {
		t.Errorf("New().Err() = %v, want nil", err)
	}
}

func TestString(t *testing.T) {
	for _, tt := range []struct{ value, want, wantOr, problem string }{
		{"x", "x", "x", ""},
		{" ", " ", " ", ""},
		{"", "", "fallback", "V is not set"},
	} {
		t.Run(tt.value, func(t *testing.T) {
			t.Setenv("V", tt.value)
			env := lambdaenv.New()
			if got := env.StringOr("V", "fallback"); got != tt.wantOr || env.Err() != nil {
				t.Errorf("StringOr of %q = %q, %v, want %q", tt.value, got, env.Err(), tt.wantOr)
			}
			if got := env.String("V"); got != tt.want || problems(t, env) != tt.problem {
				t.Errorf("String of %q = %q, %v, want %q, %q", tt.value, got, env.Err(), tt.want, tt.problem)
			}
		})
	}
}

func TestOneOf(t *testing.T) {
	for _, tt := range []struct{ value, want, problem string }{
		{"", "SHA256", ""},
		{"SHA256", "SHA256", ""},
		{"SHA1", "SHA1", ""},
		{"sha1", "SHA256", "V must be SHA256 or SHA1"},
		{"SHA1 ", "SHA256", "V must be SHA256 or SHA1"},
	} {
		t.Run(tt.value, func(t *testing.T) {
			t.Setenv("V", tt.value)
			env := lambdaenv.New()
			if got := env.OneOf("V", "SHA256", "SHA1"); got != tt.want || problems(t, env) != tt.problem {
				t.Errorf("OneOf of %q = %q, %v, want %q, %q", tt.value, got, env.Err(), tt.want, tt.problem)
			}
		})
	}
}

func TestDuration(t *testing.T) {
	const (
		fallback = 15 * time.Minute
		bounds   = "V must be 1s to 1h0m0s"
		format   = "V must be a duration such as 15m"
	)
	for _, tt := range []struct {
		value   string
		want    time.Duration
		problem string
	}{
		{"", fallback, ""},
		{"1s", time.Second, ""},
		{"1h", time.Hour, ""},
		{"1m30s", 90 * time.Second, ""},
		{"999ms", fallback, bounds},
		{"1h0m0.000000001s", fallback, bounds},
		{"0", fallback, bounds},
		{"-1m", fallback, bounds},
		{"900", fallback, format},
		{"15 m", fallback, format},
		{"1d", fallback, format},
		{"9999999h", fallback, format}, // beyond what a Duration holds
	} {
		t.Run(tt.value, func(t *testing.T) {
			t.Setenv("V", tt.value)
			env := lambdaenv.New()
			if got := env.Duration("V", fallback, time.Second, time.Hour); got != tt.want || problems(t, env) != tt.problem {
				t.Errorf("Duration of %q = %v, %v, want %v, %q", tt.value, got, env.Err(), tt.want, tt.problem)
			}
		})
	}
}

func TestInt64(t *testing.T) {
	const (
		fallback = 7
		format   = "V must be a whole number"
		bounds   = "V must be 1 to 5368709120"
	)
	for _, tt := range []struct {
		value   string
		want    int64
		problem string
	}{
		{"", fallback, ""},
		{"1", 1, ""},
		{"5368709120", 5 << 30, ""},
		{"0", fallback, bounds},
		{"-1", fallback, bounds},
		{"5368709121", fallback, bounds},
		{"5e9", fallback, format},
		{"1.0", fallback, format},
		{"0x10", fallback, format},
		{" 1", fallback, format},
		{"9223372036854775808", fallback, format},
	} {
		t.Run(tt.value, func(t *testing.T) {
			t.Setenv("V", tt.value)
			env := lambdaenv.New()
			if got := env.Int64("V", fallback, 1, 5<<30); got != tt.want || problems(t, env) != tt.problem {
				t.Errorf("Int64 of %q = %d, %v, want %d, %q", tt.value, got, env.Err(), tt.want, tt.problem)
			}
		})
	}
	t.Run("the whole range", func(t *testing.T) {
		t.Setenv("V", "-9223372036854775808")
		env := lambdaenv.New()
		if got := env.Int64("V", 0, math.MinInt64, math.MaxInt64); got != math.MinInt64 || env.Err() != nil {
			t.Errorf("Int64 = %d, %v, want the least there is", got, env.Err())
		}
	})
}

func TestList(t *testing.T) {
	for _, tt := range []struct {
		value   string
		want    []string
		problem string
	}{
		{"", []string{"image/png", "text/*"}, ""},
		{"*/*", []string{"*/*"}, ""},
		{" a , b\t", []string{"a", "b"}, ""},
		{"a,", nil, "V has an empty item"},
		{",a", nil, "V has an empty item"},
		{"a, ,b", nil, "V has an empty item"},
		{" ", nil, "V has an empty item"},
	} {
		t.Run(tt.value, func(t *testing.T) {
			t.Setenv("V", tt.value)
			env := lambdaenv.New()
			got := env.List("V", "image/png, text/*")
			if diff := cmp.Diff(tt.want, got); diff != "" || problems(t, env) != tt.problem {
				t.Errorf("List of %q = %q, %v, want %q, %q", tt.value, got, env.Err(), tt.want, tt.problem)
			}
		})
	}
}

func TestOrigin(t *testing.T) {
	for _, tt := range []struct{ value, want string }{
		{"https://d111111abcdef8.cloudfront.net", "https://d111111abcdef8.cloudfront.net"},
		{"https://d111111abcdef8.cloudfront.net/", "https://d111111abcdef8.cloudfront.net"},
		{"http://127.0.0.1:4566", "http://127.0.0.1:4566"},
		{"http://[::1]:4566/", "http://[::1]:4566"},
	} {
		t.Run(tt.value, func(t *testing.T) {
			t.Setenv("V", tt.value)
			env := lambdaenv.New()
			if got := env.Origin("V"); got != tt.want || env.Err() != nil {
				t.Errorf("Origin of %q = %q, %v, want %q", tt.value, got, env.Err(), tt.want)
			}
		})
	}
	for _, value := range []string{
		"d111111abcdef8.cloudfront.net", "//cdn.example.com", "ftp://cdn.example.com", "https://", "https:///", "https://:443",
		"https:cdn.example.com", "https://cdn.example.com/path", "https://cdn.example.com//", "https://cdn.example.com/%2F",
		"https://cdn.example.com/..", "https://user@cdn.example.com", "https://user:secret@cdn.example.com",
		"https://cdn.example.com?", "https://cdn.example.com?x=1", "https://cdn.example.com/?", "https://cdn.example.com#",
		"https://cdn.example.com#x", "https://cdn example.com", "https://cdn.example.com:port", " https://cdn.example.com",
		"https://cdn.example.com\n", "https://cdn.example.com,https://b.example.com",
	} {
		t.Run(value, func(t *testing.T) {
			t.Setenv("V", value)
			env := lambdaenv.New()
			const want = "V must be a URL of scheme and host alone, such as https://d111111abcdef8.cloudfront.net"
			if env.Origin("V"); problems(t, env) != want {
				t.Errorf("Origin of %q: %v, want %q", value, env.Err(), want)
			}
		})
	}
	t.Run("unset", func(t *testing.T) {
		t.Setenv("V", "")
		env := lambdaenv.New()
		if env.Origin("V"); problems(t, env) != "V is not set" {
			t.Errorf("Origin of an unset variable: %v, want that it is not set", env.Err())
		}
	})
}
