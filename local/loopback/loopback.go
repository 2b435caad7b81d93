// Package loopback tells requests that meant this machine from requests that a
// page on the web made a browser send to it.
package loopback

import (
	"net"
	"strings"
)

// IsHost reports whether a Host header names this machine. A name of the public
// DNS that resolves to 127.0.0.1 does not: DNS rebinding is how a page on the
// web would make a browser talk to us as if we were its own origin.
func IsHost(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	} else if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		name = host[1 : len(host)-1]
	}
	name = strings.ToLower(name)
	return name == "127.0.0.1" || name == "::1" || name == "localhost" || strings.HasSuffix(name, ".localhost")
}
