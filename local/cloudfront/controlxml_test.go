package cloudfront

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const xmlns = ` xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"`

func TestDecodeKeyGroupConfig(t *testing.T) {
	t.Parallel()
	whole := func(inside string) string { return `<KeyGroupConfig` + xmlns + `>` + inside + `</KeyGroupConfig>` }
	const items = `<Items><PublicKey>K1</PublicKey><PublicKey>K2</PublicKey></Items>`
	for _, test := range []struct {
		name, body, want string // "": refused
	}{
		{"as an SDK writes it", whole(`<Comment>c</Comment>` + items + `<Name>n</Name>`), "n c [K1 K2]"},
		{"for people", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + whole("\n  <Name>n</Name>\n  "+items+"<!-- none -->\n") + "\n", "n  [K1 K2]"},
		{"with a prefix", `<c:KeyGroupConfig xmlns:c="http://cloudfront.amazonaws.com/doc/2020-05-31/"><c:Name>n</c:Name></c:KeyGroupConfig>`, "n  []"},
		{"escaped", whole(`<Name>&lt;&amp;&#233;</Name>`), "<&é  []"},
		{"CDATA", whole(`<Name><![CDATA[<n>]]></Name>`), "<n>  []"},
		{"empty", whole(``), "  []"},
		{"empty elements", whole(`<Name/><Items/>`), "  []"},

		{"nothing", ``, ""},
		{"no XML", `{"Name":"n"}`, ""},
		{"cut off", `<KeyGroupConfig` + xmlns + `><Name>n`, ""},
		{"another root", `<PublicKeyConfig` + xmlns + `/>`, ""},
		{"no namespace", `<KeyGroupConfig><Name>n</Name></KeyGroupConfig>`, ""},
		{"another namespace", `<KeyGroupConfig xmlns="http://cloudfront.amazonaws.com/doc/2019-03-26/"/>`, ""},
		{"another namespace inside", whole(`<Name xmlns="">n</Name>`), ""},
		{"two roots", whole(``) + whole(``), ""},
		{"text after it", whole(``) + `x`, ""},
		{"text between", whole(`x<Name>n</Name>`), ""},
		{"text in the list", whole(`<Items>x</Items>`), ""},
		{"text in the list too", whole(`<Items>x<PublicKey>K</PublicKey></Items>`), ""},
		{"an unknown element", whole(`<Name>n</Name><Quantity>1</Quantity>`), ""},
		{"another case", whole(`<name>n</name>`), ""},
		{"twice", whole(`<Name>a</Name><Name>b</Name>`), ""},
		{"two lists", whole(items + items), ""},
		{"an attribute", whole(`<Name lang="en">n</Name>`), ""},
		{"an element in a text", whole(`<Name><b>n</b></Name>`), ""},
		{"an element too deep", whole(`<Items><PublicKey><b>K</b></PublicKey></Items>`), ""},
		{"another item", whole(`<Items><Key>K</Key></Items>`), ""},
		{"a document type", `<!DOCTYPE x [<!ENTITY e "n">]>` + whole(`<Name>n</Name>`), ""},
		{"an unknown entity", whole(`<Name>&e;</Name>`), ""},
		{"an instruction", whole(`<?php x?>`), ""},
		{"another encoding", `<?xml version="1.0" encoding="ISO-8859-1"?>` + whole(``), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, err := decodeKeyGroupConfig([]byte(test.body))
			got := c.Name + " " + c.Comment + " [" + strings.Join(c.Items, " ") + "]"
			if (err != nil) != (test.want == "") || err == nil && got != test.want {
				t.Errorf("decodeKeyGroupConfig(%s) = %q, %v, want %q", test.body, got, err, test.want)
			}
		})
	}
}

// FuzzDecode holds what is taken against encoding/xml, which reads the same
// documents by reflection, and against itself: what is written is read again.
func FuzzDecode(f *testing.F) {
	f.Add(`<PublicKeyConfig` + xmlns + `><CallerReference>r</CallerReference><EncodedKey>-----BEGIN` + "\r\n" + `</EncodedKey><Name>n</Name></PublicKeyConfig>`)
	f.Add(`<KeyGroupConfig` + xmlns + `><Comment>c</Comment><Items><PublicKey>K1</PublicKey><PublicKey/></Items><Name>a&#10;<![CDATA[b]]></Name></KeyGroupConfig>`)
	f.Add(`<a:KeyGroupConfig xmlns:a="http://cloudfront.amazonaws.com/doc/2020-05-31/"><a:Name>n</a:Name></a:KeyGroupConfig>`)
	f.Add(`<?xml version="1.0"?><KeyGroupConfig` + xmlns + `><Items> </Items></KeyGroupConfig><!-- c -->`)
	f.Fuzz(func(t *testing.T, body string) {
		if c, err := decodeKeyGroupConfig([]byte(body)); err == nil {
			var theirs keyGroupConfigDocument
			checkDecoded(t, body, c, &theirs, &theirs.keyGroupConfig)
			written, err := render(keyGroupConfigDocument{keyGroupConfig: c})
			if err != nil {
				t.Fatalf("render(%+v) = %v", c, err)
			}
			if again, err := decodeKeyGroupConfig(written); err != nil || !cmp.Equal(again, c, cmpopts.EquateEmpty()) {
				t.Errorf("decodeKeyGroupConfig(%s) = %+v, %v, want %+v", written, again, err, c)
			}
		}
		if c, err := decodePublicKeyConfig([]byte(body)); err == nil {
			var theirs publicKeyConfigDocument
			checkDecoded(t, body, c, &theirs, &theirs.publicKeyConfig)
		}
	})
}

func checkDecoded[T any](t *testing.T, body string, ours T, document any, theirs *T) {
	t.Helper()
	if err := xml.Unmarshal([]byte(body), document); err != nil {
		t.Fatalf("encoding/xml refuses %q: %v", body, err)
	}
	if diff := cmp.Diff(*theirs, ours, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("decode(%q) (-encoding/xml +ours):\n%s", body, diff)
	}
}
