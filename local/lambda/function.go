package lambda

import (
	"slices"
	"sync"
	"time"
)

// function is one function and its warm containers.
type function struct {
	Function
	slots chan struct{} // holds one element for each invocation that runs

	mu   sync.Mutex
	idle []*container // the most recently used last
}

// takeIdle hands out the warm container used last, or nil. Containers whose
// credentials have grown too old are retired on the way.
func (f *function) takeIdle() *container {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	for len(f.idle) > 0 {
		c := f.idle[len(f.idle)-1]
		f.idle = f.idle[:len(f.idle)-1]
		if c.fresh(now) {
			return c
		}
		c.stop()
	}
	return nil
}

// putIdle keeps a container that has answered, unless its process has ended.
// Its function may not have asked for the next event yet: it finds it waiting.
func (f *function) putIdle(c *container) {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-c.exited:
	default:
		f.idle = append(f.idle, c)
	}
}

// forget drops a container that has exited. c.exited is closed before, so that
// putIdle cannot bring it back.
func (f *function) forget(c *container) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := slices.Index(f.idle, c); i >= 0 {
		f.idle = slices.Delete(f.idle, i, i+1)
	}
}
