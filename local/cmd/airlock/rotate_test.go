package main

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// testRotate rotates the key of a running dev twice within a second, as nobody
// may on AWS: a URL of the first key stays good.
func testRotate(t *testing.T, d *running) {
	client, secret, err := secretOf(d.data)
	if err != nil {
		t.Fatal(err)
	}
	before, _, err := readKeys(t.Context(), client, secret)
	if err != nil || before.Next == nil {
		t.Fatalf("the keys of a new stack = %+v, %v, want a next one", before, err)
	}
	signed := signedURL(t, d)
	// One that was asked for too early fails, and comes again.
	if _, err := client.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{SecretId: &secret}); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		out, err := airlock(t, []string{"AIRLOCK_DATA=" + d.data}, "rotate").CombinedOutput()
		if err != nil {
			t.Fatalf("airlock rotate = %v, %s", err, out)
		}
		after, _, err := readKeys(t.Context(), client, secret)
		if err != nil || after.Next == nil {
			t.Fatalf("the keys after a rotation = %+v, %v, want a next one", after, err)
		}
		if again := strings.Contains(string(out), "a rotation begun earlier is tried again\n"); again != (i == 0) {
			t.Errorf("airlock rotate: %s\nwant an earlier rotation the first time", out)
		}
		want := `(?s)^` + before.Next.KeyPairID + `, the next key, .*\n` +
			before.Next.KeyPairID + ` signs from now on[^\n]*; ` + before.KeyPairID + ` did until now\n` +
			after.Next.KeyPairID + ` is next\n.*` + before.KeyPairID + ` is retired: `
		if !regexp.MustCompile(want).Match(out) || after.KeyPairID != before.Next.KeyPairID {
			t.Errorf("airlock rotate: %s\nwant %s, and %s to sign", out, want, before.Next.KeyPairID)
		}
		if _, err := send(t.Context(), http.MethodGet, signed, nil, nil); err != nil {
			t.Errorf("GET by a URL of the first key: %v", err)
		}
		before = after
	}
}

// signedURL is one of a file that it uploads.
func signedURL(t *testing.T, d *running) string {
	t.Helper()
	token, err := tokenOf(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	objectKey, err := upload(t.Context(), d, token)
	if err != nil {
		t.Fatal(err)
	}
	request, err := json.Marshal(map[string]any{"objectKeys": []string{objectKey}})
	if err != nil {
		t.Fatal(err)
	}
	headers := map[string]string{"Authorization": "Bearer " + token, "Content-Type": "application/json"}
	body, err := send(t.Context(), http.MethodPost, d.endpoints.API+"/signed-urls", headers, request)
	var answer struct{ SignedURLs []struct{ URL string } }
	if err != nil || json.Unmarshal(body, &answer) != nil || len(answer.SignedURLs) != 1 {
		t.Fatalf("POST /signed-urls = %d bytes, %v", len(body), err)
	}
	return answer.SignedURLs[0].URL
}
