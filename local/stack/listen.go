package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// The ports, in the order in which they are taken from Options.Port on.
const (
	portAPI = iota
	portCDN
	portS3
	portIssuer
	portLambda
	portDynamoDB
	portSecretsManager
	portCloudFront
	portCloudFormation
	portCount
)

// LastPort is the highest that Options.Port can be.
const LastPort = 65535 - portCount + 1

// ports are listeners, all of them opened before anything else starts, so that
// a port in use is found out at once.
type ports struct {
	listeners [portCount]net.Listener
	taken     [portCount]bool
}

func listen(ctx context.Context, first int) (*ports, error) {
	p := &ports{}
	var config net.ListenConfig
	for i := range p.listeners {
		port := 0
		if first != 0 {
			port = first + i
		}
		l, err := config.Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			_ = p.Close()
			if errors.Is(err, syscall.EADDRINUSE) {
				others := first + 100
				if others > LastPort {
					others = first - 100
				}
				return nil, fmt.Errorf("port %d is in use; AIRLOCK_PORT=%d takes others, AIRLOCK_PORT=0 any free ones", port, others)
			}
			return nil, fmt.Errorf("listening on port %d: %w", port, err)
		}
		p.listeners[i] = l
	}
	return p, nil
}

func (p *ports) addr(i int) string { return p.listeners[i].Addr().String() }

func (p *ports) url(i int) string { return "http://" + p.addr(i) }

// take hands a listener over to its server.
func (p *ports) take(i int) net.Listener {
	p.taken[i] = true
	return p.listeners[i]
}

// Close closes the listeners nobody took.
func (p *ports) Close() error {
	var errs []error
	for i, l := range p.listeners {
		if l != nil && !p.taken[i] {
			errs = append(errs, l.Close())
		}
	}
	return errors.Join(errs...)
}
