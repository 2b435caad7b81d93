package rotation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"airlock/pkg/signingkey"
)

// pair is a private key as a document has it, quoted.
func pair(tb testing.TB) string {
	tb.Helper()
	private, _, err := signingkey.Generate(signingkey.ECDSAP256)
	if err != nil {
		tb.Fatal(err)
	}
	quoted, err := json.Marshal(private)
	if err != nil {
		tb.Fatal(err)
	}
	return string(quoted)
}

// templates of documents; %s is a private key.
var (
	whole     = `{"keyPairId":"K1","privateKey":%[1]s,"next":{"keyPairId":"K2","privateKey":%[1]s,"published":"2026-01-02T03:04:05Z"},"retired":[{"keyPairId":"K0","until":"2026-01-03T04:05:06Z"}]}`
	operators = `{"keyPairId":"K1","privateKey":%[1]s}`
)

func TestParse(t *testing.T) {
	t.Parallel()
	key := pair(t)
	for _, text := range []string{whole, operators} {
		d, err := parse(fmt.Sprintf(text, key))
		if err != nil {
			t.Fatalf("parse(%s) = %v", text, err)
		}
		// What is written is what was read, to the byte.
		if got, err := d.encode(); err != nil || got != fmt.Sprintf(text, key) {
			t.Errorf("parse(%s), encoded = %v, %v; want the same", text, got, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	key := pair(t)
	for _, tt := range []struct{ name, old, new, want string }{
		{"no JSON", whole, "-----BEGIN PRIVATE KEY-----", "not a JSON document"},
		{"trailing text", `06Z"}]}`, `06Z"}]}x`, "not a JSON document"},
		{"unknown member", `"next"`, `"color":"red","next"`, "not a JSON document"},
		{"member in another case", `"retired"`, `"Retired"`, "not a JSON document"},
		{"the same member twice", `"next"`, `"keyPairId":"K1","next"`, "not a JSON document"},
		{"unknown member of next", `"published"`, `"color":"red","published"`, "not a JSON document"},
		{"time of another form", "2026-01-02T03:04:05Z", "2 January", "not a JSON document"},
		{"no id", `{"keyPairId":"K1"`, `{"keyPairId":""`, "keyPairId is not"},
		{"no key", `"K1","privateKey":%[1]s`, `"K1","privateKey":""`, "privateKey is missing"},
		{"next without a key", `"K2","privateKey":%[1]s`, `"K2","privateKey":""`, "next: privateKey is missing"},
		{"next without a time", `,"published":"2026-01-02T03:04:05Z"`, "", "next has no published"},
		{"retired without an id", `"K0"`, `""`, "a retired key"},
		{"retired without a time", `,"until":"2026-01-03T04:05:06Z"`, "", "a retired key"},
		{"signs and is next", `"K2"`, `"K1"`, "twice"},
		{"signs and is retired", `"K0"`, `"K1"`, "twice"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(whole, tt.old, tt.new, 1)
			if strings.Contains(text, "%[1]s") {
				text = fmt.Sprintf(text, key)
			}
			d, err := parse(text)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "BEGIN") {
				t.Errorf("parse(%s) = %v, %v; want an error with %q and no key", tt.name, d, err, tt.want)
			}
		})
	}
}

func TestIsPlaceholder(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"": true, "{}": true, `{"placeholder":"made by the stack"}`: true,
		"null": true, `"text"`: false, "[]": false, "-----BEGIN": false,
		`{"keyPairId":"K1"}`: false, `{"privateKey":""}`: false, `{"a":1,"a":2}`: false,
	} {
		if got := isPlaceholder(text); got != want {
			t.Errorf("isPlaceholder(%s) = %t, want %t", text, got, want)
		}
	}
}

// TestRedaction: in no form does a document show what it holds.
func TestRedaction(t *testing.T) {
	t.Parallel()
	d, err := parse(fmt.Sprintf(whole, pair(t)))
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "document", d)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "document", d)
	text, err := json.Marshal(map[string]any{"d": d, "p": &d})
	if err != nil {
		t.Fatal(err)
	}
	forms := []string{fmt.Sprint(d), log.String(), string(text), fmt.Errorf("storing %v", d).Error()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		forms = append(forms, fmt.Sprintf(verb, d), fmt.Sprintf(verb, &d), fmt.Sprintf(verb, []document{d}))
	}
	for _, form := range forms {
		if strings.Contains(form, "BEGIN") || strings.Contains(form, "K2") || strings.Contains(form, "4245474") || !strings.Contains(form, redacted) {
			t.Errorf("a document prints as %s, want %s", form, redacted)
		}
	}
}

// TestStateMachine: what rotations do to documents, without AWS.
func TestStateMachine(t *testing.T) {
	t.Parallel()
	key := pair(t)
	d, err := parse(fmt.Sprintf(whole, key))
	if err != nil {
		t.Fatal(err)
	}
	until := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	p := d.promoted(until).publishing("K3", key, until)
	if p.d.KeyPairID != "K2" || !p.retires("K1") || !p.retires("K0") || !p.follows(d) || d.follows(p) || d.follows(d) {
		t.Errorf("promoted: %s signs, K1 retired: %t, follows: %t, back: %t; want K2, true, true, false", p.d.KeyPairID, p.retires("K1"), p.follows(d), d.follows(p))
	}
	if len(d.d.Retired) != 1 || d.d.KeyPairID != "K1" {
		t.Error("promoting changed the document before")
	}
	for now, want := range map[time.Time]int{until.Add(-time.Second): 1, until: 2} {
		if got := len(p.expired(now)); got != want {
			t.Errorf("expired(%v) = %d keys, want %d", now, got, want)
		}
	}
	if left := p.without(p.expired(until)); len(left.d.Retired) != 0 || len(p.d.Retired) != 2 {
		t.Errorf("without = %d retired, and %d before; want 0 and 2", len(left.d.Retired), len(p.d.Retired))
	}
}

// FuzzParse: no text panics, no error shows a key, and what is taken is written
// back to the same meaning.
func FuzzParse(f *testing.F) {
	key := pair(f)
	f.Add(fmt.Sprintf(whole, key))
	f.Add(fmt.Sprintf(operators, key))
	f.Add(`{"keyPairId":"K1","privateKey":"-----BEGIN EC PRIVATE KEY-----","retired":[{}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		_ = isPlaceholder(text)
		d, err := parse(text)
		if err != nil {
			if strings.Contains(err.Error(), "BEGIN EC") {
				t.Errorf("parse(%q) = %v, which quotes it", text, err)
			}
			return
		}
		again, err := d.encode()
		if err != nil {
			t.Fatalf("parse(%q), encoded: %v", text, err)
		}
		e, err := parse(again)
		if err != nil || e.d.KeyPairID != d.d.KeyPairID || e.nextID() != d.nextID() || len(e.d.Retired) != len(d.d.Retired) {
			t.Errorf("parse(%q), encoded and read again = %v, want the same", text, err)
		}
	})
}
