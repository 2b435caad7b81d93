package smoke_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	gocmp "github.com/google/go-cmp/cmp"

	"airlock/local/smoke"
	"airlock/local/stack"
	"airlock/local/template"
)

// project is absolute: a running stack changes the working directory.
var project, _ = filepath.Abs("../..")

// deployment is an embedded stack that looks as if it were deployed, and has
// files of others in its bucket.
type deployment struct {
	*stack.Stack
	formation *cloudFormation
	pool      *userPool
	before    []string // what lay in the bucket
	// What template.yaml tells beyond that of a stack with users of its own, and of
	// one with a machine client, too.
	withUsers, withMachine map[string]string
	// instead answers a request to a service, such as "api", if it wants to.
	instead atomic.Pointer[instead]
}

type instead func(service string, w http.ResponseWriter, r *http.Request) bool

func deploy(t *testing.T) *deployment {
	t.Helper()
	d := &deployment{}
	intercept := func(service string, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if answer := d.instead.Load(); answer == nil || *answer == nil || !(*answer)(service, w, r) {
				next.ServeHTTP(w, r)
			}
		})
	}
	s, err := stack.Start(t.Context(), stack.Options{
		Source: project, Data: t.TempDir(), Intercept: intercept,
		QueueSpeedup: 20, // so that what failed comes again within seconds
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	d.Stack = s
	behind, err := url.Parse(s.Endpoints.S3)
	if err != nil {
		t.Fatal(err)
	}
	bucket := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(behind)
		r.Out.Host = r.In.Host // which is signed
	}}
	d.withUsers, d.withMachine = d.outputs(t, nil), d.outputs(t, map[string]string{"MachineClient": "true"})
	d.formation, d.pool = &cloudFormation{name: "filestack"}, newUserPool(s.Issuer, d.withMachine)
	d.withMachine["TokenUrl"] = serve(t, d.pool) + "/oauth2/token"
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": "", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "", "AWS_PROFILE": "", "AWS_SESSION_TOKEN": "",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_REGION": stack.Region, "AWS_DEFAULT_REGION": "",
		"AWS_ACCESS_KEY_ID": s.Operator.AccessKeyID, "AWS_SECRET_ACCESS_KEY": s.Operator.SecretAccessKey,
		"AWS_ENDPOINT_URL_S3": serve(t, intercept("s3", bucket)), "AWS_ENDPOINT_URL_DYNAMODB": s.Endpoints.DynamoDB,
		"AWS_ENDPOINT_URL_CLOUDFORMATION":            serve(t, d.formation),
		"AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER": serve(t, d.pool),
	} {
		t.Setenv(name, value)
	}
	d.put(t, "mysubpath/hello.txt")
	d.put(t, "u/alice/hello.txt")
	d.before = d.versions(t)
	return d
}

// outputs are those that the embedded stack, which has an issuer, does without.
func (d *deployment) outputs(t *testing.T, parameters map[string]string) map[string]string {
	t.Helper()
	s, err := template.Load(filepath.Join(project, "template.yaml"), template.Options{
		StackName: stack.Name, Region: stack.Region, AccountID: stack.AccountID, Parameters: parameters,
	})
	if err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(s.Outputs, func(name, _ string) bool { return d.Template.Outputs[name] != "" })
	return s.Outputs
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

func (d *deployment) bucket() *s3.Client { return s3.NewFromConfig(d.AWS(d.Endpoints.S3)) }

// put stores another's file.
func (d *deployment) put(t *testing.T, objectKey string) {
	t.Helper()
	_, err := d.bucket().PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: &d.Endpoints.Bucket, Key: &objectKey, Body: strings.NewReader("another's"), IfNoneMatch: aws.String("*"),
	})
	if err != nil {
		t.Error(err)
	}
}

// stored is what came into the bucket since deploy.
func (d *deployment) stored(t *testing.T) []string {
	return slices.DeleteFunc(d.versions(t), func(v string) bool { return slices.Contains(d.before, v) })
}

// sweep removes it.
func (d *deployment) sweep(t *testing.T) {
	for _, version := range d.stored(t) {
		objectKey, id, _ := strings.Cut(version, " ")
		d.settled(t, 0) // else the row would outlive the version
		if _, err := d.bucket().DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &d.Endpoints.Bucket, Key: &objectKey, VersionId: &id}); err != nil {
			t.Error(err)
		}
	}
}

// versions is all that lies in the bucket, delete markers too.
func (d *deployment) versions(t *testing.T) []string {
	t.Helper()
	out, err := d.bucket().ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: &d.Endpoints.Bucket})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, v := range out.Versions {
		all = append(all, *v.Key+" "+*v.VersionId)
	}
	for _, m := range out.DeleteMarkers {
		all = append(all, *m.Key+" "+*m.VersionId+" (delete marker)")
	}
	return all
}

// settled waits until every event is through but those that instead holds back,
// and counts the rows of files that are there.
func (d *deployment) settled(t *testing.T, held int) (rows int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	queue := d.Template.Functions[slices.IndexFunc(d.Template.Functions, func(f template.Function) bool { return len(f.Queues) > 0 })].Queues[0]
	for {
		visible, inFlight, err := d.Queue.Depth(queue.QueueARN)
		if err != nil {
			t.Fatal(err)
		}
		if visible+inFlight == held {
			break
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%d events wait and %d are in flight, want %d together", visible, inFlight, held)
		case <-time.After(20 * time.Millisecond):
		}
	}
	out, err := dynamodb.NewFromConfig(d.AWS(d.Endpoints.DynamoDB)).Scan(ctx, &dynamodb.ScanInput{TableName: &d.Endpoints.Table})
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range out.Items {
		if item["deleted"] == nil {
			rows++
		}
	}
	return rows
}

// test is one run, and what is told of the stack.
type test struct {
	outputs    map[string]string // over those of the embedded stack
	parameters map[string]string
	status     string // CREATE_COMPLETE if empty
	options    smoke.Options
	instead    instead
	refuse     func(operation string) (code string, after bool)
	challenge  string
}

// run returns all that was told, the error too, having looked for secrets in it.
func (d *deployment) run(t *testing.T, ctx context.Context, tt test) (string, error) {
	t.Helper()
	d.formation.outputs = maps.Clone(d.Template.Outputs)
	d.formation.outputs["ApiUrl"], d.formation.outputs["CdnUrl"] = d.Endpoints.API, d.Endpoints.CDN
	maps.Copy(d.formation.outputs, tt.outputs)
	d.formation.parameters, d.formation.status = tt.parameters, cmp.Or(tt.status, "CREATE_COMPLETE")
	d.instead.Store(&tt.instead)
	d.pool.refuse, d.pool.challenge = tt.refuse, tt.challenge
	o := tt.options
	o.Stack = cmp.Or(o.Stack, d.formation.name)
	o.Patience.Skew, o.Patience.Poll = time.Nanosecond, 5*time.Millisecond
	var out bytes.Buffer
	err := smoke.Run(ctx, &out, o)
	if err != nil {
		fmt.Fprintf(&out, "airlock: %v\n", err)
	}
	if told := d.pool.told(out.String()); len(told) > 0 {
		t.Errorf("%d secrets were told: %.20q…\n", len(told), told)
	}
	return out.String(), err
}

// checkClean wants everything as it was before, and only that.
func (d *deployment) checkClean(t *testing.T) {
	t.Helper()
	if diff := gocmp.Diff(d.before, d.versions(t)); diff != "" {
		t.Errorf("versions in the bucket (-before +after):\n%s", diff)
	}
	if rows := d.settled(t, 0); rows != len(d.before) {
		t.Errorf("the catalog has %d files, want %d", rows, len(d.before))
	}
	if len(d.pool.users) != 0 {
		t.Errorf("%d users are left", len(d.pool.users))
	}
}
