package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// TestKilled kills dev three times while files come in, and starts it again in
// the same folder: what S3 has accepted is in the catalog, and nothing else is.
func TestKilled(t *testing.T) {
	t.Parallel()
	project, data := impatientProject(t), filepath.Join(t.TempDir(), "data")
	var accepted []string
	for range 3 {
		d := startDevIn(t, project, data)
		accepted = append(accepted, uploadUntilKilled(t, d)...)
	}
	d := startDevIn(t, project, data)
	var objects, rows map[string]bool
	var err error
	// The bound is that of a failure; no success depends on it.
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); <-time.After(50 * time.Millisecond) {
		if objects, rows, err = listings(t, d); err != nil {
			t.Fatal(err)
		}
		if maps.Equal(objects, rows) {
			break
		}
	}
	if !maps.Equal(objects, rows) {
		t.Errorf("%d objects and %d rows, which are not the same", len(objects), len(rows))
	}
	for _, objectKey := range accepted {
		if !objects[objectKey] || !rows[objectKey] {
			t.Errorf("accepted upload %s: object %t, row %t", objectKey, objects[objectKey], rows[objectKey])
		}
	}
	t.Logf("%d uploads accepted; %d objects and rows", len(accepted), len(rows))
}

// impatientProject is the project with a queue that delivers again after 6 s what
// record held when it was killed, instead of 2 minutes.
func impatientProject(t *testing.T) string {
	t.Helper()
	project := t.TempDir()
	for _, name := range []string{"functions", "pkg"} {
		if err := os.CopyFS(filepath.Join(project, name), os.DirFS(filepath.Join("../../..", name))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"template.yaml", "Makefile", "go.mod", "go.sum"} {
		b, err := os.ReadFile(filepath.Join("../../..", name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "template.yaml" {
			for patient, impatient := range map[string]string{" VisibilityTimeout: 120\n": " VisibilityTimeout: 6\n", " Timeout: 20\n": " Timeout: 5\n"} {
				if n := bytes.Count(b, []byte(patient)); n != 1 {
					t.Fatalf("template.yaml has %d times %q, want 1", n, patient)
				}
				b = bytes.Replace(b, []byte(patient), []byte(impatient), 1)
			}
		}
		if err := os.WriteFile(filepath.Join(project, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return project
}

// uploadUntilKilled kills dev when 40 uploads have been accepted and 8 clients go
// on, and returns the keys of all that were answered 200.
func uploadUntilKilled(t *testing.T, d *running) []string {
	t.Helper()
	token, err := tokenOf(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	keys, failures := make(chan string), make(chan error, 8)
	var clients sync.WaitGroup
	for range cap(failures) {
		clients.Go(func() {
			for {
				objectKey, err := upload(t.Context(), d, token)
				if err != nil {
					failures <- err
					return
				}
				keys <- objectKey
			}
		})
	}
	go func() {
		clients.Wait()
		close(keys)
	}()
	var accepted []string
	for objectKey := range keys {
		accepted = append(accepted, objectKey)
		if len(accepted) == 40 {
			if err := d.cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	<-d.ended
	if len(accepted) < 40 {
		t.Fatalf("only %d uploads were accepted: %v", len(accepted), <-failures)
	}
	return accepted
}

func tokenOf(ctx context.Context, d *running) (string, error) {
	var out struct {
		AccessToken string `json:"access_token"`
	}
	b, err := send(ctx, http.MethodGet, d.endpoints.Token+"?sub=alice", nil, nil)
	if err != nil {
		return "", err
	}
	return out.AccessToken, json.Unmarshal(b, &out)
}

// upload asks for an upload, makes it and returns its key; a nil error says that
// S3 has answered 200.
func upload(ctx context.Context, d *running, token string) (string, error) {
	b, err := send(ctx, http.MethodPost, d.endpoints.API+"/uploads",
		map[string]string{"Authorization": "Bearer " + token, "Content-Type": "application/json"},
		[]byte(`{"name":"a.txt","contentType":"text/plain","contentLength":1}`))
	if err != nil {
		return "", err
	}
	var grant struct {
		ObjectKey, Method, URL string
		Headers                map[string]string
	}
	if err := json.Unmarshal(b, &grant); err != nil {
		return "", err
	}
	_, err = send(ctx, grant.Method, grant.URL, grant.Headers, []byte("x"))
	return grant.ObjectKey, err
}

// client leaves out the proxies of the environment. It keeps no connection, since
// those of a stack that was killed are of no use.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// send returns the body of a 2xx answer.
func send(ctx context.Context, method, url string, headers map[string]string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	res, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("%s = %d %.300s", method, res.StatusCode, b)
	}
	return b, err
}

// listings are the object keys in the bucket and in the catalog.
func listings(t *testing.T, d *running) (objects, rows map[string]bool, err error) {
	t.Helper()
	env := map[string]string{}
	for _, pair := range awsEnvironment(t, d) {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	config := aws.Config{
		Region:      env["AWS_REGION"],
		Credentials: credentials.NewStaticCredentialsProvider(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], ""),
	}
	objects, rows = map[string]bool{}, map[string]bool{}
	bucket := s3.NewListObjectsV2Paginator(s3.NewFromConfig(config, func(o *s3.Options) {
		o.BaseEndpoint, o.UsePathStyle = &d.endpoints.S3, true
	}), &s3.ListObjectsV2Input{Bucket: &d.endpoints.Bucket})
	for bucket.HasMorePages() {
		page, err := bucket.NextPage(t.Context())
		if err != nil {
			return nil, nil, err
		}
		for _, o := range page.Contents {
			objects[*o.Key] = true
		}
	}
	table := dynamodb.NewScanPaginator(dynamodb.NewFromConfig(config, func(o *dynamodb.Options) {
		o.BaseEndpoint = &d.endpoints.DynamoDB
	}), &dynamodb.ScanInput{TableName: &d.endpoints.Table})
	for table.HasMorePages() {
		page, err := table.NextPage(t.Context())
		if err != nil {
			return nil, nil, err
		}
		for _, item := range page.Items {
			space, isText := item["space"].(*types.AttributeValueMemberS)
			path, isTextToo := item["path"].(*types.AttributeValueMemberS)
			if !isText || !isTextToo {
				return nil, nil, fmt.Errorf("a row's key is %v, %v", item["space"], item["path"])
			}
			rows[space.Value+"/"+path.Value] = true
		}
	}
	return objects, rows, nil
}
