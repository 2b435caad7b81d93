package smoke_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"path"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"airlock/local/smoke"
	"airlock/local/story"
)

// refuse answers as CloudFront does, for itself or for what is behind it.
func refuse(w http.ResponseWriter, server, body string) bool {
	w.Header().Set("Server", server)
	w.WriteHeader(http.StatusForbidden)
	_, _ = io.WriteString(w, body)
	return true
}

func testDeviations(t *testing.T, d *deployment) {
	const accessDenied = "<Error><Code>AccessDenied</Code><Message>Access denied</Message></Error>"
	const advice = "\nCloudFront refuses the signatures, while the upload, the catalog and the signing work.\n"
	// edge refuses whatever is signed with SHA-256.
	edge := func(server, body string) instead {
		return func(service string, w http.ResponseWriter, r *http.Request) bool {
			return service == "cdn" && r.URL.Query().Get("Hash-Algorithm") == "SHA256" && refuse(w, server, body)
		}
	}
	grant := `{"objectKey":"u/alice/x","method":"PUT","url":"https://bucket.example.com/u/alice/x?X-Amz-Signature=00","headers":{}}`
	failing := func(name, code string, after bool) func(string) (string, bool) {
		return func(operation string) (string, bool) {
			if operation != name {
				return "", false
			}
			return code, after
		}
	}
	looks := 0
	redirect := map[string]string{"TokenUrl": serve(t, http.RedirectHandler(serve(t, d.pool)+"/oauth2/token", http.StatusTemporaryRedirect))}
	for _, tt := range []struct {
		name string
		test
		want   []string // in what is told
		unlike string   // not in it
		left   int      // users that could not be removed
	}{
		{name: "the hash is refused", test: test{instead: edge("CloudFront", accessDenied)}, want: []string{
			"airlock: GET from the CDN, bytes compared: the CDN refuses the signature: answered 403 AccessDenied, want 200: Access denied\n", advice,
			"The stack signs with SigningHash=SHA256, which CloudFront may not take: deploy it with SigningHash=SHA1 and run this again.\n",
			"a group that is new or changed may take minutes to reach every edge",
		}, unlike: "refused "},
		{name: "not the hash", test: test{instead: edge("CloudFront", accessDenied), outputs: map[string]string{"SigningHash": "SHA1"}}, want: []string{
			advice, "The stack signs with SigningHash=SHA1, so it is not the hash.\n",
		}, unlike: "run this again"},
		{name: "S3 refuses CloudFront", test: test{instead: edge("AmazonS3", accessDenied)}, want: []string{
			"airlock: GET from the CDN, bytes compared: answered 403 AccessDenied, want 200: Access denied\n",
		}, unlike: "SigningHash"},
		{name: "a firewall refuses", test: test{instead: edge("CloudFront", "<html><h1>403 ERROR</h1>Request blocked.</html>")}, want: []string{
			"airlock: GET from the CDN, bytes compared: answered 403, want 200\n",
		}, unlike: "SigningHash"},
		{name: "a refusal is none", test: test{instead: func(service string, w http.ResponseWriter, r *http.Request) bool {
			return service == "cdn" && r.URL.RawQuery == "" && write(w, http.StatusOK, "Hello, world!")
		}}, want: []string{"airlock: CDN: without a signature: answered 200, want 403\n"}},
		{name: "a grant for nobody", test: test{instead: func(service string, w http.ResponseWriter, r *http.Request) bool {
			return service == "api" && r.URL.Path == "/uploads" && r.Header.Get("Authorization") == "" && write(w, http.StatusCreated, grant)
		}}, want: []string{"airlock: POST /uploads without a token: answered 201, want 401\n"}},
		{name: "stored under another key", test: test{instead: func(service string, _ http.ResponseWriter, r *http.Request) bool {
			if service == "api" && r.URL.Path == "/signed-urls" {
				if objectKey, ok := asked(t, r, "-victim.txt"); ok {
					d.put(t, path.Dir(objectKey)+"/other.txt")
				}
			}
			return false
		}}, want: []string{"airlock: and nothing of it was stored: 1 objects lie under the refused key's folder\n"}},
		{name: "another scope", test: test{parameters: map[string]string{"ReadAnyScope": "another/scope"}}, want: []string{
			"airlock: POST /signed-urls with the read-any scope: 1 hour: getting the machine client's token: answered 400 invalid_scope\n",
		}},
		{name: "the token endpoint sends elsewhere", test: test{outputs: redirect}, want: []string{
			"airlock: POST /signed-urls with the read-any scope: 1 hour: getting the machine client's token: answered 307",
		}},
		{name: "no row", test: test{options: smoke.Options{Patience: story.Patience{Row: 50 * time.Millisecond}}, instead: func(service string, w http.ResponseWriter, r *http.Request) bool {
			if service != "dynamodb" || !strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetItem") {
				return false
			}
			if looks++; looks > 1 {
				<-r.Context().Done() // the wait ends while it looks
				return true
			}
			w.Header().Set("X-Amz-Crc32", "2745614147") // of {}
			return write(w, http.StatusOK, "{}")
		}}, want: []string{"airlock: record writes it into the catalog: no row after 0s\n"}},
		{name: "nobody is there", test: test{outputs: map[string]string{"ApiUrl": "http://127.0.0.1:1"}}, want: []string{
			"airlock: POST /uploads: hello.txt, 13 bytes: POST of 127.0.0.1:1 failed before an answer came: dial tcp 127.0.0.1:1: connect: connection refused\n",
		}},
		{name: "the edge hangs up", test: test{instead: func(service string, _ http.ResponseWriter, _ *http.Request) bool {
			if service == "cdn" {
				panic(http.ErrAbortHandler)
			}
			return false
		}}, want: []string{" failed before an answer came\n"}},
		{name: "a sign-in needs more", test: test{challenge: "SOFTWARE_TOKEN_MFA"}, want: []string{
			"airlock: a token for alice: signing alice in: Cognito asks for SOFTWARE_TOKEN_MFA, which nobody here can answer: give TOKEN and TOKEN_OTHER\n",
		}},
		{name: "no password", test: test{refuse: failing("AdminSetUserPassword", "InvalidPasswordException", false)}, want: []string{
			"airlock: giving the user a password: ", "InvalidPasswordException",
		}},
		{name: "no user", test: test{refuse: failing("AdminCreateUser", "NotAuthorizedException", false)}, want: []string{
			"airlock: making a user: ",
		}, unlike: "may be left"},
		{name: "the answer to making a user is lost", test: test{refuse: failing("AdminCreateUser", "NotAuthorizedException", true)}, want: []string{
			"airlock: making a user: ",
		}, unlike: "may be left"},
		{name: "a user can't be removed", test: test{refuse: failing("AdminDeleteUser", "NotAuthorizedException", false)}, want: []string{
			" may be left in the user pool " + d.pool.id + ": ", "@example.com",
		}, unlike: "as it should be", left: 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			outputs := maps.Clone(d.withMachine)
			maps.Copy(outputs, tt.outputs)
			tt.outputs = outputs
			tt.options.Patience.Edge = 30 * time.Millisecond
			told, err := d.run(t, t.Context(), tt.test)
			if err == nil {
				t.Error("Run succeeded")
			}
			for _, want := range tt.want {
				if !strings.Contains(told, want) {
					t.Errorf("it did not tell %q:\n%s", want, told)
				}
			}
			if tt.unlike != "" && strings.Contains(told, tt.unlike) {
				t.Errorf("it told %q:\n%s", tt.unlike, told)
			}
			if len(d.pool.users) != tt.left {
				t.Errorf("%d users are left, want %d", len(d.pool.users), tt.left)
			}
			for name := range d.pool.users {
				if !strings.Contains(told, name) {
					t.Errorf("it did not tell that %s is left:\n%s", name, told)
				}
			}
			clear(d.pool.users)
			d.checkClean(t)
		})
	}
}

func write(w http.ResponseWriter, status int, body string) bool {
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
	return true
}

// asked returns the key that a request for a signed URL asks for, if it ends so.
func asked(t *testing.T, r *http.Request, end string) (objectKey string, ok bool) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var in struct{ ObjectKeys []string }
	if json.Unmarshal(body, &in) != nil || len(in.ObjectKeys) != 1 {
		return "", false
	}
	return in.ObjectKeys[0], strings.HasSuffix(in.ObjectKeys[0], end)
}

// testInterrupted ends the run as Ctrl-C does, with files and users made.
func testInterrupted(t *testing.T, d *deployment) {
	ctx, interrupt := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	left, neighbour := -1, ""
	told, err := d.run(t, ctx, test{outputs: d.withUsers, instead: func(service string, _ http.ResponseWriter, r *http.Request) bool {
		if service == "cdn" && left < 0 {
			left = len(d.versions(t)) - len(d.before) + len(d.pool.users)
			neighbour, _, _ = strings.Cut(d.stored(t)[0], " ")
			neighbour += ".txt"
			d.put(t, neighbour)
			interrupt(why)
		}
		return false
	}})
	if !errors.Is(err, why) || left != 3 {
		t.Errorf("Run = %v with %d things to remove, want %v and 3:\n%s", err, left, why, told)
	}
	// Whose key only begins as the run's does is another's.
	if stored := d.stored(t); len(stored) != 1 || !strings.HasPrefix(stored[0], neighbour+" ") {
		t.Errorf("%q lie in the bucket, want %s alone", stored, neighbour)
	}
	d.sweep(t)
	d.checkClean(t)
}

// testBucketRefuses wants to hear of what can't be removed.
func testBucketRefuses(t *testing.T, d *deployment) {
	told, err := d.run(t, t.Context(), test{outputs: d.withUsers, instead: func(service string, w http.ResponseWriter, r *http.Request) bool {
		return service == "s3" && r.Method == http.MethodDelete && refuse(w, "AmazonS3", "<Error><Code>AccessDenied</Code></Error>")
	}})
	stored := d.stored(t)
	if err == nil || len(stored) != 2 || strings.Contains(told, "as it should be") {
		t.Errorf("Run = %v, and %q are left, want an error and 2 files:\n%s", err, stored, told)
	}
	for _, version := range stored {
		objectKey, _, _ := strings.Cut(version, " ")
		if want := objectKey + " may be left in the bucket " + d.Endpoints.Bucket + ": "; !strings.Contains(told, want) {
			t.Errorf("it did not tell %q:\n%s", want, told)
		}
	}
	d.sweep(t)
	d.checkClean(t)
}

// testLateEvent lets the catalog hear of a file only when it is removed again.
func testLateEvent(t *testing.T, d *deployment) {
	var deaf atomic.Bool
	deaf.Store(true)
	_, err := d.run(t, t.Context(), test{outputs: d.withUsers, instead: func(service string, w http.ResponseWriter, r *http.Request) bool {
		if service != "dynamodb" || !deaf.Load() {
			return false
		}
		body, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		return err == nil && bytes.Contains(body, []byte("victim")) && bytes.Contains(body, []byte("contentLength")) &&
			strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".PutItem") && write(w, http.StatusInternalServerError, "{}")
	}})
	if err != nil {
		t.Fatal(err)
	}
	d.settled(t, 1)
	deaf.Store(false)
	d.checkClean(t)
}
