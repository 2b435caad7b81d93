package cloudfront

import (
	"encoding/xml"
	"net/http"
	"slices"

	"go.etcd.io/bbolt"
)

type keyGroupDocument struct {
	XMLName  xml.Name       `xml:"http://cloudfront.amazonaws.com/doc/2020-05-31/ KeyGroup"`
	ID       string         `xml:"Id"`
	Modified isoTime        `xml:"LastModifiedTime"`
	Config   keyGroupConfig `xml:"KeyGroupConfig"`
}

type keyGroupConfigDocument struct {
	XMLName xml.Name `xml:"http://cloudfront.amazonaws.com/doc/2020-05-31/ KeyGroupConfig"`
	keyGroupConfig
}

type keyGroupListDocument struct {
	XMLName    xml.Name `xml:"http://cloudfront.amazonaws.com/doc/2020-05-31/ KeyGroupList"`
	NextMarker string   `xml:",omitempty"`
	MaxItems   int
	Quantity   int
	Items      []keyGroupSummary `xml:"Items>KeyGroupSummary"`
}

type keyGroupSummary struct{ KeyGroup keyGroupDocument }

func (g *keyGroupRecord) document(id string) keyGroupDocument {
	return keyGroupDocument{ID: id, Modified: isoTime{g.Modified}, Config: g.Config}
}

func (g *keyGroupRecord) reply(status int, id string) reply {
	return reply{status: status, etag: g.ETag, document: g.document(id)}
}

// readKeyGroup reads the config of a call about the group id, "" for a new one,
// and holds it to what the account has.
func readKeyGroup(tx *bbolt.Tx, in call) (keyGroupConfig, error) {
	config, err := decodeKeyGroupConfig(in.body)
	if err != nil {
		return keyGroupConfig{}, malformedXML(err)
	}
	if err := checkName(config.Name, config.Comment); err != nil {
		return keyGroupConfig{}, err
	}
	switch n := len(config.Items); {
	case n == 0:
		return keyGroupConfig{}, invalidArgument("A key group must have at least one public key.")
	case n > maxKeysPerGroup:
		return keyGroupConfig{}, &controlError{
			http.StatusBadRequest, "TooManyPublicKeysInKeyGroup",
			"The number of public keys in this key group is more than the maximum allowed.",
		}
	}
	for i, id := range config.Items {
		record, err := publicKeys(tx).get(id)
		if err != nil {
			return keyGroupConfig{}, err
		}
		if record == nil || slices.Contains(config.Items[:i], id) {
			return keyGroupConfig{}, invalidArgument("The public key %q does not exist, or is there twice.", id)
		}
	}
	ids, all, err := keyGroups(tx).all()
	if err != nil {
		return keyGroupConfig{}, err
	}
	for i, other := range all {
		if other.Config.Name == config.Name && ids[i] != in.id {
			return keyGroupConfig{}, &controlError{
				http.StatusConflict, "KeyGroupAlreadyExists",
				"A key group with this name already exists. You must provide a unique name.",
			}
		}
	}
	if in.id == "" && len(ids) >= maxKeyGroups {
		return keyGroupConfig{}, &controlError{
			http.StatusBadRequest, "TooManyKeyGroups",
			"You have reached the maximum number of key groups for this account.",
		}
	}
	return config, nil
}

func (c *Control) createKeyGroup(tx *bbolt.Tx, in call) (reply, error) {
	config, err := readKeyGroup(tx, in)
	if err != nil {
		return reply{}, err
	}
	id, record := newKeyGroupID(), &keyGroupRecord{ETag: newETag(), Modified: in.now, Config: config}
	record.show(in.now, in.now)
	if err := keyGroups(tx).put(id, record); err != nil {
		return reply{}, err
	}
	out := record.reply(http.StatusCreated, id)
	out.location = "key-group/" + id
	return out, nil
}

// existingKeyGroup reads the one a call is about.
func existingKeyGroup(tx *bbolt.Tx, in call) (*keyGroupRecord, error) {
	record, err := keyGroups(tx).get(in.id)
	if err == nil && record == nil {
		err = &controlError{http.StatusNotFound, "NoSuchResource", "The specified key group does not exist."}
	}
	return record, err
}

func (c *Control) getKeyGroup(tx *bbolt.Tx, in call) (reply, error) {
	record, err := existingKeyGroup(tx, in)
	if err != nil {
		return reply{}, err
	}
	return record.reply(http.StatusOK, in.id), nil
}

func (c *Control) getKeyGroupConfig(tx *bbolt.Tx, in call) (reply, error) {
	record, err := existingKeyGroup(tx, in)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, etag: record.ETag, document: keyGroupConfigDocument{keyGroupConfig: record.Config}}, nil
}

// updateKeyGroup puts the config in place of all that was there; a comment left
// out is a comment taken away.
func (c *Control) updateKeyGroup(tx *bbolt.Tx, in call) (reply, error) {
	record, err := existingKeyGroup(tx, in)
	if err != nil {
		return reply{}, err
	}
	if err := checkIfMatch(in.ifMatch, record.ETag); err != nil {
		return reply{}, err
	}
	config, err := readKeyGroup(tx, in)
	if err != nil {
		return reply{}, err
	}
	record.Config, record.ETag, record.Modified = config, newETag(), in.now
	record.show(in.now.Add(c.delay), in.now)
	return record.reply(http.StatusOK, in.id), keyGroups(tx).put(in.id, record)
}

func (c *Control) deleteKeyGroup(tx *bbolt.Tx, in call) (reply, error) {
	record, err := existingKeyGroup(tx, in)
	if err != nil {
		return reply{}, err
	}
	if err := checkIfMatch(in.ifMatch, record.ETag); err != nil {
		return reply{}, err
	}
	if c.isTrusted(in.id) {
		return reply{}, &controlError{http.StatusConflict, "ResourceInUse", "Cannot delete this resource because it is in use."}
	}
	return reply{status: http.StatusNoContent}, keyGroups(tx).delete(in.id)
}

func (c *Control) listKeyGroups(tx *bbolt.Tx, in call) (reply, error) {
	ids, all, err := keyGroups(tx).all()
	if err != nil {
		return reply{}, err
	}
	p, err := pageOf(ids, in.query)
	if err != nil {
		return reply{}, err
	}
	out := keyGroupListDocument{NextMarker: p.next, MaxItems: p.maxItems, Quantity: p.to - p.from}
	for i := p.from; i < p.to; i++ {
		out.Items = append(out.Items, keyGroupSummary{all[i].document(ids[i])})
	}
	return reply{status: http.StatusOK, document: out}, nil
}
