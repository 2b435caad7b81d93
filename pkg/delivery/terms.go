package delivery

import (
	"net/netip"
	"time"

	"airlock/pkg/api"
)

// terms is when, and from where, a URL may be used.
type terms struct {
	expires   time.Time    // whole seconds, UTC
	notBefore time.Time    // zero: at once
	source    netip.Prefix // zero: from anywhere
}

// canned says whether CloudFront's short form, which holds the expiry alone,
// is enough.
func (t terms) canned() bool { return t.notBefore.IsZero() && !t.source.IsValid() }

func (c Config) terms(in SignedURLsRequest) (terms, error) {
	ttl, err := api.Lifetime(in.ExpiresInSeconds, c.TTL, c.MaxTTL)
	if err != nil {
		return terms{}, err
	}
	t := terms{expires: time.Now().UTC().Add(ttl).Truncate(time.Second)}

	if in.NotBefore != nil {
		start, err := time.Parse(time.RFC3339, *in.NotBefore)
		if err != nil {
			return terms{}, api.Refuse(api.InvalidExpiry, "notBefore is a time of RFC 3339 such as 2026-01-31T12:00:00Z")
		}
		// The policy has whole seconds; rounding down would open the door early.
		if whole := start.Truncate(time.Second); whole != start {
			start = whole.Add(time.Second)
		}
		if start.Unix() < 1 || !start.Before(t.expires) {
			return terms{}, api.Refuse(api.InvalidExpiry, "notBefore lies before the URL expires, and after 1970")
		}
		t.notBefore = start.UTC()
	}
	if in.IPAddress != nil {
		source, err := parseSource(*in.IPAddress)
		if err != nil {
			return terms{}, err
		}
		t.source = source
	}
	return t, nil
}

// parseSource reads an IPv4 range, or one address. CloudFront's policies know
// no IPv6 ("Values that you specify in the policy statement for a signed URL
// that uses a custom policy").
func parseSource(s string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		var addr netip.Addr
		if addr, err = netip.ParseAddr(s); err == nil {
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
	}
	if err != nil || !prefix.Addr().Is4() {
		return netip.Prefix{}, api.Refuse(api.InvalidIPAddress, "ipAddress is an IPv4 address or range such as 203.0.113.0/24")
	}
	return prefix.Masked(), nil
}
