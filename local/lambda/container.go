package lambda

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"

	"airlock/local/iam"
)

// stopGrace is how long a process may take to obey SIGTERM.
const stopGrace = 2 * time.Second

// minCredentialLife is the least life that a reused container's credentials
// must have, so that a presigned URL made with them lives as long as it says.
const minCredentialLife = time.Hour

// errNotFetched says that a container ended before it had taken an event.
var errNotFetched = errors.New("the container ended before it took the event")

// errExited says that a container ended before it had answered.
var errExited = errors.New("the container ended before it answered")

// container is one process of a function. From takeIdle (or newContainer) to
// putIdle it belongs to the invocation that holds it.
type container struct {
	id     string
	fn     *function
	s      *Service
	born   time.Time
	creds  iam.Credentials
	cmd    *exec.Cmd
	stop   context.CancelFunc // SIGTERM, and SIGKILL after stopGrace
	logs   *logPipe
	inbox  chan *invocation // room for one: its holder's
	exited chan struct{}    // closed when the process group is gone

	mu        sync.Mutex
	ready     bool // has asked for an event once: the init phase is over
	polling   bool // is asking for an event
	current   *invocation
	began     time.Time // when current was taken
	watchdog  *time.Timer
	overran   time.Duration // the limit for which the watchdog killed it
	initError []byte        // what the function reported of its init phase
}

func (s *Service) newContainer(f *function) *container {
	return &container{
		id:     uuid.NewString(),
		fn:     f,
		s:      s,
		born:   time.Now(),
		creds:  s.cfg.Credentials(f.LogicalID),
		inbox:  make(chan *invocation, 1),
		exited: make(chan struct{}),
	}
}

// fresh says whether the credentials have more than an hour left, or more than
// half of their life where that is less.
func (c *container) fresh(now time.Time) bool {
	if c.creds.Expires.IsZero() {
		return true
	}
	return c.creds.Expires.Sub(now) > min(minCredentialLife, c.creds.Expires.Sub(c.born)/2)
}

// start starts the process. An error means that there is none.
func (c *container) start() error {
	logs, pipe, err := newLogPipe(func(line []byte) { c.s.cfg.Log(c.fn.LogicalID, line) })
	if err != nil {
		return err
	}
	c.logs = logs
	err = c.startProcess(pipe)
	// The process has its own copy. Closing ours is the end of what we write to it: nothing.
	_ = pipe.Close()
	if err != nil {
		logs.close()
	}
	return err
}

func (c *container) startProcess(output *os.File) error {
	environment, err := c.environment()
	if err != nil {
		return err
	}
	if !c.s.begin() {
		return ErrClosed
	}
	ctx, cancel := context.WithCancel(c.s.ctx)
	c.stop = cancel
	c.cmd = exec.CommandContext(ctx, c.fn.Bootstrap)
	c.cmd.Dir = filepath.Dir(c.fn.Bootstrap)
	c.cmd.Env = environment
	c.cmd.Stdout, c.cmd.Stderr = output, output
	c.cmd.SysProcAttr = processAttributes()
	c.cmd.Cancel = func() error { return syscall.Kill(-c.cmd.Process.Pid, syscall.SIGTERM) }
	c.cmd.WaitDelay = stopGrace

	c.s.mu.Lock()
	c.s.containers[c.id] = c
	c.s.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock() // the watchdog must not bark before there is a process
	c.watch(c.s.initLimit)
	if err := c.s.starter.start(c.cmd); err != nil {
		c.unwatch()
		cancel()
		c.remove()
		c.s.tasks.Done()
		return err
	}
	go func() {
		defer c.s.tasks.Done()
		defer cancel()
		c.reap()
	}()
	return nil
}

// reap waits for the end of the process and sweeps up what it leaves.
func (c *container) reap() {
	// What Wait returns stands in ProcessState, too.
	_ = c.cmd.Wait()
	// Processes that the function started and did not wait for. None is the rule, and an error.
	_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
	c.mu.Lock()
	c.unwatch()
	c.mu.Unlock()
	c.logs.close()
	c.remove()
	close(c.exited)
	c.fn.forget(c)
}

func (c *container) remove() {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	delete(c.s.containers, c.id)
}

// watch lets the watchdog kill the process group in limit, in place of what it
// watched before. c.mu is held.
func (c *container) watch(limit time.Duration) {
	c.unwatch()
	var timer *time.Timer
	timer = time.AfterFunc(limit, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.watchdog != timer {
			return
		}
		c.overran = limit
		// It fails if the process has just ended by itself, which is as good.
		_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
	})
	c.watchdog = timer
}

// unwatch calls the watchdog off. c.mu is held.
func (c *container) unwatch() {
	if c.watchdog != nil {
		c.watchdog.Stop()
		c.watchdog = nil
	}
}

// settle decides what became of inv after the process has ended: it had
// answered (nil), the event is still nobody's (errNotFetched), or the answer is
// Lambda's own report of the end (errExited, with inv.result set).
func (c *container) settle(inv *invocation) error {
	select {
	case <-inv.answered:
		return nil
	default:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != inv && c.ready {
		return errNotFetched
	}
	inv.result = c.obituary(inv)
	inv.logTail = c.logs.tail()
	return errExited
}

// obituary is the error that Lambda reports for a process that ended without an
// answer. c.mu is held.
func (c *container) obituary(inv *invocation) Result {
	switch {
	case c.initError != nil:
		return Result{Payload: c.initError, FunctionError: unhandled}
	case c.overran != 0:
		return failure("Sandbox.Timedout", fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds",
			inv.id, c.overran.Seconds()))
	case c.cmd.ProcessState.Success():
		return failure("Runtime.ExitError", fmt.Sprintf("RequestId: %s Error: Runtime exited without providing a reason", inv.id))
	default:
		return failure("Runtime.ExitError", fmt.Sprintf("RequestId: %s Error: Runtime exited with error: %s",
			inv.id, c.cmd.ProcessState))
	}
}
