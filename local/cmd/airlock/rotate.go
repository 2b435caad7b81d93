package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"airlock/local/stack"
)

const (
	// ripe is how long ago a next key must have been published to sign, for the
	// sake of edges that are far away (docs/adr/0013).
	ripe = 20 * time.Minute
	// rotationWait is more than any rotation takes here. One that fails is made
	// again after a minute.
	rotationWait = 30 * time.Second
)

// signingKeys is what the secret's document says of keys, the private halves
// left out.
type signingKeys struct {
	KeyPairID string
	Next      *struct {
		KeyPairID string
		Published time.Time
	}
	Retired []struct {
		KeyPairID string
		Until     time.Time
	}
}

// rotate rotates the signing key of a running dev, now.
func rotate(ctx context.Context, out io.Writer) error {
	o, err := devOptions()
	if err != nil {
		return err
	}
	client, secret, err := secretOf(o.Data)
	if err != nil {
		return err
	}
	before, document, err := readKeys(ctx, client, secret)
	if err != nil {
		return err
	}
	if err := ripen(ctx, out, client, secret, before, document); err != nil {
		return err
	}
	version, err := begin(ctx, out, client, secret)
	if err != nil {
		return fmt.Errorf("asking for a rotation: %w", err)
	}
	if err := awaitCurrent(ctx, client, secret, version); err != nil {
		return err
	}
	after, _, err := readKeys(ctx, client, secret)
	if err != nil {
		return err
	}
	if after.KeyPairID == before.KeyPairID {
		fmt.Fprintf(out, "%s signs on, as there was no next key; rotate again to change it\n", after.KeyPairID)
	} else {
		fmt.Fprintf(out, "%s signs from now on, and after it has been re-read in running containers; %s did until now\n", after.KeyPairID, before.KeyPairID)
	}
	if after.Next != nil {
		fmt.Fprintf(out, "%s is next\n", after.Next.KeyPairID)
	}
	for _, r := range after.Retired {
		fmt.Fprintf(out, "%s is retired: its URLs are good until %s at the latest\n", r.KeyPairID, r.Until.Local().Format(time.DateTime))
	}
	return nil
}

// secretOf finds the running stack of a data folder, and its secret.
func secretOf(data string) (*secretsmanager.Client, string, error) {
	var e stack.Endpoints
	text, err := os.ReadFile(filepath.Join(data, "endpoints.json"))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, "", fmt.Errorf("nothing runs with its data in %s: start it with `make dev`", data)
	}
	if err == nil {
		err = json.Unmarshal(text, &e)
	}
	if err != nil {
		return nil, "", err
	}
	variables, err := os.ReadFile(filepath.Join(data, "aws.env"))
	if err != nil {
		return nil, "", err
	}
	env := map[string]string{}
	for line := range strings.Lines(string(variables)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		env[name] = value
	}
	return secretsmanager.New(secretsmanager.Options{
		Region: e.Region, BaseEndpoint: &e.SecretsManager,
		Credentials: credentials.NewStaticCredentialsProvider(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], ""),
	}), e.Secret, nil
}

// readKeys reads the secret: what can be shown of it, and the whole document.
func readKeys(ctx context.Context, client *secretsmanager.Client, secret string) (keys signingKeys, document []byte, err error) {
	got, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &secret})
	if err != nil {
		return keys, nil, fmt.Errorf("reading the secret: %w", err)
	}
	document = []byte(aws.ToString(got.SecretString))
	if err := json.Unmarshal(document, &keys); err != nil {
		return keys, nil, errors.New("the secret is no JSON document with a signing key") // the error would quote it
	}
	return keys, document, nil
}

// ripen dates the publication of the next key back: the embedded edge has known
// it from that moment on, and has nobody to wait for.
func ripen(ctx context.Context, out io.Writer, client *secretsmanager.Client, secret string, keys signingKeys, document []byte) error {
	if keys.Next == nil || time.Since(keys.Next.Published) >= ripe {
		return nil
	}
	text, err := republish(document, time.Now().Add(-ripe))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s, the next key, counts as published %v ago: this edge has it already\n", keys.Next.KeyPairID, ripe)
	return stack.StoreSigningKey(ctx, client, secret, string(text))
}

// republish returns the secret's document with another time for its next key.
func republish(document []byte, published time.Time) ([]byte, error) {
	var d, next map[string]json.RawMessage
	err := json.Unmarshal(document, &d)
	if err == nil {
		err = json.Unmarshal(d["next"], &next)
	}
	if err != nil {
		return nil, errors.New("the secret is no JSON document with a next key")
	}
	if next["published"], err = json.Marshal(published.UTC().Truncate(time.Second)); err != nil {
		return nil, err
	}
	if d["next"], err = json.Marshal(next); err != nil {
		return nil, err
	}
	return json.Marshal(d)
}

// begin asks for a rotation and returns its version. One that has failed and is
// tried again from time to time is tried at once.
func begin(ctx context.Context, out io.Writer, client *secretsmanager.Client, secret string) (version string, err error) {
	began, err := client.RotateSecret(ctx, &secretsmanager.RotateSecretInput{SecretId: &secret})
	if err == nil {
		return *began.VersionId, nil
	}
	if _, ok := errors.AsType[*types.InvalidRequestException](err); !ok {
		return "", err
	}
	described, errDescribe := client.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &secret})
	if errDescribe != nil {
		return "", errDescribe
	}
	for version, stages := range described.VersionIdsToStages {
		if slices.Contains(stages, "AWSPENDING") {
			fmt.Fprintln(out, "a rotation begun earlier is tried again")
			return version, nil
		}
	}
	return "", err
}

// awaitCurrent waits until a version is the one that counts.
func awaitCurrent(ctx context.Context, client *secretsmanager.Client, secret, version string) error {
	ctx, cancel := context.WithTimeout(ctx, rotationWait)
	defer cancel()
	for {
		got, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &secret})
		if err == nil && *got.VersionId == version {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("the rotation did not succeed; why is in what `make dev` says")
		case <-time.After(50 * time.Millisecond):
		}
	}
}
