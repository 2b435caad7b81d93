package cloudfront

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

const (
	xmlNamespace = "http://cloudfront.amazonaws.com/doc/2020-05-31/"
	// maxElementDepth is that of KeyGroupConfig/Items/PublicKey, the deepest there is.
	maxElementDepth = 3
)

// element is a part of a request's document: text, or children.
type element struct {
	name     string
	text     string
	children []element
}

// parseDocument reads a request's body, which must be one element named root in
// CloudFront's namespace. It takes only what the SDKs write: no attributes, no
// document type, no text beside elements, nothing after the end.
func parseDocument(body []byte, root string) (element, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	var open []element // the path to where the decoder is
	var whole *element
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && whole != nil {
			return *whole, nil
		}
		if err != nil {
			return element{}, fmt.Errorf("reading the document: %w", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if whole != nil || len(open) == maxElementDepth || len(open) == 0 && t.Name.Local != root {
				return element{}, fmt.Errorf("the element %s is not expected there", t.Name.Local)
			}
			if err := checkStart(t); err != nil {
				return element{}, err
			}
			open = append(open, element{name: t.Name.Local})
		case xml.EndElement:
			last := len(open) - 1
			closed := open[last]
			if open = open[:last]; closed.children != nil {
				if strings.TrimSpace(closed.text) != "" {
					return element{}, fmt.Errorf("the element %s has text between its elements", closed.name)
				}
				closed.text = ""
			}
			if last == 0 {
				whole = &closed
				continue
			}
			open[last-1].children = append(open[last-1].children, closed)
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text += string(t)
			} else if len(bytes.TrimSpace(t)) > 0 {
				return element{}, errors.New("there is text outside the document")
			}
		case xml.ProcInst: // <?xml version="1.0"?>
			if t.Target != "xml" || len(open) > 0 || whole != nil {
				return element{}, errors.New("there is a processing instruction")
			}
		case xml.Comment:
		default:
			return element{}, errors.New("there is a document type")
		}
	}
}

func checkStart(t xml.StartElement) error {
	if t.Name.Space != xmlNamespace {
		return fmt.Errorf("the element %s is in another namespace than %s", t.Name.Local, xmlNamespace)
	}
	for _, a := range t.Attr {
		if a.Name.Local != "xmlns" && a.Name.Space != "xmlns" {
			return fmt.Errorf("the element %s has the attribute %s", t.Name.Local, a.Name.Local)
		}
	}
	return nil
}

// members gives an element's children by name, which must be among known, each
// at most once.
func (e element) members(known ...string) (map[string]element, error) {
	found := make(map[string]element, len(known))
	for _, child := range e.children {
		if _, twice := found[child.name]; twice {
			return nil, fmt.Errorf("the element %s is there twice", child.name)
		}
		for _, name := range known {
			if child.name == name {
				found[name] = child
			}
		}
		if _, ok := found[child.name]; !ok {
			return nil, fmt.Errorf("the element %s is not known", child.name)
		}
	}
	return found, nil
}

// value is an element's text; an element that holds others has none.
func (e element) value() (string, error) {
	if e.children != nil {
		return "", fmt.Errorf("the element %s holds elements instead of text", e.name)
	}
	return e.text, nil
}

// decodePublicKeyConfig reads the body of CreatePublicKey and UpdatePublicKey.
// An empty member is one that is missing.
func decodePublicKeyConfig(body []byte) (publicKeyConfig, error) {
	root, err := parseDocument(body, "PublicKeyConfig")
	if err != nil {
		return publicKeyConfig{}, err
	}
	var c publicKeyConfig
	err = root.texts(map[string]*string{
		"CallerReference": &c.CallerReference, "Name": &c.Name, "EncodedKey": &c.EncodedKey, "Comment": &c.Comment,
	})
	return c, err
}

// texts fills into with the texts of an element's children, and knows no other
// children.
func (e element) texts(into map[string]*string, others ...string) error {
	known := others
	for name := range into {
		known = append(known, name)
	}
	found, err := e.members(known...)
	if err != nil {
		return err
	}
	for name, at := range into {
		if *at, err = found[name].value(); err != nil {
			return err
		}
	}
	return nil
}

// decodeKeyGroupConfig reads the body of CreateKeyGroup and UpdateKeyGroup.
func decodeKeyGroupConfig(body []byte) (keyGroupConfig, error) {
	root, err := parseDocument(body, "KeyGroupConfig")
	if err != nil {
		return keyGroupConfig{}, err
	}
	var c keyGroupConfig
	if err := root.texts(map[string]*string{"Name": &c.Name, "Comment": &c.Comment}, "Items"); err != nil {
		return keyGroupConfig{}, err
	}
	for _, list := range root.children {
		if list.name != "Items" {
			continue
		}
		if strings.TrimSpace(list.text) != "" {
			return keyGroupConfig{}, errors.New("the element Items holds text")
		}
		for _, item := range list.children {
			id, err := item.value()
			if err != nil || item.name != "PublicKey" {
				return keyGroupConfig{}, errors.New("the element Items holds something that is not the id of a PublicKey")
			}
			c.Items = append(c.Items, id)
		}
	}
	return c, nil
}

// isoTime is a timestamp as REST-XML writes it.
type isoTime struct{ time.Time }

// MarshalText writes it to the millisecond, in UTC.
func (t isoTime) MarshalText() ([]byte, error) {
	return t.UTC().AppendFormat(nil, "2006-01-02T15:04:05.000Z"), nil
}
