package iam

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestDirectory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := NewDirectory()
		p := &Principal{Name: "SignFunction"}
		c := d.Issue(p, time.Hour)
		if !strings.HasPrefix(c.AccessKeyID, "ASIA") || len(c.AccessKeyID) != 20 || len(c.SecretAccessKey) != 40 || c.SessionToken == "" {
			t.Errorf("Issue = %s, want the shape of temporary credentials", c)
		}
		if want := time.Now().Add(time.Hour); !c.Expires.Equal(want) {
			t.Errorf("Issue ends %v, want %v", c.Expires, want)
		}
		if got, key, ok := d.Lookup(c.AccessKeyID); got != p || key != c || !ok {
			t.Errorf("Lookup = %v, %v, %t, want what was issued", got, key, ok)
		}
		if got, key, ok := d.Lookup("AKIAUNKNOWN"); got != nil || key != (Credentials{}) || ok {
			t.Errorf("Lookup of an unknown key = %v, %v, %t", got, key, ok)
		}
		if other := d.Issue(p, time.Hour); other.AccessKeyID == c.AccessKeyID || other.SecretAccessKey == c.SecretAccessKey || other.SessionToken == c.SessionToken {
			t.Error("Issue repeats itself")
		}
		time.Sleep(time.Hour)
		if _, key, ok := d.Lookup(c.AccessKeyID); !ok || !key.expired() {
			t.Errorf("Lookup after the end = %v, %t, want expired credentials", key, ok)
		}
		if (Credentials{}).expired() {
			t.Error("credentials without an end have expired")
		}
	})
}

func TestDirectoryConcurrently(t *testing.T) {
	t.Parallel()
	d := NewDirectory()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			p := &Principal{}
			c := d.Issue(p, time.Hour)
			if got, _, ok := d.Lookup(c.AccessKeyID); got != p || !ok {
				t.Errorf("Lookup = %v, %t, want the holder", got, ok)
			}
		})
	}
	group.Wait()
}

func TestCredentialsPrint(t *testing.T) {
	t.Parallel()
	c := Credentials{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "hidden1", SessionToken: "hidden2"}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "credentials", c)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "credentials", c)
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s", c, c, c, c), fmt.Sprintf("%+v", []Credentials{c}), log.String()} {
		if strings.Contains(text, "hidden") || !strings.Contains(text, "ASIAEXAMPLE") {
			t.Errorf("credentials print as %s", text)
		}
	}
}
