package s3

import (
	"errors"
	"io"

	"github.com/versity/versitygw/s3api/middlewares"
)

// gate calls open once, when the body has been read to its end and before the
// reader learns so. The gateway stages a body in a temporary file and publishes
// it afterwards, so open runs between the two.
type gate struct {
	body   io.Reader
	open   func() error
	opened bool
}

func (g *gate) Read(p []byte) (int, error) {
	n, err := g.body.Read(p)
	if errors.Is(err, io.EOF) && !g.opened {
		g.opened = true
		if failed := g.open(); failed != nil {
			return n, failed
		}
	}
	return n, err
}

// checksumGate is a gate for a body whose checksum comes in its trailer; the
// gateway knows such a body by its type.
type checksumGate struct {
	*gate
	trailer middlewares.ChecksumReader
}

func (g checksumGate) Algorithm() string { return g.trailer.Algorithm() }
func (g checksumGate) Checksum() string  { return g.trailer.Checksum() }

// gated puts a gate around body.
func gated(body io.Reader, open func() error) io.Reader {
	g := &gate{body: body, open: open}
	if trailer, ok := body.(middlewares.ChecksumReader); ok {
		return checksumGate{gate: g, trailer: trailer}
	}
	return g
}
