package secretsmanager

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.etcd.io/bbolt"

	"airlock/local/template"
)

// bucketName is the bbolt bucket of the records, by the secret's name.
const bucketName = "secretsmanager/secrets"

// arnSuffix is how much Secrets Manager appends to a name in an ARN: a hyphen
// and six characters. A partial ARN is one without it.
const arnSuffix = len("-") + 6

func checkARN(secret template.Secret, region, accountID string) error {
	parts := strings.SplitN(secret.ARN, ":", 7)
	if len(parts) != 7 || parts[0] != "arn" || parts[2] != serviceName || parts[3] != region || parts[4] != accountID ||
		parts[5] != "secret" || secret.Name == "" || len(parts[6]) != len(secret.Name)+arnSuffix ||
		!strings.HasPrefix(parts[6], secret.Name+"-") {
		return fmt.Errorf("%q is not the ARN of the secret %q in %s of %s", secret.ARN, secret.Name, region, accountID)
	}
	return nil
}

func sortedByName(secrets []template.Secret) []template.Secret {
	return slices.SortedFunc(slices.Values(secrets), func(a, b template.Secret) int { return cmp.Compare(a.Name, b.Name) })
}

// find takes a name, an ARN, or an ARN without its suffix.
func (s *Service) find(id string) (template.Secret, bool) {
	for _, secret := range s.secrets {
		if id == secret.Name || id == secret.ARN || id == secret.ARN[:len(secret.ARN)-arnSuffix] {
			return secret, true
		}
	}
	return template.Secret{}, false
}

// create makes a secret's record unless there is one, and its first version if
// the template has a value and nobody gave one yet.
func (s *Service) create(secret template.Secret) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		if _, err := tx.CreateBucketIfNotExists([]byte(bucketName)); err != nil {
			return err
		}
		r, err := load(tx, secret.Name)
		if err != nil {
			return err
		}
		if r.Created.IsZero() {
			r.Created = time.Now()
			r.Changed = r.Created
		}
		if secret.Value != "" && len(r.Versions) == 0 {
			if err := r.put(uuid.NewString(), value{text: &secret.Value}, []string{stageCurrent}, secret.ARN); err != nil {
				return err
			}
		}
		return save(tx, secret.Name, r)
	})
}

// read loads a secret's record.
func (s *Service) read(name string) (r *record, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		r, err = load(tx, name)
		return err
	})
	return r, err
}

// change loads a secret's record, lets do change it, and stores it, in one
// transaction; an error of do leaves everything as it was.
func (s *Service) change(name string, do func(*record) error) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		r, err := load(tx, name)
		if err != nil {
			return err
		}
		if err := do(r); err != nil {
			return err
		}
		return save(tx, name, r)
	})
}

// load copies: what bbolt returns dies with the transaction.
func load(tx *bbolt.Tx, name string) (*record, error) {
	r := &record{}
	stored := tx.Bucket([]byte(bucketName)).Get([]byte(name))
	if stored == nil {
		return r, nil
	}
	if json.Unmarshal(stored, r) != nil {
		// encoding/json's own error may quote what it read.
		return nil, fmt.Errorf("reading the record of the secret %s: it is damaged", name)
	}
	return r, nil
}

func save(tx *bbolt.Tx, name string, r *record) error {
	stored, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("writing the record of the secret %s: %w", name, err)
	}
	return tx.Bucket([]byte(bucketName)).Put([]byte(name), stored)
}
