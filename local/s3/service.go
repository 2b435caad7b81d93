package s3

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"

	"github.com/versity/versitygw/embedgw"
	"github.com/versity/versitygw/s3api"
	"github.com/versity/versitygw/s3api/controllers"
	bolt "go.etcd.io/bbolt"

	"airlock/local/iam"
	"airlock/local/template"
)

// Config says what the service stands on.
type Config struct {
	// Dir is the absolute path of the folder that holds objects, versions and
	// their metadata. It is made if missing.
	Dir string
	// DB keeps sequencers and undelivered events, in buckets named s3/….
	DB *bolt.DB
	// IAM knows every caller.
	IAM       *iam.Directory
	Region    string
	AccountID string
	// Addr is the loopback address to listen on, 127.0.0.1:9001.
	Addr    string
	Buckets []template.Bucket
	// Operator may do everything that no bucket policy denies. It is added to
	// IAM if IAM does not know it yet.
	Operator iam.Credentials
	// Notify hands a message to a queue. It is called from one goroutine, must
	// have stored the message when it returns nil, and is called again until it
	// does.
	Notify func(ctx context.Context, queueARN string, message []byte) error
}

// Service is a running S3.
type Service struct {
	addr    string
	store   *store
	home    string // the working directory to go back to
	cancel  context.CancelFunc
	running sync.WaitGroup
	failure error // of the gateway, once running is done
}

// The gateway wants limits. They are far above what one machine's tools open.
const (
	maxConnections = 10_000
	maxParts       = 10_000 // S3's own limit for one upload
)

// Start returns when the service listens and every bucket of the template
// stands. It runs until ctx ends or Close is called; either way Close must be
// called, to wait for its end.
func Start(ctx context.Context, c Config) (*Service, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if _, _, known := c.IAM.Lookup(c.Operator.AccessKeyID); !known {
		c.IAM.Add(&iam.Principal{
			Name:     "operator",
			ARN:      "arn:aws:iam::" + c.AccountID + ":root",
			Operator: true,
		}, c.Operator)
	}
	home, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("finding the working directory: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &Service{addr: c.Addr, home: home, cancel: cancel}
	if err := s.start(ctx, c); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (c Config) check() error {
	host, _, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return fmt.Errorf("reading the S3 address: %w", err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("refusing to listen on %s: only loopback addresses are allowed", c.Addr)
	}
	if !filepath.IsAbs(c.Dir) {
		return fmt.Errorf("using %q as the S3 folder: the path is not absolute", c.Dir)
	}
	return nil
}

func (s *Service) start(ctx context.Context, c Config) error {
	access, err := newAccess(c)
	if err != nil {
		return err
	}
	events, err := newEvents(c)
	if err != nil {
		return err
	}
	objects, err := openObjects(c.Dir)
	if err != nil {
		return err
	}
	store := &store{Posix: objects.posix, metadata: objects.metadata, access: access, events: events, locks: newKeyLocks()}
	s.store = store
	for _, b := range c.Buckets {
		if err := store.establish(ctx, b, c.AccountID); err != nil {
			return fmt.Errorf("making bucket %s: %w", b.Name, err)
		}
	}
	if err := store.resolveIntents(ctx); err != nil {
		return fmt.Errorf("looking up what an earlier run left unfinished: %w", err)
	}
	if err := events.announce(); err != nil {
		return fmt.Errorf("announcing notifications: %w", err)
	}
	if err := s.listen(ctx, c, store); err != nil {
		return err
	}
	s.running.Go(func() { events.deliver(ctx) })
	s.running.Go(func() { daily(ctx, store.sweeper(c.Buckets)) })
	return nil
}

// listen runs the gateway and returns when its socket is bound.
func (s *Service) listen(ctx context.Context, c Config, store *store) error {
	ready := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- embedgw.RunVersityGW(ctx, store, &embedgw.Config{
			// The gateway asks no policy about its root, and a bucket policy
			// binds even an account's root. So nobody is the gateway's root.
			RootUserAccess:    "AIRLOCKROOT" + rand.Text(),
			RootUserSecret:    rand.Text(),
			Region:            c.Region,
			Ports:             []string{c.Addr},
			MaxConnections:    maxConnections,
			MaxRequests:       maxConnections,
			MultipartMaxParts: maxParts,
			Quiet:             true,
			KeepAlive:         true,
			// BucketOwnerEnforced, the default of every new bucket at AWS.
			DisableACLs: true,
			IAMService:  store.access,
			S3Options: []s3api.Option{
				s3api.WithMiddleware("/", controllers.WrapMiddleware(inspect, nil, nil)),
				s3api.WithOnListen(func() { close(ready) }),
			},
		})
	}()
	select {
	case <-ready:
		s.running.Go(func() {
			if s.failure = <-ended; s.failure != nil {
				slog.ErrorContext(ctx, "running the S3 gateway", "error", s.failure)
			}
		})
		slog.DebugContext(ctx, "s3 listens", "url", s.URL())
		return nil
	case err := <-ended:
		return fmt.Errorf("starting the S3 gateway: %w", errors.Join(err, ctx.Err()))
	}
}

// Close ends the service and waits for it. Events not yet delivered wait in
// the database for the next start. Only the first call does anything; it is not
// for several goroutines.
func (s *Service) Close() error {
	s.cancel()
	s.running.Wait()
	if s.home == "" {
		return nil
	}
	err := errors.Join(s.failure, os.Chdir(s.home))
	s.home = ""
	return err
}

// URL is the endpoint for SDKs; buckets are addressed by path.
func (s *Service) URL() string { return "http://" + s.addr }
