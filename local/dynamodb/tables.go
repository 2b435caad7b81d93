package dynamodb

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"airlock/local/template"
)

const maxTableNames = 100 // of one ListTables

// table is a table of the template, as it was created.
type table struct {
	name      string
	arn       string
	partition template.Attribute
	sort      template.Attribute // Name "": none
	ttl       string             // attribute; "": none
	id        string
	created   time.Time
}

// record is what the database knows of a table itself.
type record struct {
	PartitionKey template.Attribute
	SortKey      template.Attribute
	ID           string
	Created      time.Time
}

func recordsBucket() []byte           { return []byte("dynamodb/tables") }
func itemsBucket(table string) []byte { return []byte("dynamodb/items/" + table) }

// openTables finds or makes each table, all in one transaction.
func openTables(db *bbolt.DB, configured []template.Table) (map[string]*table, error) {
	tables := make(map[string]*table, len(configured))
	err := db.Update(func(tx *bbolt.Tx) error {
		for _, c := range configured {
			t, err := openTable(tx, c)
			if err != nil {
				return err
			}
			tables[t.name] = t
		}
		return nil
	})
	return tables, err
}

func openTable(tx *bbolt.Tx, c template.Table) (*table, error) {
	for _, a := range []template.Attribute{c.PartitionKey, c.SortKey} {
		if a.Type != "S" && a.Type != "N" && a.Type != "B" && a != (template.Attribute{}) {
			return nil, fmt.Errorf("table %s: key attribute %q has type %q, not S, N or B", c.Name, a.Name, a.Type)
		}
	}
	if c.PartitionKey.Name == "" {
		return nil, fmt.Errorf("table %s has no partition key", c.Name)
	}
	records, err := tx.CreateBucketIfNotExists(recordsBucket())
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", c.Name, err)
	}
	if _, err := tx.CreateBucketIfNotExists(itemsBucket(c.Name)); err != nil {
		return nil, fmt.Errorf("table %s: %w", c.Name, err)
	}
	wanted := record{PartitionKey: c.PartitionKey, SortKey: c.SortKey, ID: newTableID(), Created: time.Now().UTC()}
	stored := wanted
	if raw := records.Get([]byte(c.Name)); raw != nil {
		if err := json.Unmarshal(raw, &stored); err != nil {
			return nil, fmt.Errorf("table %s: reading its record: %w", c.Name, err)
		}
	}
	if stored.PartitionKey != wanted.PartitionKey || stored.SortKey != wanted.SortKey {
		return nil, fmt.Errorf("table %s was created with the key %s, and the template now says %s: AWS would replace the table; remove the data folder to do so",
			c.Name, keySchema(stored), keySchema(wanted))
	}
	raw, err := json.Marshal(stored)
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", c.Name, err)
	}
	if err := records.Put([]byte(c.Name), raw); err != nil {
		return nil, fmt.Errorf("table %s: %w", c.Name, err)
	}
	return &table{
		name: c.Name, arn: c.ARN, partition: c.PartitionKey, sort: c.SortKey, ttl: c.TTLAttribute,
		id: stored.ID, created: stored.Created,
	}, nil
}

func keySchema(r record) string {
	schema := fmt.Sprintf("%s (%s)", r.PartitionKey.Name, r.PartitionKey.Type)
	if r.SortKey.Name != "" {
		schema += fmt.Sprintf(", %s (%s)", r.SortKey.Name, r.SortKey.Type)
	}
	return schema
}

// newTableID makes a random UUID.
func newTableID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	b[6] = b[6]&0x0F | 0x40
	b[8] = b[8]&0x3F | 0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func checkTableName(name string) error {
	ok := len(name) >= 3 && len(name) <= 255
	for i := range len(name) {
		ok = ok && (isNamePart(name[i]) || name[i] == '-' || name[i] == '.')
	}
	if !ok {
		return invalid("Invalid table/index name.  Table/index names must be between 3 and 255 characters long, and may contain only the characters a-z, A-Z, 0-9, '_', '-', and '.'")
	}
	return nil
}

func (s *Service) listTables(req *request) any {
	names := slices.Sorted(maps.Keys(s.tables))
	if req.ExclusiveStartTableName != nil {
		names = slices.DeleteFunc(names, func(n string) bool { return n <= *req.ExclusiveStartTableName })
	}
	limit := maxTableNames
	if req.Limit != nil {
		limit = *req.Limit
	}
	answer := map[string]any{}
	if len(names) > limit {
		names = names[:limit]
		answer["LastEvaluatedTableName"] = names[limit-1]
	}
	answer["TableNames"] = append([]string{}, names...)
	return answer
}

// describeTable counts what is there now; AWS's figures are hours old.
func (s *Service) describeTable(t *table) (any, error) {
	count, size := 0, 0
	err := s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(itemsBucket(t.name)).ForEach(func(_, raw []byte) error {
			it, err := decodeItem(raw)
			count++
			size += it.size()
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("counting table %s: %w", t.name, err)
	}
	definitions, schema := []map[string]string{}, []map[string]string{}
	for i, a := range t.keyAttributes() {
		definitions = append(definitions, map[string]string{"AttributeName": a.Name, "AttributeType": a.Type})
		schema = append(schema, map[string]string{"AttributeName": a.Name, "KeyType": []string{"HASH", "RANGE"}[i]})
	}
	created := float64(t.created.UnixMilli()) / 1000
	return map[string]any{"Table": map[string]any{
		"TableName":            t.name,
		"TableArn":             t.arn,
		"TableId":              t.id,
		"TableStatus":          "ACTIVE",
		"CreationDateTime":     created,
		"AttributeDefinitions": definitions,
		"KeySchema":            schema,
		"ItemCount":            count,
		"TableSizeBytes":       size,
		"BillingModeSummary": map[string]any{
			"BillingMode":                       "PAY_PER_REQUEST",
			"LastUpdateToPayPerRequestDateTime": created,
		},
		"ProvisionedThroughput": map[string]any{
			"ReadCapacityUnits": 0, "WriteCapacityUnits": 0, "NumberOfDecreasesToday": 0,
		},
		"DeletionProtectionEnabled": false,
	}}, nil
}

// load reads the item at a storage key; nil if there is none.
func (t *table) load(tx *bbolt.Tx, key []byte) (item, error) {
	raw := tx.Bucket(itemsBucket(t.name)).Get(key)
	if raw == nil {
		return nil, nil
	}
	it, err := decodeItem(bytes.Clone(raw))
	if err != nil {
		return nil, fmt.Errorf("reading a stored item of %s: %w", t.name, err)
	}
	return it, nil
}

// store writes the item at a storage key, or removes what is there if it is
// nil.
func (t *table) store(tx *bbolt.Tx, key []byte, it item) error {
	bucket := tx.Bucket(itemsBucket(t.name))
	if it == nil {
		if err := bucket.Delete(key); err != nil {
			return fmt.Errorf("deleting an item of %s: %w", t.name, err)
		}
		return nil
	}
	raw, err := marshal(it)
	if err != nil {
		return err
	}
	if err := bucket.Put(key, raw); err != nil {
		return fmt.Errorf("storing an item of %s: %w", t.name, err)
	}
	return nil
}
