package template

import (
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite testdata/*.json")

const product = "../../template.yaml"

func options() Options {
	return Options{
		StackName: "airlock", Region: "eu-central-1", AccountID: "123456789012",
		Parameters: map[string]string{
			"Issuer": "https://issuer.example/", "Audience": "airlock-app",
		},
	}
}

// The product's own template, whole. Run with -update after a change of it,
// and read the difference.
func TestLoadProduct(t *testing.T) {
	t.Parallel()
	stack, err := Load(product, options())
	if err != nil {
		t.Fatalf("Load(%q) = %v", product, err)
	}
	got, err := json.MarshalIndent(stack, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	const golden = "testdata/product.json"
	if *update {
		if err := os.WriteFile(golden, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("Load(%q) differs from %s (-want +got):\n%s", product, golden, diff)
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	t.Parallel()
	if _, err := Load("testdata/none.yaml", options()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load of no file = %v, want %v", err, fs.ErrNotExist)
	}
	if _, err := Load("testdata/product.json", options()); err == nil || !strings.HasPrefix(err.Error(), "product.json:") {
		t.Errorf("Load of another file = %v, want its name in it", err)
	}
}
