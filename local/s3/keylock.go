package s3

import (
	"context"
	"strings"
	"sync"
)

// keyLocks gives one lock for each object there is business with.
type keyLocks struct {
	mu    sync.Mutex
	inUse map[string]*keyLock
}

type keyLock struct {
	held    chan struct{} // holds one value while locked
	callers int           // holding or waiting, guarded by keyLocks.mu
}

func newKeyLocks() *keyLocks { return &keyLocks{inUse: make(map[string]*keyLock)} }

// lock waits for the lock of an object, or for the end of ctx.
func (k *keyLocks) lock(ctx context.Context, bucket, objectKey string) (unlock func(), err error) {
	// The gateway's strings live in a buffer that the next request overwrites.
	name := strings.Clone(bucket + "/" + objectKey)
	k.mu.Lock()
	l := k.inUse[name]
	if l == nil {
		l = &keyLock{held: make(chan struct{}, 1)}
		k.inUse[name] = l
	}
	l.callers++
	k.mu.Unlock()

	leave := func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if l.callers--; l.callers == 0 {
			delete(k.inUse, name)
		}
	}
	select {
	case l.held <- struct{}{}:
		return func() { <-l.held; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
