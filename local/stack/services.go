package stack

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"airlock/local/apigateway"
	"airlock/local/cloudformation"
	"airlock/local/cloudfront"
	"airlock/local/dynamodb"
	"airlock/local/issuer"
	"airlock/local/s3"
	"airlock/local/secretsmanager"
	"airlock/local/sqs"
)

// startServices starts them in the order in which they need one another: all
// that functions call, then what functions make, and then what needs that. ctx
// bounds the start, run the services.
func (s *Stack) startServices(ctx, run context.Context, p *ports, binaries map[string]string) error {
	t := s.Template
	roles, err := s.roles()
	if err != nil {
		return err
	}
	tables, err := dynamodb.New(dynamodb.Config{DB: s.db, IAM: s.iam, Region: Region, AccountID: AccountID, Tables: t.Tables})
	if err != nil {
		return err
	}
	secrets, err := secretsmanager.New(secretsmanager.Config{
		DB: s.db, IAM: s.iam, Region: Region, AccountID: AccountID, Secrets: t.Secrets, Invoke: s.invokeByARN,
	})
	if err != nil {
		return err
	}
	keys, err := cloudfront.NewControl(cloudfront.ControlConfig{DB: s.db, IAM: s.iam, Region: Region, PropagationDelay: s.options.PropagationDelay})
	if err != nil {
		return err
	}
	formation, err := cloudformation.New(cloudformation.Config{DB: s.db, URL: p.url(portCloudFormation), Invoke: s.invokeOnce, Log: s.log})
	if err != nil {
		return err
	}
	s.Issuer, err = issuer.New(issuer.Config{URL: s.Endpoints.Issuer, Audience: Audience, DB: s.db})
	if err != nil {
		return err
	}
	s.Queue, err = sqs.New(sqs.Config{DB: s.db, Region: Region, AccountID: AccountID, Queues: t.Queues, Speedup: max(1, s.options.QueueSpeedup)})
	if err != nil {
		return err
	}
	if err := s.startS3(run, p); err != nil {
		return err
	}
	if err := s.startLambda(roles, binaries); err != nil {
		return err
	}
	s.serve(p.take(portIssuer), s.options.Intercept("issuer", s.Issuer))
	s.serve(p.take(portLambda), s.options.Intercept("lambda", s.Lambda))
	s.serve(p.take(portDynamoDB), s.options.Intercept("dynamodb", tables))
	s.serve(p.take(portSecretsManager), s.options.Intercept("secretsmanager", secrets))
	s.serve(p.take(portCloudFront), s.options.Intercept("cloudfront", keys))
	s.serve(p.take(portCloudFormation), formation)

	answers, err := formation.Make(ctx, t)
	if err != nil {
		return err
	}
	// The same template, now that all its attributes are known.
	if s.Template, err = s.readTemplate(p, answers); err != nil {
		return err
	}
	if err := s.useOwnSigningKey(ctx); err != nil {
		return err
	}
	for _, r := range s.Template.Rotations {
		if err := secrets.Schedule(r); err != nil {
			return fmt.Errorf("making the rotation schedule %s: %w", r.LogicalID, err)
		}
	}
	cdn, err := s.newCDN(keys)
	if err != nil {
		return err
	}
	gateway, err := s.newGateway()
	if err != nil {
		return err
	}
	s.serve(p.take(portCDN), s.options.Intercept("cdn", cdn))
	s.serve(p.take(portAPI), s.options.Intercept("api", gateway))
	s.services.Go(func() { tables.Run(run) })
	s.services.Go(func() { secrets.Run(run) })
	s.runSchedules(run)
	polling, stopPoll := context.WithCancel(run)
	s.stopPoll = stopPoll
	s.pollQueues(polling)
	return nil
}

func (s *Stack) startS3(ctx context.Context, p *ports) error {
	addr := p.addr(portS3)
	// The gateway takes an address, not a listener.
	if err := p.take(portS3).Close(); err != nil {
		return err
	}
	objects, err := s3.Start(ctx, s3.Config{
		Dir: filepath.Join(s.options.Data, "s3"), DB: s.db, IAM: s.iam,
		Region: Region, AccountID: AccountID, Addr: addr, Buckets: s.Template.Buckets, Operator: s.Operator,
		Notify: func(_ context.Context, queueARN string, message []byte) error {
			_, err := s.Queue.Send(queueARN, message)
			return err
		},
	})
	if err != nil {
		return err
	}
	s.closers = append(s.closers, objects.Close)
	return nil
}

func (s *Stack) newCDN(keys *cloudfront.Control) (*cloudfront.Service, error) {
	d := s.Template.Distributions[0]
	cdn, err := cloudfront.New(cloudfront.Config{
		Distribution: d, URL: s.Endpoints.CDN, Origins: s.origins(d), Keys: keys,
		Log: func(e cloudfront.Entry) {
			s.log.Info("cdn", slog.String("method", e.Method), slog.Int("status", e.Status), slog.String("result", e.Result))
		},
	})
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func() error { cdn.Close(); return nil })
	return cdn, nil
}

func (s *Stack) newGateway() (*apigateway.Service, error) {
	var routes []apigateway.Route
	for _, f := range s.Template.Functions {
		for _, r := range f.Routes {
			routes = append(routes, apigateway.Route{Route: r, Function: f.LogicalID})
		}
	}
	return apigateway.New(apigateway.Config{
		API: s.Template.APIs[0], Routes: routes, Region: Region, AccountID: AccountID, Invoke: s.invoke,
		AccessLog: func(e apigateway.Entry) {
			s.log.Info("api", slog.String("route", e.RouteKey), slog.Int("status", e.Status),
				slog.String("requestId", e.RequestID), slog.String("took", e.Duration.Round(100*time.Microsecond).String()))
		},
	})
}

// serve answers on a listener until Close.
func (s *Stack) serve(l net.Listener, h http.Handler) {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)}
	s.servers = append(s.servers, server)
	s.services.Go(func() { _ = server.Serve(l) })
}
