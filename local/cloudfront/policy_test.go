package cloudfront

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"
)

const okConditions = `"DateLessThan":{"AWS:EpochTime":1767290400}`

func TestParsePolicyRefuses(t *testing.T) {
	t.Parallel()
	statement := func(inner string) string { return `{"Statement":[{` + inner + `}]}` }
	condition := func(inner string) string { return statement(`"Resource":"*","Condition":{` + inner + `}`) }
	for name, text := range map[string]string{
		"nothing":                      ``,
		"a string":                     `"Statement"`,
		"an array":                     `[]`,
		"no statement member":          `{}`,
		"no statement":                 `{"Statement":[]}`,
		"a bare statement":             `{"Statement":{"Condition":{` + okConditions + `}}}`,
		"two statements":               `{"Statement":[{"Condition":{` + okConditions + `}},{"Condition":{` + okConditions + `}}]}`,
		"a version":                    `{"Version":"2008-10-17","Statement":[{"Condition":{` + okConditions + `}}]}`,
		"an effect":                    statement(`"Effect":"Allow","Condition":{` + okConditions + `}`),
		"a re-cased member":            statement(`"resource":"*","Condition":{` + okConditions + `}`),
		"no condition":                 statement(`"Resource":"*"`),
		"two resources":                statement(`"Resource":"a","Resource":"*","Condition":{` + okConditions + `}`),
		"a list of resources":          statement(`"Resource":["*"],"Condition":{` + okConditions + `}`),
		"an empty resource":            statement(`"Resource":"","Condition":{` + okConditions + `}`),
		"a null resource":              statement(`"Resource":null,"Condition":{` + okConditions + `}`),
		"half a surrogate":             statement(`"Resource":"\ud800","Condition":{` + okConditions + `}`),
		"bad UTF-8":                    statement("\"Resource\":\"\xff\",\"Condition\":{" + okConditions + "}"),
		"something after it":           condition(okConditions) + `{}`,
		"a comma too many":             condition(okConditions + ","),
		"no end":                       condition(``),
		"two ends":                     condition(okConditions + `,` + okConditions),
		"an end in quotes":             condition(`"DateLessThan":{"AWS:EpochTime":"1767290400"}`),
		"a fraction":                   condition(`"DateLessThan":{"AWS:EpochTime":1767290400.5}`),
		"an exponent":                  condition(`"DateLessThan":{"AWS:EpochTime":1e9}`),
		"a negative end":               condition(`"DateLessThan":{"AWS:EpochTime":-1}`),
		"milliseconds":                 condition(`"DateLessThan":{"AWS:EpochTime":1767290400000}`),
		"an end by another name":       condition(`"DateLessThan":{"AWS:epochtime":1767290400}`),
		"an end with more":             condition(`"DateLessThan":{"AWS:EpochTime":1767290400,"x":1}`),
		"an unknown condition":         condition(okConditions + `,"StringLike":{}`),
		"a null address":               condition(okConditions + `,"IpAddress":null`),
		"an address without a mask":    condition(okConditions + `,"IpAddress":{"AWS:SourceIp":"192.0.2.10"}`),
		"an IPv6 range":                condition(okConditions + `,"IpAddress":{"AWS:SourceIp":"2001:db8::/32"}`),
		"two addresses":                condition(okConditions + `,"IpAddress":{"AWS:SourceIp":["192.0.2.0/24","192.0.3.0/24"]}`),
		"a beginning in quotes":        condition(okConditions + `,"DateGreaterThan":{"AWS:EpochTime":"1"}`),
		"a member of an object, twice": condition(`"DateLessThan":{"AWS:EpochTime":1767290400,"AWS:EpochTime":1767290400}`),
		"deep":                         condition(okConditions + `,"IpAddress":{"AWS:SourceIp":[[[[[[]]]]]]}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if p, err := parsePolicy([]byte(text)); err == nil {
				t.Errorf("parsePolicy(%s) = %+v, want an error", text, p)
			}
		})
	}
}

func TestPolicyAllows(t *testing.T) {
	t.Parallel()
	const begin, end = 1767200000, 1767290400
	full := `{"Statement":[{"Resource":"http://h/u/alice/*","Condition":{
		"DateGreaterThan":{"AWS:EpochTime":1767200000},
		"IpAddress":{"AWS:SourceIp":"192.0.2.10/24"},
		"DateLessThan":{"AWS:EpochTime":1767290400}}}]}` + "\n"
	everything := `{"Statement":[{"Condition":{` + okConditions + `}}]}`
	anyone := `{"Statement":[{"Resource":"*","Condition":{` + okConditions + `,"IpAddress":{"AWS:SourceIp":"0.0.0.0/0"}}}]}`
	query := `{"Statement":[{"Resource":"http://h/a\\?x=?","Condition":{` + okConditions + `}}]}`
	for name, test := range map[string]struct {
		policy, resource, viewer string
		now                      int64
		want                     bool
	}{
		"within":              {full, "http://h/u/alice/a/b", "192.0.2.7", begin + 1, true},
		"as it begins":        {full, "http://h/u/alice/a/b", "192.0.2.7", begin, true},
		"before it begins":    {full, "http://h/u/alice/a/b", "192.0.2.7", begin - 1, false},
		"its last second":     {full, "http://h/u/alice/a/b", "192.0.2.7", end - 1, true},
		"as it ends":          {full, "http://h/u/alice/a/b", "192.0.2.7", end, false},
		"another address":     {full, "http://h/u/alice/a/b", "192.0.3.7", begin + 1, false},
		"an IPv6 address":     {full, "http://h/u/alice/a/b", "::1", begin + 1, false},
		"no address":          {full, "http://h/u/alice/a/b", "", begin + 1, false},
		"another folder":      {full, "http://h/u/bob/a", "192.0.2.7", begin + 1, false},
		"no resource":         {everything, "http://h/u/bob/a", "::1", begin + 1, true},
		"no resource, ended":  {everything, "http://h/u/bob/a", "::1", end, false},
		"every IPv4 address":  {anyone, "http://h/x", "203.0.113.9", begin, true},
		"0.0.0.0/0 from IPv6": {anyone, "http://h/x", "2001:db8::1", begin, false},
		"a literal ?":         {query, "http://h/a?x=1", "", begin, true},
		"not a literal ?":     {query, "http://h/a.x=1", "", begin, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := parsePolicy([]byte(test.policy))
			if err != nil {
				t.Fatal(err)
			}
			var viewer netip.Addr
			if test.viewer != "" {
				viewer = netip.MustParseAddr(test.viewer)
			}
			if got := p.allows(test.resource, viewer, time.Unix(test.now, 0)); got != test.want {
				t.Errorf("allows(%s, %s, %d) = %v, want %v", test.resource, viewer, test.now, got, test.want)
			}
		})
	}
}

// FuzzParsePolicy: whatever is accepted is JSON that says the same to Go's own
// decoder, and always has an end.
func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte(`{"Statement":[{"Resource":"http://h/*","Condition":{"DateLessThan":{"AWS:EpochTime":1767290400},"DateGreaterThan":{"AWS:EpochTime":1},"IpAddress":{"AWS:SourceIp":"192.0.2.0/24"}}}]}`))
	f.Add([]byte(` { "Statement" : [ { "Condition" : { "DateLessThan" : { "AWS:EpochTime" : 0 } } } ] } `))
	f.Add([]byte(`{"Statement":[{"Resource":"\u0061","Condition":{"DateLessThan":{"AWS:EpochTime":1,"AWS:EpochTime":2}}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := parsePolicy(text)
		if err != nil {
			return
		}
		var same struct {
			Statement []struct {
				Resource  *string
				Condition struct {
					DateLessThan, DateGreaterThan *struct {
						EpochTime int64 `json:"AWS:EpochTime"`
					}
					IpAddress *struct {
						SourceIp string `json:"AWS:SourceIp"`
					}
				}
			}
		}
		if err := json.Unmarshal(text, &same); err != nil || len(same.Statement) != 1 {
			t.Fatalf("parsePolicy(%q) is accepted, encoding/json says %v", text, err)
		}
		c := same.Statement[0].Condition
		switch {
		case c.DateLessThan == nil || p.notAfter.Unix() != c.DateLessThan.EpochTime:
			t.Errorf("parsePolicy(%q) ends at %v", text, p.notAfter)
		case c.DateGreaterThan != nil && p.notBefore.Unix() != c.DateGreaterThan.EpochTime:
			t.Errorf("parsePolicy(%q) begins at %v", text, p.notBefore)
		case (c.IpAddress != nil) != p.viewers.IsValid():
			t.Errorf("parsePolicy(%q) is for %v", text, p.viewers)
		case (same.Statement[0].Resource != nil) != (p.resource != nil):
			t.Errorf("parsePolicy(%q) lost its resource, or found one", text)
		}
	})
}
