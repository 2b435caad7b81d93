package dynamodb

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"go.etcd.io/bbolt"

	"airlock/local/iam"
	"airlock/local/template"
)

func TestDescribeTable(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(t, testTable, entryKey("u/alice", "a"))
	out, err := f.client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String(testTable)})
	if err != nil {
		t.Fatalf("DescribeTable: %v", err)
	}
	got := out.Table
	if *got.TableArn != catalogTable().ARN || got.TableStatus != "ACTIVE" || *got.ItemCount != 1 || *got.TableSizeBytes != int64(len("space"+"u/alice"+"path"+"a")) {
		t.Errorf("DescribeTable = %s %s, %d items of %d bytes", *got.TableArn, got.TableStatus, *got.ItemCount, *got.TableSizeBytes)
	}
	if len(got.KeySchema) != 2 || *got.KeySchema[0].AttributeName != "space" || got.KeySchema[1].KeyType != "RANGE" || got.AttributeDefinitions[1].AttributeType != "S" {
		t.Errorf("DescribeTable's schema = %v, %v", got.KeySchema, got.AttributeDefinitions)
	}
	if time.Since(*got.CreationDateTime).Abs() > time.Hour || len(*got.TableId) != 36 {
		t.Errorf("DescribeTable = created %v, id %q", got.CreationDateTime, *got.TableId)
	}
}

func TestItemsSurviveARestart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "aws.db")
	open := func(c template.Table) (*Service, *bbolt.DB, error) {
		db, err := bbolt.Open(file, 0o600, &bbolt.Options{NoSync: true, Timeout: time.Second})
		if err != nil {
			t.Fatalf("opening the database: %v", err)
		}
		s, err := New(Config{DB: db, IAM: iam.NewDirectory(), Region: testRegion, AccountID: testAccount, Tables: []template.Table{c}})
		return s, db, err
	}
	closeDB := func(db *bbolt.DB) {
		if err := db.Close(); err != nil {
			t.Fatalf("closing the database: %v", err)
		}
	}
	s, db, err := open(catalogTable())
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	it := item{"space": stringValue("s"), "path": stringValue("p"), "n": numberValue(integer(7))}
	put := func(item) (item, error) { return it, nil }
	if _, _, err := s.do(write{table: s.tables[testTable], key: it, next: put}); err != nil {
		t.Fatalf("writing: %v", err)
	}
	id := s.tables[testTable].id
	closeDB(db)

	s, db, err = open(catalogTable())
	if err != nil {
		t.Fatalf("New, again: %v", err)
	}
	var got item
	err = db.View(func(tx *bbolt.Tx) error {
		got, err = s.tables[testTable].load(tx, s.tables[testTable].storageKey(it))
		return err
	})
	if err != nil || !mapValue(got).equal(mapValue(it)) {
		t.Errorf("after a restart: %v, %v, want %v", got, err, it)
	}
	if s.tables[testTable].id != id {
		t.Errorf("after a restart the table's id is %s, want %s", s.tables[testTable].id, id)
	}
	closeDB(db)

	changed := catalogTable()
	changed.SortKey.Type = "N"
	_, db, err = open(changed)
	if err == nil || !strings.Contains(err.Error(), "space (S), path (S), and the template now says space (S), path (N)") {
		t.Errorf("New with another schema = %v, want an error that names both", err)
	}
	closeDB(db)
}

func TestNewRefusesATableWithoutAKey(t *testing.T) {
	t.Parallel()
	for _, c := range []template.Table{
		{Name: "none"},
		{Name: "kind", PartitionKey: template.Attribute{Name: "id", Type: "BOOL"}},
	} {
		if _, err := New(Config{DB: openDB(t, filepath.Join(t.TempDir(), "aws.db")), Tables: []template.Table{c}}); err == nil {
			t.Errorf("New with table %s: no error", c.Name)
		}
	}
}

func TestRunDeletesExpiredItems(t *testing.T) {
	t.Parallel()
	db := openDB(t, filepath.Join(t.TempDir(), "aws.db"))
	synctest.Test(t, func(t *testing.T) {
		s, err := New(Config{DB: db, IAM: iam.NewDirectory(), Tables: []template.Table{catalogTable()}})
		if err != nil {
			t.Fatalf("New: %v", err)
		}
		table := s.tables[testTable]
		now := time.Now()
		seconds := func(d time.Duration) value {
			n, err := parseNumber(strconv.FormatInt(now.Add(d).Unix(), 10))
			if err != nil {
				t.Fatalf("parseNumber: %v", err)
			}
			return numberValue(n)
		}
		for path, expiry := range map[string]value{
			"past":      seconds(-time.Second),
			"soon":      seconds(90 * time.Second),
			"later":     seconds(time.Hour),
			"text":      stringValue("1"),
			"long gone": seconds(-6 * 365 * 24 * time.Hour),
		} {
			it := item{"space": stringValue("s"), "path": stringValue(path), "expiresAt": expiry}
			if _, _, err := s.do(write{table: table, key: it, next: func(item) (item, error) { return it, nil }}); err != nil {
				t.Fatalf("writing %s: %v", path, err)
			}
		}
		left := func() string {
			var paths []string
			err := db.View(func(tx *bbolt.Tx) error {
				return tx.Bucket(itemsBucket(testTable)).ForEach(func(_, raw []byte) error {
					it, err := decodeItem(raw)
					paths = append(paths, it["path"].text)
					return err
				})
			})
			if err != nil {
				t.Fatalf("reading: %v", err)
			}
			return strings.Join(paths, ", ")
		}

		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.Run(ctx)
		}()
		synctest.Wait()
		if got, want := left(), "later, long gone, soon, text"; got != want {
			t.Errorf("at the start %s are left, want %s", got, want)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got, want := left(), "later, long gone, text"; got != want {
			t.Errorf("two minutes on %s are left, want %s", got, want)
		}
		cancel()
		<-done
	})
}
