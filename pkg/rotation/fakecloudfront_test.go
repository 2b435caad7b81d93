package rotation_test

import (
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// fakeCloudFront has the rules rotation has to live with: quotas, ETags, keys in
// use, and edges that learn late.
type fakeCloudFront struct {
	keys   map[string]*fakeKey
	groups map[string]*fakeGroup
	made   int
	// propagation is how long an edge may go by an old state of a group.
	propagation time.Duration
	// lingers is how long a key that left its group is still in use; deployed says
	// that a distribution uses the groups.
	lingers  time.Duration
	deployed bool
	// unlisted is how many lists of groups are behind, and empty.
	unlisted int
	// meanwhile happens before the next update of a group.
	meanwhile func()
}

type fakeKey struct {
	ID, Name, CallerReference, EncodedKey string
	created, left                         time.Time
}

type fakeGroup struct {
	id, name string
	etag     int
	states   []since[[]string]
}

const keyQuota, groupQuota, pageSize = 10, 5, 3

func newFakeCloudFront() fakeCloudFront {
	return fakeCloudFront{keys: map[string]*fakeKey{}, groups: map[string]*fakeGroup{}}
}

func (g *fakeGroup) items() []string { return g.states[len(g.states)-1].v }

// verifies says whether every edge takes the key now.
func (g *fakeGroup) verifies(id string, propagation time.Duration) bool {
	for i := len(g.states) - 1; i >= 0; i-- {
		if !slices.Contains(g.states[i].v, id) {
			return false
		}
		if time.Since(g.states[i].t) >= propagation {
			return true
		}
	}
	return false
}

// ours is the stack's group, or nil.
func (c *fakeCloudFront) ours() *fakeGroup {
	for _, g := range c.groups {
		if g.name == prefix {
			return g
		}
	}
	return nil
}

// addKey is an operator's CreatePublicKey.
func (c *fakeCloudFront) addKey(name, encoded string) string {
	c.made++
	id := fmt.Sprintf("K%dEXAMPLE", c.made)
	c.keys[id] = &fakeKey{ID: id, Name: name, CallerReference: encoded, EncodedKey: encoded, created: time.Now()}
	return id
}

// setItems is a change of a group, by whomever.
func (c *fakeCloudFront) setItems(g *fakeGroup, items []string) {
	if len(g.states) > 0 {
		for _, id := range g.items() {
			if k := c.keys[id]; k != nil && !slices.Contains(items, id) {
				k.left = time.Now()
			}
		}
	}
	g.etag++
	g.states = append(g.states, since[[]string]{time.Now(), slices.Clone(items)})
}

func (c *fakeCloudFront) serveCloudFront(r *http.Request, body []byte) *http.Response {
	kind, id, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/2020-05-31/"), "/")
	if kind == "public-key" {
		return c.servePublicKey(r, id, body)
	}
	return c.serveKeyGroup(r, id, body)
}

func (c *fakeCloudFront) servePublicKey(r *http.Request, id string, body []byte) *http.Response {
	k := c.keys[id]
	switch {
	case r.Method == http.MethodPost:
		var in fakeKey
		if err := xml.Unmarshal(body, &in); err != nil {
			return cloudFrontError(http.StatusBadRequest, "InvalidArgument")
		}
		for _, other := range c.keys {
			if other.CallerReference == in.CallerReference || other.Name == in.Name {
				return cloudFrontError(http.StatusConflict, "PublicKeyAlreadyExists")
			}
		}
		if len(c.keys) == keyQuota {
			return cloudFrontError(http.StatusBadRequest, "TooManyPublicKeys")
		}
		id = c.addKey(in.Name, in.EncodedKey)
		c.keys[id].CallerReference = in.CallerReference
		return cloudFrontAnswer(http.StatusCreated, "E1", "<PublicKey><Id>"+id+"</Id></PublicKey>")
	case id == "":
		page, next := pageOf(slices.Sorted(maps.Keys(c.keys)), r.URL.Query().Get("Marker"))
		var items strings.Builder
		for _, id := range page {
			k := c.keys[id]
			fmt.Fprintf(&items, "<PublicKeySummary><Id>%s</Id><Name>%s</Name><CreatedTime>%s</CreatedTime><EncodedKey>%s</EncodedKey></PublicKeySummary>",
				id, k.Name, k.created.UTC().Format(time.RFC3339), k.EncodedKey)
		}
		return cloudFrontAnswer(http.StatusOK, "", "<PublicKeyList>"+next+"<Items>"+items.String()+"</Items></PublicKeyList>")
	case k == nil:
		return cloudFrontError(http.StatusNotFound, "NoSuchPublicKey")
	case r.Method == http.MethodGet:
		return cloudFrontAnswer(http.StatusOK, "E1", "<PublicKey><Id>"+id+"</Id></PublicKey>")
	case r.Header.Get("If-Match") != "E1":
		return cloudFrontError(http.StatusPreconditionFailed, "PreconditionFailed")
	}
	for _, g := range c.groups {
		if slices.Contains(g.items(), id) || time.Since(k.left) < c.lingers {
			return cloudFrontError(http.StatusConflict, "PublicKeyInUse")
		}
	}
	delete(c.keys, id)
	return respond(http.StatusNoContent, "")
}

func (c *fakeCloudFront) serveKeyGroup(r *http.Request, id string, body []byte) *http.Response {
	var in struct {
		Name  string
		Items []string `xml:"Items>PublicKey"`
	}
	if len(body) > 0 && (xml.Unmarshal(body, &in) != nil || len(in.Items) == 0) {
		return cloudFrontError(http.StatusBadRequest, "InvalidArgument")
	}
	if r.Method == http.MethodPut && c.meanwhile != nil {
		meanwhile := c.meanwhile
		c.meanwhile = nil
		meanwhile()
	}
	g := c.groups[id]
	switch {
	case r.Method != http.MethodPost && id == "" && c.unlisted > 0:
		c.unlisted--
		return cloudFrontAnswer(http.StatusOK, "", "<KeyGroupList/>")
	case r.Method != http.MethodPost && id == "":
		page, next := pageOf(slices.Sorted(maps.Keys(c.groups)), r.URL.Query().Get("Marker"))
		var items strings.Builder
		for _, id := range page {
			items.WriteString("<KeyGroupSummary>" + c.groups[id].xml() + "</KeyGroupSummary>")
		}
		return cloudFrontAnswer(http.StatusOK, "", "<KeyGroupList>"+next+"<Items>"+items.String()+"</Items></KeyGroupList>")
	case r.Method != http.MethodPost && g == nil:
		return cloudFrontError(http.StatusNotFound, "NoSuchResource")
	case r.Method == http.MethodGet:
		return cloudFrontAnswer(http.StatusOK, g.tag(), g.xml())
	case r.Method != http.MethodPost && r.Header.Get("If-Match") != g.tag():
		return cloudFrontError(http.StatusPreconditionFailed, "PreconditionFailed")
	case r.Method == http.MethodDelete && c.deployed:
		return cloudFrontError(http.StatusConflict, "ResourceInUse")
	case r.Method == http.MethodDelete:
		c.setItems(g, nil)
		delete(c.groups, id)
		return respond(http.StatusNoContent, "")
	case len(in.Items) > groupQuota:
		return cloudFrontError(http.StatusBadRequest, "TooManyPublicKeysInKeyGroup")
	}
	for _, id := range in.Items {
		if c.keys[id] == nil {
			return cloudFrontError(http.StatusBadRequest, "InvalidArgument")
		}
	}
	if r.Method == http.MethodPost {
		for _, other := range c.groups {
			if other.name == in.Name {
				return cloudFrontError(http.StatusConflict, "KeyGroupAlreadyExists")
			}
		}
		c.made++
		g = &fakeGroup{id: fmt.Sprintf("%08d-1111-4222-8333-abcdefabcdef", c.made), name: in.Name}
		c.groups[g.id] = g
	}
	c.setItems(g, in.Items)
	return cloudFrontAnswer(http.StatusOK, g.tag(), g.xml())
}

func (g *fakeGroup) tag() string { return fmt.Sprintf("E%d", g.etag) }

func (g *fakeGroup) xml() string {
	return fmt.Sprintf("<KeyGroup><Id>%s</Id><KeyGroupConfig><Name>%s</Name><Items><PublicKey>%s</PublicKey></Items></KeyGroupConfig></KeyGroup>",
		g.id, g.name, strings.Join(g.items(), "</PublicKey><PublicKey>"))
}

// pageOf is the part of a sorted list after the marker.
func pageOf(ids []string, marker string) (page []string, next string) {
	i, found := slices.BinarySearch(ids, marker)
	if found {
		i++
	}
	if page = ids[i:]; len(page) > pageSize {
		page = page[:pageSize]
		next = "<NextMarker>" + page[pageSize-1] + "</NextMarker>"
	}
	return page, next
}

func cloudFrontAnswer(status int, etag, body string) *http.Response {
	res := respond(status, body)
	if etag != "" {
		res.Header.Set("ETag", etag)
	}
	return res
}

func cloudFrontError(status int, code string) *http.Response {
	return respond(status, fmt.Sprintf(`<ErrorResponse xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"><Error><Type>Sender</Type><Code>%s</Code><Message>arn:aws:iam::444455556666:role/x</Message></Error></ErrorResponse>`, code))
}
