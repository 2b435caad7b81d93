package rotation_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestPermissions: the calls of a stack's life are those the package's
// documentation lists for its role, none missing and none too many.
func TestPermissions(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("rotation.go")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(source), "// IAM: ")
	list, _, _ = strings.Cut(list, "\n//\n")
	var want []string
	service := ""
	for _, m := range regexp.MustCompile(`(?:([a-z]+):)?\b((?:Describe|Get|Put|Update|List|Create|Delete)[A-Za-z]+)`).FindAllStringSubmatch(list, -1) {
		if m[1] != "" {
			service = m[1]
		}
		want = append(want, service+":"+m[2])
	}
	slices.Sort(want)
	inVirtualTime(t, func(t *testing.T, a *account) {
		if err := a.rotate(t, token(2)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(27 * time.Hour)
		a.run(t)
		a.invoke(t, resource("Delete", token(3), a.ours().id, ""))
		slices.Sort(a.calls)
		if diff := cmp.Diff(want, slices.Compact(a.calls)); diff != "" {
			t.Errorf("the calls made differ from those documented (-documented +made):\n%s", diff)
		}
	})
}
