// Package stack is a whole AWS account on loopback, made from a SAM template:
// it wires the services of its sibling packages together as the template says,
// starts and stops them, and writes down where they are.
//
// All state lies in one folder and survives a restart, and a kill. Two stacks
// cannot share a folder. One process can run one stack at a time, since the S3
// gateway keeps package state.
package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"airlock/local/iam"
	"airlock/local/issuer"
	"airlock/local/lambda"
	"airlock/local/sqs"
	"airlock/local/template"
)

// The account every embedded stack lives in.
const (
	Name      = "airlock"
	Region    = "eu-central-1"
	AccountID = "123456789012"
	Audience  = "airlock"
)

// Options says which stack to start.
type Options struct {
	Source string // the project's folder: template.yaml and its Makefile
	Data   string // where state lies; made if missing
	// Port is the first of the ports to take; 0 takes free ones.
	Port int
	// SigningKey is the PEM of an operator's own private key to sign with. nil
	// keeps what there is, at first what the custom resource has made.
	SigningKey []byte
	// PropagationDelay is how long CloudFront's edge does without the news of a
	// changed key group.
	PropagationDelay time.Duration
	// QueueSpeedup lets the queue's waits pass that many times as fast; 0 is 1.
	QueueSpeedup int
	// Parameters are given to the template over the stack's own.
	Parameters map[string]string
	// Intercept wraps what answers for "api", "cdn", "issuer", "lambda", "dynamodb",
	// "secretsmanager" and "cloudfront", so that tests can watch them and let them fail; nil:
	// nothing. S3 has a server of its own.
	Intercept func(service string, next http.Handler) http.Handler
	// Environment may change the variables that a function gets here, so that tests
	// can put a server of theirs before the services it calls, S3 too; nil: nothing.
	Environment func(function string, variables map[string]string)
	// Decided is told of every request made with a function's credentials, and
	// whether it was allowed; nil: nobody. Strings of r may not outlive the call.
	Decided func(function string, r iam.Request, allowed bool)
	// Issued is told of the credentials that functions and the distribution get;
	// nil: nobody.
	Issued func(holder string, c iam.Credentials)
	// Building is called when all else is in order and the functions are about to
	// be built, which takes a while the first time; nil: nobody.
	Building func()
	// Log is told what functions write and what the API answers; nil: nobody.
	Log *slog.Logger
}

// Stack is a running one.
type Stack struct {
	Endpoints Endpoints
	Template  *template.Stack
	Issuer    *issuer.Service
	Queue     *sqs.Service
	Lambda    *lambda.Service
	// Operator may do everything.
	Operator iam.Credentials
	// Built is how long making the functions took, Ready everything after it.
	Built, Ready time.Duration

	options  Options
	log      *slog.Logger
	db       *bbolt.DB
	iam      *iam.Directory
	stop     context.CancelFunc // of everything but the event sources
	services sync.WaitGroup
	stopPoll context.CancelFunc
	pollers  sync.WaitGroup
	servers  []*http.Server
	closers  []func() error // in the order of starting
}

// Start builds what is not fresh and returns when every service answers.
func Start(ctx context.Context, o Options) (_ *Stack, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Intercept == nil {
		o.Intercept = func(_ string, next http.Handler) http.Handler { return next }
	}
	if o.Environment == nil {
		o.Environment = func(string, map[string]string) {}
	}
	if o.Issued == nil {
		o.Issued = func(string, iam.Credentials) {}
	}
	// The S3 gateway changes the working directory.
	if o.Source, err = filepath.Abs(o.Source); err != nil {
		return nil, err
	}
	if o.Data, err = filepath.Abs(o.Data); err != nil {
		return nil, err
	}
	if o.SigningKey != nil {
		if _, err := parsePrivateKey(string(o.SigningKey)); err != nil {
			return nil, fmt.Errorf("the signing key: %w", err)
		}
	}
	// The stack outlives a ctx that only bounds its start.
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Stack{options: o, log: o.Log, iam: iam.NewDirectory(), stop: stop}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := s.openData(); err != nil {
		return nil, err
	}
	ports, err := listen(ctx, o.Port)
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, ports.Close)
	if s.Template, err = s.readTemplate(ports, nil); err != nil {
		return nil, err
	}
	s.Endpoints = s.locate(ports)
	if o.Building != nil {
		o.Building()
	}
	began := time.Now()
	binaries, err := build(ctx, o.Source, s.Template.Functions)
	if err != nil {
		return nil, err
	}
	s.Built, began = time.Since(began), time.Now()
	if err := s.startServices(ctx, run, ports, binaries); err != nil {
		return nil, err
	}
	if err := s.writeEndpoints(); err != nil {
		return nil, err
	}
	s.Ready = time.Since(began)
	return s, nil
}

// openData makes the folder and locks it.
func (s *Stack) openData() error {
	dir := s.options.Data
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	db, err := bbolt.Open(filepath.Join(dir, "state.db"), 0o600, &bbolt.Options{
		Timeout: time.Second,
		// What a process wrote outlives its kill without an fsync per write; only
		// the fall of the whole machine could lose it.
		NoSync: true, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType,
	})
	if errors.Is(err, bbolterrors.ErrTimeout) {
		return fmt.Errorf("the data folder %s is in use by another stack", dir)
	}
	if err != nil {
		return fmt.Errorf("opening the data folder: %w", err)
	}
	s.db = db
	s.closers = append(s.closers, db.Close)
	// A stack that was killed has left its own.
	if err := s.removeEndpoints(); err != nil {
		return err
	}
	s.Operator, err = s.operator()
	return err
}

// readTemplate reads it with what custom resources have answered; nil: none yet.
func (s *Stack) readTemplate(p *ports, answers map[string]template.Answer) (*template.Stack, error) {
	parameters := map[string]string{"Issuer": p.url(portIssuer), "Audience": Audience}
	maps.Copy(parameters, s.options.Parameters)
	t, err := template.Load(filepath.Join(s.options.Source, "template.yaml"), template.Options{
		StackName: Name, Region: Region, AccountID: AccountID, Parameters: parameters, Answers: answers,
	})
	if err != nil {
		return nil, err
	}
	if len(t.APIs) != 1 || len(t.Buckets) != 1 || len(t.Tables) != 1 || len(t.Secrets) != 1 || len(t.Distributions) != 1 {
		return nil, errors.New("template.yaml: the embedded stack needs exactly one API, bucket, table, secret and distribution")
	}
	return t, nil
}

// Close stops everything and waits for it. No process of a function is left.
func (s *Stack) Close() error {
	var err error
	if s.db != nil { // else the folder is not ours
		err = s.removeEndpoints()
	}
	if s.stopPoll != nil {
		// The batches under way finish while all that record calls still answers: a
		// batch cut off would come back only after its visibility timeout.
		s.stopPoll()
		s.pollers.Wait()
	}
	for _, server := range s.servers {
		_ = server.Close()
	}
	s.stop()
	s.services.Wait()
	if s.Lambda != nil {
		err = errors.Join(err, s.Lambda.Close())
	}
	for i := len(s.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, s.closers[i]())
	}
	return err
}
