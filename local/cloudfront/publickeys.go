package cloudfront

import (
	"encoding/xml"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"unicode/utf8"

	"go.etcd.io/bbolt"
)

// Quotas of an account ("Quotas", on signed URLs and key groups).
const (
	maxPublicKeys = 10
	maxKeyGroups  = 10
	maxComment    = 128
	maxPage       = 100
)

var validName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

type publicKeyDocument struct {
	XMLName xml.Name        `xml:"http://cloudfront.amazonaws.com/doc/2020-05-31/ PublicKey"`
	ID      string          `xml:"Id"`
	Created isoTime         `xml:"CreatedTime"`
	Config  publicKeyConfig `xml:"PublicKeyConfig"`
}

type publicKeyConfigDocument struct {
	XMLName xml.Name `xml:"http://cloudfront.amazonaws.com/doc/2020-05-31/ PublicKeyConfig"`
	publicKeyConfig
}

type publicKeyListDocument struct {
	XMLName    xml.Name `xml:"http://cloudfront.amazonaws.com/doc/2020-05-31/ PublicKeyList"`
	NextMarker string   `xml:",omitempty"`
	MaxItems   int
	Quantity   int
	Items      []publicKeySummary `xml:"Items>PublicKeySummary"`
}

type publicKeySummary struct {
	ID         string  `xml:"Id"`
	Created    isoTime `xml:"CreatedTime"`
	Name       string
	EncodedKey string
	Comment    string `xml:",omitempty"`
}

func (r *publicKeyRecord) reply(status int, id string) reply {
	return reply{status: status, etag: r.ETag, document: publicKeyDocument{ID: id, Created: isoTime{r.Created}, Config: r.Config}}
}

func noSuchPublicKey() error {
	return &controlError{http.StatusNotFound, "NoSuchPublicKey", "The specified public key does not exist."}
}

// publicKeyExists says what is taken, in words of a bug report on names
// (medplum/medplum issue 5272).
func publicKeyExists(what string) error {
	return &controlError{
		http.StatusConflict, "PublicKeyAlreadyExists",
		"The " + what + " that you are using to create a CloudFront public key is associated with another public key in your account.",
	}
}

func checkName(name, comment string) error {
	if !validName.MatchString(name) {
		return invalidArgument("The name must be 1 to 128 letters, digits, hyphens and underscores.")
	}
	if utf8.RuneCountInString(comment) > maxComment {
		return invalidArgument("The comment cannot be longer than %d characters.", maxComment)
	}
	return nil
}

func (c publicKeyConfig) check() error {
	if err := checkName(c.Name, c.Comment); err != nil {
		return err
	}
	if c.CallerReference == "" {
		return invalidArgument("The caller reference is missing.")
	}
	if _, err := parsePublicKey([]byte(c.EncodedKey)); err != nil {
		return invalidArgument("The encoded key is not one to be used with signed URLs: %v.", err)
	}
	return nil
}

func (c *Control) createPublicKey(tx *bbolt.Tx, in call) (reply, error) {
	config, err := decodePublicKeyConfig(in.body)
	if err != nil {
		return reply{}, malformedXML(err)
	}
	if err := config.check(); err != nil {
		return reply{}, err
	}
	ids, all, err := publicKeys(tx).all()
	if err != nil {
		return reply{}, err
	}
	for _, other := range all {
		if other.Config.Name == config.Name {
			return reply{}, publicKeyExists("name")
		}
		if other.Config.CallerReference == config.CallerReference {
			return reply{}, publicKeyExists("caller reference")
		}
	}
	if len(ids) >= maxPublicKeys {
		// The words are from hashicorp/terraform-provider-aws pull request 36663.
		return reply{}, &controlError{
			http.StatusBadRequest, "TooManyPublicKeys",
			"Processing your request will cause you to exceed the maximum number of CloudFront public keys allowed.",
		}
	}
	id, record := newPublicKeyID(), &publicKeyRecord{ETag: newETag(), Created: in.now, Config: config}
	if err := publicKeys(tx).put(id, record); err != nil {
		return reply{}, err
	}
	out := record.reply(http.StatusCreated, id)
	out.location = "public-key/" + id
	return out, nil
}

// existingPublicKey reads the one a call is about.
func existingPublicKey(tx *bbolt.Tx, in call) (*publicKeyRecord, error) {
	record, err := publicKeys(tx).get(in.id)
	if err == nil && record == nil {
		err = noSuchPublicKey()
	}
	return record, err
}

func (c *Control) getPublicKey(tx *bbolt.Tx, in call) (reply, error) {
	record, err := existingPublicKey(tx, in)
	if err != nil {
		return reply{}, err
	}
	return record.reply(http.StatusOK, in.id), nil
}

func (c *Control) getPublicKeyConfig(tx *bbolt.Tx, in call) (reply, error) {
	record, err := existingPublicKey(tx, in)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, etag: record.ETag, document: publicKeyConfigDocument{publicKeyConfig: record.Config}}, nil
}

func (c *Control) updatePublicKey(tx *bbolt.Tx, in call) (reply, error) {
	record, err := existingPublicKey(tx, in)
	if err != nil {
		return reply{}, err
	}
	if err := checkIfMatch(in.ifMatch, record.ETag); err != nil {
		return reply{}, err
	}
	config, err := decodePublicKeyConfig(in.body)
	if err != nil {
		return reply{}, malformedXML(err)
	}
	before := record.Config
	before.Comment = config.Comment
	if before != config {
		return reply{}, &controlError{
			http.StatusBadRequest, "CannotChangeImmutablePublicKeyFields",
			"You can't change the value of a public key: only its comment.",
		}
	}
	if err := config.check(); err != nil {
		return reply{}, err
	}
	record.Config, record.ETag = config, newETag()
	return record.reply(http.StatusOK, in.id), publicKeys(tx).put(in.id, record)
}

func (c *Control) deletePublicKey(tx *bbolt.Tx, in call) (reply, error) {
	record, err := existingPublicKey(tx, in)
	if err != nil {
		return reply{}, err
	}
	if err := checkIfMatch(in.ifMatch, record.ETag); err != nil {
		return reply{}, err
	}
	_, groups, err := keyGroups(tx).all()
	if err != nil {
		return reply{}, err
	}
	if slices.ContainsFunc(groups, func(g *keyGroupRecord) bool { return g.uses(in.id, in.now) }) {
		// The words are from a bug report
		// (ministryofjustice/cloud-platform-environments pull request 22517).
		return reply{}, &controlError{
			http.StatusConflict, "PublicKeyInUse",
			"The Cloudfront public key is currently associated with either Key Group or a field level encryption profile.",
		}
	}
	return reply{status: http.StatusNoContent}, publicKeys(tx).delete(in.id)
}

func (c *Control) listPublicKeys(tx *bbolt.Tx, in call) (reply, error) {
	ids, all, err := publicKeys(tx).all()
	if err != nil {
		return reply{}, err
	}
	p, err := pageOf(ids, in.query)
	if err != nil {
		return reply{}, err
	}
	out := publicKeyListDocument{NextMarker: p.next, MaxItems: p.maxItems, Quantity: p.to - p.from}
	for i := p.from; i < p.to; i++ {
		config := all[i].Config
		out.Items = append(out.Items, publicKeySummary{
			ID: ids[i], Created: isoTime{all[i].Created}, Name: config.Name, EncodedKey: config.EncodedKey, Comment: config.Comment,
		})
	}
	return reply{status: http.StatusOK, document: out}, nil
}

// page is a part of a listing.
type page struct {
	from, to int
	maxItems int
	next     string // "": it is the last one
}

// pageOf reads Marker and MaxItems. A marker is the last id of the page before,
// which may be gone by now.
func pageOf(ids []string, query map[string][]string) (page, error) {
	p := page{maxItems: maxPage}
	for name, values := range query {
		if len(values) != 1 {
			return page{}, invalidArgument("The parameter %s is there twice.", name)
		}
		switch name {
		case "Marker":
			at, found := slices.BinarySearch(ids, values[0])
			if p.from = at; found {
				p.from++
			}
		case "MaxItems":
			n, err := strconv.Atoi(values[0])
			if err != nil || n < 1 || n > maxPage {
				return page{}, invalidArgument("MaxItems must be a number from 1 to %d.", maxPage)
			}
			p.maxItems = n
		default:
			return page{}, invalidArgument("The parameter %s is not known.", name)
		}
	}
	if p.to = min(p.from+p.maxItems, len(ids)); p.to < len(ids) {
		p.next = ids[p.to-1]
	}
	return p, nil
}
