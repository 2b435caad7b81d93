package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"text/template"

	"airlock/local/stack"
)

const defaultPort = 4600

// dev keeps a stack up until ctx ends.
func dev(ctx context.Context, out io.Writer) (err error) {
	o, err := devOptions()
	if err != nil {
		return err
	}
	o.Log = slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	o.Building = sayBuilding(out)
	s, err := stack.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	err = greeting.Execute(out, map[string]any{
		"Endpoints": s.Endpoints, "Data": o.Data, "Grant": filepath.Join(o.Data, "grant.json"),
		"Built": s.Built.Seconds(), "Ready": s.Ready.Seconds(),
	})
	if err != nil {
		return err
	}
	<-ctx.Done()
	fmt.Fprintln(out, "\nstopping")
	return nil
}

func devOptions() (stack.Options, error) {
	o := stack.Options{Source: ".", Data: os.Getenv("AIRLOCK_DATA"), Port: defaultPort}
	if o.Data == "" {
		o.Data = ".airlock"
	}
	var err error
	if o.Data, err = filepath.Abs(o.Data); err != nil {
		return o, err
	}
	if s := os.Getenv("AIRLOCK_PORT"); s != "" {
		if o.Port, err = strconv.Atoi(s); err != nil || o.Port < 0 || o.Port > stack.LastPort {
			return o, fmt.Errorf("AIRLOCK_PORT must be 0 to %d", stack.LastPort)
		}
	}
	if file := os.Getenv("AIRLOCK_SIGNING_KEY"); file != "" {
		if o.SigningKey, err = os.ReadFile(file); err != nil {
			return o, fmt.Errorf("AIRLOCK_SIGNING_KEY: %w", err)
		}
	}
	return o, nil
}

// withoutTime drops the time of a log line: it is the terminal's own.
func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
		return slog.Attr{}
	}
	return a
}

// greeting says where everything is. Each curl command stands alone; the third
// downloads what the second stored last.
var greeting = template.Must(template.New("greeting").Parse(`
airlock is up (functions built in {{printf "%.1f" .Built}} s, ready in {{printf "%.2f" .Ready}} s); Ctrl-C stops it
  API              {{.Endpoints.API}}
  CDN              {{.Endpoints.CDN}}
  S3               {{.Endpoints.S3}}   bucket {{.Endpoints.Bucket}}
  DynamoDB         {{.Endpoints.DynamoDB}}   table {{.Endpoints.Table}}
  Secrets Manager  {{.Endpoints.SecretsManager}}   CloudFront's API {{.Endpoints.CloudFront}}
  Lambda           {{.Endpoints.Lambda}}
  tokens           {{.Endpoints.Token}}?sub=alice
  for programs     {{.Data}}/endpoints.json; aws.env beside it is for the AWS CLI and SDKs, env.json for sam local invoke

ask for an upload:
curl -s {{.Endpoints.API}}/uploads {{template "auth" .}} -d '{"name":"hello.txt","contentType":"text/plain","contentLength":13}'

ask for one and make it:
curl -si -X PUT --data-binary 'Hello, world!' -H 'Content-Type: text/plain' -H "Content-Disposition: inline; filename=\"hello.txt\"; filename*=UTF-8''hello.txt" -H 'If-None-Match: *' "$(curl -s {{.Endpoints.API}}/uploads {{template "auth" .}} -d '{"name":"hello.txt","contentType":"text/plain","contentLength":13}' | tee '{{.Grant}}' | sed 's/.*"url":"\([^"]*\)".*/\1/')"

ask for its signed URL and download it:
curl -si "$(curl -s {{.Endpoints.API}}/signed-urls {{template "auth" .}} -d "{\"objectKeys\":[\"$(sed 's/.*"objectKey":"\([^"]*\)".*/\1/' '{{.Grant}}')\"]}" | sed 's/.*"url":"\([^"]*\)".*/\1/')"

{{define "auth"}}-H "Authorization: Bearer $(curl -s '{{.Endpoints.Token}}?sub=alice' | cut -d'"' -f4)" -H 'Content-Type: application/json'{{end}}`))
