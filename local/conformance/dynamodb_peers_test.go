package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"airlock/local/dynamodb"
	"airlock/local/iam"
	"airlock/local/template"
)

const dynamoRegion = "eu-central-1"

// dynamoTables have the product's kind of key, and every other kind. They are in order.
func dynamoTables() []template.Table {
	tables := []template.Table{
		{
			Name:         "blobs",
			PartitionKey: template.Attribute{Name: "space", Type: "B"},
			SortKey:      template.Attribute{Name: "path", Type: "B"},
		},
		{
			Name:         "catalog",
			PartitionKey: template.Attribute{Name: "space", Type: "S"},
			SortKey:      template.Attribute{Name: "path", Type: "S"},
		},
		{
			Name:         "ranks",
			PartitionKey: template.Attribute{Name: "space", Type: "N"},
			SortKey:      template.Attribute{Name: "path", Type: "N"},
		},
		{
			Name:         "single",
			PartitionKey: template.Attribute{Name: "space", Type: "S"},
		},
	}
	for i, t := range tables {
		tables[i].LogicalID = "Table" + t.Name
		tables[i].ARN = "arn:aws:dynamodb:" + dynamoRegion + ":123456789012:table/" + t.Name
	}
	return tables
}

// dynamoPeer is one of the two, reached by the real SDK client.
type dynamoPeer struct {
	client *sdk.Client
	wire   *dynamoWire
}

// dynamoWire keeps the last answer as it came, which the SDK hides.
type dynamoWire struct {
	http   http.Client
	status int
	body   []byte
}

func (w *dynamoWire) Do(r *http.Request) (*http.Response, error) {
	response, err := w.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	w.status = response.StatusCode
	if w.body, err = io.ReadAll(response.Body); err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(w.body))
	return response, nil
}

func dialDynamo(endpoint string, c iam.Credentials) *dynamoPeer {
	wire := &dynamoWire{http: http.Client{Timeout: time.Minute}}
	return &dynamoPeer{wire: wire, client: sdk.New(sdk.Options{
		BaseEndpoint: aws.String(endpoint), Region: dynamoRegion, Retryer: aws.NopRetryer{}, HTTPClient: wire,
		Credentials: credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, c.SessionToken),
	})}
}

func embeddedDynamo(t *testing.T) *dynamoPeer {
	t.Helper()
	directory := iam.NewDirectory()
	service, err := dynamodb.New(dynamodb.Config{
		DB: openDatabase(t), IAM: directory, Region: dynamoRegion, AccountID: "123456789012", Tables: dynamoTables(),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(service)
	t.Cleanup(server.Close)
	return dialDynamo(server.URL, directory.Issue(&iam.Principal{Name: "operator", Operator: true}, time.Hour))
}

// foreignDynamo makes the tables at a peer, which listens at address.
func foreignDynamo(t *testing.T, address string) *dynamoPeer {
	t.Helper()
	peer := dialDynamo("http://"+address, iam.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "any"})
	for _, table := range dynamoTables() {
		in := &sdk.CreateTableInput{TableName: &table.Name, BillingMode: types.BillingModePayPerRequest}
		for i, a := range []template.Attribute{table.PartitionKey, table.SortKey} {
			if a.Name == "" {
				continue
			}
			in.AttributeDefinitions = append(in.AttributeDefinitions,
				types.AttributeDefinition{AttributeName: &a.Name, AttributeType: types.ScalarAttributeType(a.Type)})
			in.KeySchema = append(in.KeySchema,
				types.KeySchemaElement{AttributeName: &a.Name, KeyType: []types.KeyType{types.KeyTypeHash, types.KeyTypeRange}[i]})
		}
		if _, err := peer.client.CreateTable(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		waiter := sdk.NewTableExistsWaiter(peer.client, func(o *sdk.TableExistsWaiterOptions) { o.MinDelay = 10 * time.Millisecond })
		if err := waiter.Wait(t.Context(), &sdk.DescribeTableInput{TableName: &table.Name}, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	return peer
}

// dynamoAnswer is what came over the wire: a body, or an error's code and
// message.
type dynamoAnswer struct {
	Code, Message string
	Body          map[string]any
	After         any // the item that a write left
}

func (a dynamoAnswer) String() string {
	text, err := json.Marshal([]any{a.Body, a.After})
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s %q %s", a.Code, a.Message, text)
}

// call runs one operation. An error is one of transport, or the SDK's about an
// answer it can't read.
func (p *dynamoPeer) call(ctx context.Context, input any) (dynamoAnswer, error) {
	p.wire.status, p.wire.body = 0, nil
	var err error
	switch in := input.(type) {
	case *sdk.PutItemInput:
		_, err = p.client.PutItem(ctx, in)
	case *sdk.GetItemInput:
		_, err = p.client.GetItem(ctx, in)
	case *sdk.UpdateItemInput:
		_, err = p.client.UpdateItem(ctx, in)
	case *sdk.DeleteItemInput:
		_, err = p.client.DeleteItem(ctx, in)
	case *sdk.QueryInput:
		_, err = p.client.Query(ctx, in)
	case *sdk.ScanInput:
		_, err = p.client.Scan(ctx, in)
	case *sdk.DescribeTableInput:
		_, err = p.client.DescribeTable(ctx, in)
	case *sdk.ListTablesInput:
		_, err = p.client.ListTables(ctx, in)
	default:
		return dynamoAnswer{}, fmt.Errorf("no call for a %T", input)
	}
	var refused smithy.APIError
	if err != nil && !errors.As(err, &refused) && p.wire.status != http.StatusInternalServerError {
		return dynamoAnswer{}, fmt.Errorf("%T: %w: %d %s", input, err, p.wire.status, p.wire.body)
	}
	return readDynamoAnswer(p.wire.status, p.wire.body)
}

func readDynamoAnswer(status int, raw []byte) (dynamoAnswer, error) {
	body := map[string]any{}
	if status == http.StatusInternalServerError && !json.Valid(raw) {
		return dynamoAnswer{Code: "500 without a word"}, nil
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		return dynamoAnswer{}, fmt.Errorf("reading %d %s: %w", status, raw, err)
	}
	answer := dynamoAnswer{Body: body}
	if status == http.StatusOK {
		return answer, nil
	}
	kind, _ := body["__type"].(string)
	answer.Code = fmt.Sprint(status, " ", kind[strings.LastIndex(kind, "#")+1:])
	for _, name := range []string{"message", "Message"} {
		if text, ok := body[name].(string); ok {
			answer.Message = text
		}
		delete(body, name)
	}
	delete(body, "__type")
	return answer, nil
}
