package rotation

import (
	"strings"
	"testing"

	"airlock/pkg/signingkey"
)

const aToken = "01234567-89ab-cdef-0123-456789abcdef"

func TestDecode(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, event, want string }{
		{"Create", `{"RequestType":"Create","ResourceType":"Custom::X","New":{"member":1}}`, "resource Create"},
		{"any RequestType, which is answered", `{"RequestType":"?"}`, "resource ?"},
		{"step", `{"Step":"createSecret","SecretId":"x","ClientRequestToken":"` + aToken + `"}`, createSecret},
		{"step, with a rotation token", `{"Step":"setSecret","SecretId":"x","RotationToken":"r","ClientRequestToken":"` + aToken + `"}`, setSecret},
		{"create_secret", `{"Step":"create_secret","ClientRequestToken":"` + aToken + `"}`, createSecret},
		{"set_secret", `{"Step":"set_secret","ClientRequestToken":"` + aToken + `"}`, setSecret},
		{"test_secret", `{"Step":"test_secret","ClientRequestToken":"` + aToken + `"}`, testSecret},
		{"finish_secret", `{"Step":"finish_secret","ClientRequestToken":"` + aToken + `"}`, finishSecret},
		{"the schedule's input", `{"action":"retire"}`, "retire"},
		{"a schedule without an input", `{"version":"0","source":"aws.events","detail-type":"Scheduled Event","detail":{}}`, "retire"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if e, err := decode([]byte(tt.event)); err != nil || e.name() != tt.want {
				t.Errorf("decode(%s) = %s, %v, want %s", tt.event, e.name(), err, tt.want)
			}
		})
	}
}

func TestIsToken(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		aToken: true, strings.Repeat("a", 64): true, strings.Repeat("a", 32): true,
		"": false, strings.Repeat("a", 31): false, strings.Repeat("a", 65): false,
		strings.Repeat("a", 31) + "_": false, strings.Repeat("a", 31) + "/": false, strings.Repeat("ä", 20): false,
		strings.Repeat("a", 16) + "/" + strings.Repeat("a", 16): false,
	} {
		if got := isToken(s); got != want {
			t.Errorf("isToken(%q) = %t, want %t", s, got, want)
		}
	}
}

// TestKeyNames: no stack takes another's keys for its own.
func TestKeyNames(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ prefix, name, want string }{
		{"a", "a_" + aToken, aToken},
		{"a", "a_" + aToken + "_first", aToken},
		{"a", "a-b_" + aToken, ""},
		{"a", "a", ""},
		{"a", "a_" + aToken + "_second", ""},
		{"a-b", "a_" + aToken, ""},
		{"a", "a-" + aToken, ""},
		{"a", "", ""},
	} {
		if got := New(Config{Prefix: tt.prefix}).token(tt.name); got != tt.want {
			t.Errorf("with prefix %s token(%q) = %q, want %q", tt.prefix, tt.name, got, tt.want)
		}
	}
}

func TestShorten(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "short", strings.Repeat("x", 400), strings.Repeat("x", 401), strings.Repeat("ä", 300), "x" + strings.Repeat("€", 200), "\xff"} {
		got := shorten(text)
		if len(got) > 400 || len(got) < min(len(text), 397) || strings.ToValidUTF8(got, "") != got {
			t.Errorf("shorten(%q) = %q, %d bytes", text, got, len(got))
		}
	}
}

// FuzzDecode: no event panics, is two kinds at once, or is quoted in an error.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"RequestType":"Create","ResponseURL":"https://x/?bearer","ResourceProperties":{"SecretId":"x","ServiceTimeout":1}}`))
	f.Add([]byte(`{"Step":"create_secret","SecretId":"x","ClientRequestToken":"` + aToken + `"}`))
	f.Add([]byte(`{"source":"aws.events"}`))
	f.Add([]byte(`{"action":"retire"}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		e, err := decode(payload)
		if err != nil {
			if strings.Contains(err.Error(), "bearer") {
				t.Errorf("decode(%q) = %v, which quotes it", payload, err)
			}
			return
		}
		if e.resource != nil && e.step != nil || e.name() == "" {
			t.Errorf("decode(%q) = %+v, want one kind", payload, e)
		}
		if e.step != nil && (!isToken(e.step.Token) || steps[e.step.Step] != e.step.Step) {
			t.Errorf("decode(%q) = %+v, want a known step and a version", payload, *e.step)
		}
		if e.resource != nil {
			h := New(Config{SecretID: "x", Prefix: "p", Algorithm: signingkey.ECDSAP256})
			if _, err := h.checkProperties(e.resource.Properties); err == nil && !strings.Contains(string(e.resource.Properties), "SecretId") {
				t.Errorf("checkProperties(%s) = nil, want an error", e.resource.Properties)
			}
		}
	})
}
