package iam

import (
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"sync"
	"time"
)

// Credentials are an access key; SessionToken is empty for a long-term one
// (AKIA…) and set for a temporary one (ASIA…), which also has Expires. They
// print as the access key's id alone.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
	Expires         time.Time // zero: never
}

// String leaves out everything that must not be printed.
func (c Credentials) String() string { return c.AccessKeyID + " [redacted]" }

// GoString does the same under %#v.
func (c Credentials) GoString() string { return c.String() }

// LogValue does the same in slog's JSON.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

func (c Credentials) expired() bool {
	return !c.Expires.IsZero() && !time.Now().Before(c.Expires)
}

// Directory holds the credentials of one embedded AWS. It is safe for
// concurrent use. Expired credentials stay, so that whoever still uses them
// hears ExpiredToken and not that they never existed.
type Directory struct {
	mu      sync.RWMutex
	holders map[string]holder // by access key id
}

type holder struct {
	principal   *Principal
	credentials Credentials
}

// NewDirectory returns an empty directory.
func NewDirectory() *Directory {
	return &Directory{holders: make(map[string]holder)}
}

// Add makes c belong to p, which must not change afterwards. An access key
// added before is replaced.
func (d *Directory) Add(p *Principal, c Credentials) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.holders[c.AccessKeyID] = holder{p, c}
}

// Issue makes fresh temporary credentials for p that end after ttl.
func (d *Directory) Issue(p *Principal, ttl time.Duration) Credentials {
	c := Credentials{
		// The prefix tells clients, and people, that a session token belongs to it.
		AccessKeyID:     "ASIA" + rand.Text()[:16],
		SecretAccessKey: randomBase64(30),
		SessionToken:    randomBase64(96),
		Expires:         time.Now().Add(ttl),
	}
	d.Add(p, c)
	return c
}

// Lookup finds who holds an access key, and the key itself. Whether it has
// expired is for the caller to ask: services word that differently.
func (d *Directory) Lookup(accessKeyID string) (*Principal, Credentials, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	h, ok := d.holders[accessKeyID]
	return h.principal, h.credentials, ok
}

func randomBase64(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails since Go 1.24: it ends the process instead
	return base64.StdEncoding.EncodeToString(b)
}
