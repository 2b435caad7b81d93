package lambda

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
)

// tailBytes is how much of its log an invocation can hand back ("Invoke",
// LogResult). maxLineBytes bounds one line; a longer one is cut into several.
const (
	tailBytes    = 4 << 10
	maxLineBytes = 256 << 10
)

// logPipe reads what a process writes to its standard output and error.
//
// A process writes to the pipe and then answers over HTTP, so whoever has the
// answer may be ahead of whoever reads the pipe. tail therefore reads what is in
// the pipe itself: the descriptor never blocks, and mu keeps the order.
type logPipe struct {
	file *os.File
	raw  syscall.RawConn
	line func([]byte) // is given each line
	done chan struct{}

	mu      sync.Mutex
	buffer  []byte
	partial []byte // a line without its end
	recent  []byte // the last tailBytes since tail was called
}

// newLogPipe returns the pipe's reader, and the end to give to the process.
func newLogPipe(line func([]byte)) (*logPipe, *os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("making a pipe for the log: %w", err)
	}
	raw, err := r.SyscallConn()
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("reading the log pipe: %w", err), r.Close(), w.Close())
	}
	p := &logPipe{file: r, raw: raw, line: line, done: make(chan struct{}), buffer: make([]byte, 32<<10)}
	go func() {
		defer close(p.done)
		// It ends with the last writer, or when close closes the pipe.
		_ = raw.Read(p.readAll)
	}()
	return p, w, nil
}

// readAll takes what the pipe holds and says whether that was the end.
func (p *logPipe) readAll(fd uintptr) (end bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		n, err := syscall.Read(int(fd), p.buffer)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return false
		case err != nil || n == 0:
			return true
		}
		p.take(p.buffer[:n])
	}
}

// take splits bytes into lines. p.mu is held.
func (p *logPipe) take(b []byte) {
	p.remember(b)
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			break
		}
		p.partial = append(p.partial, b[:i]...)
		p.line(p.partial)
		p.partial = p.partial[:0]
		b = b[i+1:]
	}
	p.partial = append(p.partial, b...)
	if len(p.partial) >= maxLineBytes {
		p.line(p.partial)
		p.partial = p.partial[:0]
	}
}

func (p *logPipe) remember(b []byte) {
	p.recent = append(p.recent, b...)
	if over := len(p.recent) - tailBytes; over > 0 {
		p.recent = append(p.recent[:0], p.recent[over:]...)
	}
}

// note puts a line of the platform's own into the tail. The function's lines
// before it are read first.
func (p *logPipe) note(format string, args ...any) {
	p.drain()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remember(fmt.Appendf(nil, format+"\n", args...))
}

// tail returns the last 4 KB written since it was called last.
func (p *logPipe) tail() []byte {
	p.drain()
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.recent
	p.recent = nil
	return t
}

func (p *logPipe) drain() {
	// It fails after close, when everything has been read.
	_ = p.raw.Control(func(fd uintptr) { p.readAll(fd) })
}

// close reads what is left, hands on a last line without an end, and closes the
// pipe, even if a process that has left the group still holds the other end.
func (p *logPipe) close() {
	p.drain()
	_ = p.file.Close()
	<-p.done
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.partial) > 0 {
		p.line(p.partial)
		p.partial = nil
	}
}
