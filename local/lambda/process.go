package lambda

import (
	"os/exec"
	"runtime"
)

// starter starts every process from one operating system thread that lives
// until close. Linux sends a child's parent-death signal when the thread that
// forked it ends, and Go ends threads as it likes (prctl(2), PR_SET_PDEATHSIG).
type starter struct {
	requests chan startRequest
	ended    chan struct{}
}

type startRequest struct {
	cmd    *exec.Cmd
	result chan error
}

func newStarter() *starter {
	s := &starter{requests: make(chan startRequest), ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for r := range s.requests {
			r.result <- r.cmd.Start()
		}
	}()
	return s
}

// start is cmd.Start. It must not be called after close.
func (s *starter) start(cmd *exec.Cmd) error {
	r := startRequest{cmd: cmd, result: make(chan error)}
	s.requests <- r
	return <-r.result
}

// close ends the thread. All processes must have ended before. It may be called
// once.
func (s *starter) close() {
	close(s.requests)
	<-s.ended
}
