// Package lambda runs the functions of a template as AWS Lambda does: their
// unmodified bootstrap binaries, driven through the Lambda Runtime API, and
// called through the Invoke API.
//
// A container is one process. It serves one invocation at a time, is kept warm
// afterwards and is reused, the most recently used one first; its credentials
// and environment are fixed when it starts, and it is retired before its
// credentials grow old. A function's processes form a process group each, so
// what a function starts dies with it.
//
// Limits, from "Lambda quotas": 6 MB of payload each way, 1 MB for an
// asynchronous event, 10 seconds for the init phase. A function runs up to
// MaxConcurrency invocations at once. Memory is not limited, nothing is
// isolated from the machine, only $LATEST exists, and one try is made at the
// init phase where AWS makes a second, "suppressed" one. Response streaming,
// layers, extensions, aliases and destinations do not exist.
// Events accepted for asynchronous invocation are kept in memory only.
//
// Trusted: the binaries (they run as the user who started the process) and
// whoever can reach the Runtime API's loopback listener and knows a container's
// random id. The Invoke API trusts only requests signed with Signature Version 4.
package lambda

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"airlock/local/iam"
	"airlock/local/template"
)

// initLimit is how long the init phase may take ("Lambda quotas"; the init
// phase of on-demand functions).
const initLimit = 10 * time.Second

// defaultConcurrency is the concurrency of a new AWS account.
const defaultConcurrency = 10

// Function is a function of the template and the binary that is its code.
type Function struct {
	template.Function
	Bootstrap      string // absolute path of the binary, ending in <LogicalID>/bootstrap
	MaxConcurrency int    // invocations at once; 0: 10
}

// Config is what a Service is made from. IAM, Region, AccountID and Credentials
// are required.
type Config struct {
	IAM       *iam.Directory // who may call the Invoke API
	Region    string
	AccountID string
	Functions []Function

	// Credentials makes fresh temporary credentials of the function's role. It
	// is called once for each container, from several goroutines.
	Credentials func(logicalID string) iam.Credentials

	// Environment is added to the template's variables and overrides them; it
	// is read once for each container. A variable that Lambda reserves keeps the
	// container from starting. nil adds nothing.
	Environment func(logicalID string) map[string]string

	// Log is given each line a function writes to its standard output or error,
	// without the line's end. It must return soon and not keep line. nil drops
	// them.
	Log func(logicalID string, line []byte)
}

// Service is Lambda: an http.Handler for the Invoke API, and Invoke. It is safe
// for concurrent use.
type Service struct {
	cfg        Config
	functions  []*function          // in the template's order
	byID       map[string]*function // by logical id
	mux        *http.ServeMux
	address    string // of the Runtime API, host:port
	runtimeAPI *http.Server
	starter    *starter
	initLimit  time.Duration

	ctx     context.Context // ends at Close
	cancel  context.CancelFunc
	tasks   sync.WaitGroup // what Close waits for
	serving sync.WaitGroup // the Runtime API, which ends after them

	closing  sync.Once
	closeErr error

	mu         sync.Mutex
	closed     bool
	containers map[string]*container // by id
}

// Result is what a function answered. FunctionError is "" or "Unhandled"; with
// the latter, Payload is the JSON object {"errorType","errorMessage",…}.
type Result struct {
	Payload       []byte
	FunctionError string
}

// Error is a refusal to run a function, in AWS's words. Status is the one the
// Invoke API answers with.
type Error struct {
	Code    string // ResourceNotFoundException, RequestTooLargeException, TooManyRequestsException …
	Status  int
	Message string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// ErrClosed is returned by Invoke when the service was closed before the
// function had answered.
var ErrClosed = errors.New("lambda: service is closed")

// New opens the Runtime API on a free loopback port. No process is started
// before it is needed. The caller must Close the service.
func New(cfg Config) (*Service, error) {
	if cfg.IAM == nil || cfg.Credentials == nil || cfg.Region == "" || cfg.AccountID == "" {
		return nil, errors.New("configuring lambda: IAM, Credentials, Region and AccountID are required")
	}
	if cfg.Log == nil {
		cfg.Log = func(string, []byte) {}
	}
	if cfg.Environment == nil {
		cfg.Environment = func(string) map[string]string { return nil }
	}
	s := &Service{
		cfg:        cfg,
		byID:       map[string]*function{},
		containers: map[string]*container{},
		initLimit:  initLimit,
	}
	for _, f := range cfg.Functions {
		if err := s.addFunction(f); err != nil {
			return nil, fmt.Errorf("configuring function %s: %w", f.LogicalID, err)
		}
	}

	s.ctx, s.cancel = context.WithCancel(context.Background())
	listener, err := (&net.ListenConfig{}).Listen(s.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		s.cancel()
		return nil, fmt.Errorf("opening the lambda runtime api: %w", err)
	}
	s.address = listener.Addr().String()
	s.mux = s.invokeAPI()
	s.runtimeAPI = &http.Server{
		Handler:           s.runtimeHandler(),
		ReadHeaderTimeout: 10 * time.Second,
		// aws-lambda-go sends up to 1 MB of cause in a header of /error.
		MaxHeaderBytes: 2 << 20,
	}
	s.starter = newStarter()
	s.serving.Go(func() {
		if err := s.runtimeAPI.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			slog.Error("the lambda runtime api stopped", "error", err)
		}
	})
	return s, nil
}

// addFunction refuses what could only fail at the first invocation.
func (s *Service) addFunction(f Function) error {
	switch {
	case f.LogicalID == "" || f.Name == "" || f.ARN == "":
		return errors.New("logical id, name and ARN are required")
	case s.byID[f.LogicalID] != nil:
		return errors.New("it is configured twice")
	case f.Timeout <= 0 || f.Timeout > 15*time.Minute:
		return fmt.Errorf("timeout %v is not between 1 s and 15 min", f.Timeout)
	case f.MaxConcurrency < 0:
		return fmt.Errorf("concurrency %d is negative", f.MaxConcurrency)
	case !filepath.IsAbs(f.Bootstrap) || filepath.Base(f.Bootstrap) != "bootstrap" ||
		filepath.Base(filepath.Dir(f.Bootstrap)) != f.LogicalID:
		return fmt.Errorf("bootstrap %q is not an absolute path ending in %s/bootstrap", f.Bootstrap, f.LogicalID)
	}
	if _, err := os.Stat(f.Bootstrap); err != nil {
		return fmt.Errorf("looking for its binary: %w", err)
	}
	if err := checkReserved(f.Environment); err != nil {
		return err
	}
	if f.MaxConcurrency == 0 {
		f.MaxConcurrency = defaultConcurrency
	}
	fn := &function{Function: f, slots: make(chan struct{}, f.MaxConcurrency)}
	s.functions = append(s.functions, fn)
	s.byID[f.LogicalID] = fn
	return nil
}

// Close ends every process group with SIGTERM, and with SIGKILL 2 seconds
// later, and waits until the functions, and all calls of Invoke, have ended; what
// a function had started itself has then been sent SIGKILL. Calls in progress
// return ErrClosed, and events not yet processed are lost. Close may be called
// again.
func (s *Service) Close() error {
	s.closing.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		s.cancel()
		s.tasks.Wait()
		// Not before the processes have ended: one that finds nobody to ask for its
		// next event writes an error, and would look as if it had failed.
		if err := s.runtimeAPI.Close(); err != nil {
			s.closeErr = fmt.Errorf("closing the lambda runtime api: %w", err)
		}
		s.serving.Wait()
		s.starter.close()
	})
	return s.closeErr
}

// begin counts a task that Close must wait for, unless it is too late for one.
func (s *Service) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.tasks.Add(1)
	return true
}

// ServeHTTP is the Invoke API: Invoke and ListFunctions.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }
