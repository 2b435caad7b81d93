package cloudfront

import (
	"crypto"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"airlock/local/template"
)

// New returns an edge for c. What CloudFront would not accept in a
// distribution or a key group, and what this edge cannot do, is an error.
func New(c Config) (*Service, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || c.URL != u.Scheme+"://"+u.Host {
		return nil, fmt.Errorf("cloudfront: the URL %q is not a scheme and a host alone", c.URL)
	}
	s := &Service{
		base: c.URL, host: u.Host, log: c.Log, transport: newTransport(), signer: newSigner(), keys: c.Keys,
		groups: make(map[string]map[string]crypto.PublicKey, len(c.KeyGroups)),
	}
	if root := c.Distribution.DefaultRootObject; root != "" {
		if strings.HasPrefix(root, "/") {
			return nil, fmt.Errorf("cloudfront: the default root object %s begins with a slash", root)
		}
		s.rootKey = root
	}
	for id, keys := range c.KeyGroups {
		if s.groups[id], err = parseKeyGroup(id, keys); err != nil {
			return nil, err
		}
	}
	behaviors := slices.Concat(c.Distribution.Behaviors, []template.Behavior{c.Distribution.Default})
	for i, b := range behaviors {
		if isDefault := i == len(behaviors)-1; (b.PathPattern == "") != isDefault {
			return nil, errors.New("cloudfront: every behavior but the default one, which is the last, has a path pattern")
		}
		ready, err := s.newBehavior(c, b)
		if err != nil {
			return nil, fmt.Errorf("cloudfront: reading the behavior for %q: %w", b.PathPattern, err)
		}
		s.behaviors = append(s.behaviors, ready)
	}
	// Last, so that nothing has to be taken back.
	if s.keys != nil {
		if err := s.keys.trust(s.trusted); err != nil {
			return nil, fmt.Errorf("cloudfront: reading the distribution: %w", err)
		}
	}
	return s, nil
}

func (s *Service) newBehavior(c Config, b template.Behavior) (*behavior, error) {
	// GET and HEAD are what CloudFront takes a behavior without methods for.
	for _, method := range b.AllowedMethods {
		if method != "GET" && method != "HEAD" {
			return nil, fmt.Errorf("the method %s is not one this edge can allow", method)
		}
	}
	if len(b.TrustedKeyGroups) > maxGroupsPerBehavior {
		return nil, fmt.Errorf("it trusts %d key groups, more than %d", len(b.TrustedKeyGroups), maxGroupsPerBehavior)
	}
	for _, id := range b.TrustedKeyGroups {
		switch _, ok := s.groups[id]; {
		case ok:
		case s.keys == nil:
			return nil, fmt.Errorf("the trusted key group %q does not exist", id)
		default:
			s.trusted = append(s.trusted, id)
		}
	}
	o, err := originFor(c, b.TargetOriginID)
	if err != nil {
		return nil, fmt.Errorf("reading the origin %q: %w", b.TargetOriginID, err)
	}
	ready := &behavior{keyGroups: b.TrustedKeyGroups, origin: o}
	if b.ResponseHeaders != nil {
		if ready.headers, err = newHeadersPolicy(*b.ResponseHeaders); err != nil {
			return nil, err
		}
	}
	if b.PathPattern != "" {
		// The leading slash is optional in a pattern.
		ready.pattern = compile("/" + strings.TrimPrefix(b.PathPattern, "/"))
	}
	return ready, nil
}

// originFor finds where the distribution's origin answers locally.
func originFor(c Config, id string) (*origin, error) {
	for _, o := range c.Distribution.Origins {
		if o.ID != id {
			continue
		}
		if !o.OAC {
			return nil, errors.New("it has no origin access control")
		}
		local, ok := c.Origins[id]
		if !ok {
			return nil, errors.New("nothing says where it answers")
		}
		return newOrigin(local)
	}
	return nil, errors.New("the distribution has none of that id")
}
