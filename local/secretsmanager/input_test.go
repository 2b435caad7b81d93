package secretsmanager

import (
	"strings"
	"testing"
)

// FuzzDecode holds that an error never repeats a value, whatever it is taken
// for.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"SecretId":"a","SecretString":"hidden-value"}`, `{"SecretString":{"hidden-value":1}}`, `{"SecretString":["hidden-value"]}`,
		`{"SecretBinary":"hidden-value"}`, `{"VersionStages":"hidden-value"}`, `{"SecretString":1e999}`, `["hidden-value"]`, `{"SecretString":hidden-value}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var in putSecretValueInput
		err := decode([]byte(body), &in)
		// A member's name is repeated, and is not a value.
		if err != nil && strings.Contains(err.Error(), hidden) && !strings.Contains(err.Error(), "is not supported") {
			t.Errorf("decode(%q) = %v", body, err)
		}
	})
}

// FuzzPage holds that a token, made up or not, leads into the listing.
func FuzzPage(f *testing.F) {
	f.Add("Yg", 1)
	f.Add("Yw", 100)
	f.Add("=", 1)
	f.Fuzz(func(t *testing.T, token string, most int) {
		if most < 1 || most > maxPage {
			return
		}
		all := []string{"a", "b", "c"}
		from, to, next, err := page(all, &most, &token)
		if err != nil {
			return
		}
		if from < 1 || from > to || to > len(all) || to-from > most || (next == "") != (to == len(all)) {
			t.Errorf("page(%q, %d) = %d, %d, %q", token, most, from, to, next)
		}
	})
}
