package signingkey_test

import (
	"bytes"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"

	"airlock/pkg/signingkey"
)

// What a program may hold a key in.
type (
	exported  struct{ Key signingkey.Key }
	pointer   struct{ Key *signingkey.Key }
	hidden    struct{ key signingkey.Key }
	embedding struct{ signingkey.Key }
)

// forms are the ways to print v, by name.
func forms(tb testing.TB, v any) map[string]string {
	tb.Helper()
	all := map[string]string{"Sprint": fmt.Sprint(v), "Sprintln": fmt.Sprintln(v)}
	for _, verb := range []string{"v", "+v", "#v", "s", "q", "x", "X", "# x", "d", "b", "o", "e", "t", "c", "U", "10v", "!"} {
		all["%"+verb] = fmt.Sprintf("%"+verb, v)
		all["error %"+verb] = fmt.Errorf("signing with %"+verb, v).Error()
	}
	text, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	all["encoding/json"] = string(text)
	// It refuses a struct without exported fields: then the error is looked at.
	text, err = jsonv2.Marshal(v)
	all["json/v2"] = fmt.Sprintf("%s %v", text, err)
	for name, handler := range map[string]func(io.Writer) slog.Handler{
		"slog text": func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) },
		"slog JSON": func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) },
	} {
		var b bytes.Buffer
		slog.New(handler(&b)).Info("signing", "key", v, slog.Group("g", slog.Any("key", v)))
		all[name] = b.String()
	}
	return all
}

func TestRedaction(t *testing.T) {
	t.Parallel()
	rsaKey, err := newRSA()
	if err != nil {
		t.Fatal(err)
	}
	ecKey := newEC(t, elliptic.P256())
	scalar, err := ecKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		pem     string
		numbers []fmt.Stringer // decimal, what %v of the real keys would show
		bytes   []byte
	}{
		{"RSA", pkcs8(t, rsaKey), []fmt.Stringer{rsaKey.D, rsaKey.Primes[0], rsaKey.Primes[1], rsaKey.N}, rsaKey.D.Bytes()},
		{"EC", sec1(t, ecKey), nil, scalar},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			key := parse(t, tt.pem)
			secrets := []string{
				hex.EncodeToString(tt.bytes)[:16], strings.ToUpper(hex.EncodeToString(tt.bytes)[:16]),
				base64.StdEncoding.EncodeToString(tt.bytes)[:12], strings.Trim(fmt.Sprint(tt.bytes[:6]), "[]"),
			}
			for _, n := range tt.numbers {
				secrets = append(secrets, n.String()[:20])
			}
			holders := map[string]any{
				"Key": key, "*Key": &key, "zero Key": signingkey.Key{},
				"exported field": exported{key}, "pointer to exported field": &exported{key}, "pointer field": pointer{&key},
				"hidden field": hidden{key}, "pointer to hidden field": &hidden{key}, "embedded": embedding{key},
				"slice": []signingkey.Key{key}, "map": map[string]signingkey.Key{"a": key}, "any": []any{key, &key},
			}
			for holder, v := range holders {
				for form, text := range forms(t, v) {
					for _, secret := range secrets {
						if strings.Contains(text, secret) {
							t.Errorf("%s of a %s = %s, which holds %s", form, holder, text, secret)
						}
					}
					assertNothingOf(t, text, tt.pem)
					// fmt can't call methods of hidden fields: they show addresses.
					if !strings.Contains(holder, "hidden") && !strings.Contains(text, "[redacted]") {
						t.Errorf("%s of a %s = %s, want it to say [redacted]", form, holder, text)
					}
				}
			}
		})
	}
}

// A slog handler of another make sees a string, never the Key.
func TestRedactionLogValue(t *testing.T) {
	t.Parallel()
	key := parse(t, sec1(t, newEC(t, elliptic.P256())))
	if got := slog.AnyValue(key).Resolve(); got.Kind() != slog.KindString || got.String() != "[redacted]" {
		t.Errorf("slog value of a Key = %v of kind %v, want the string [redacted]", got, got.Kind())
	}
}

// What TestRedaction looks for is what an unprotected key would show.
func TestRedactionLooksForTheRightThing(t *testing.T) {
	t.Parallel()
	key, err := newRSA()
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v", struct{ Key rsa.PrivateKey }{*key}); !strings.Contains(text, key.D.String()[:20]) {
		t.Errorf("%%v of an RSA key = %s, want its D", text)
	}
}
