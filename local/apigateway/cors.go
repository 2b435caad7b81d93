package apigateway

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"airlock/local/template"
)

// cors is the API's CORS configuration. nil is none: then the headers are the
// function's own business.
type cors struct {
	config template.APICORS
}

func newCORS(config *template.APICORS) (*cors, error) {
	if config == nil {
		return nil, nil //nolint:nilnil // no configuration is a configuration
	}
	for _, origin := range config.AllowOrigins {
		switch {
		case origin == "*" && config.AllowCredentials:
			return nil, errors.New("allow-credentials is not supported if 'allow-origin' is *")
		case origin == "*", origin == "https://*", origin == "http://*":
		case strings.Contains(origin, "*"), !strings.Contains(origin, "://"), strings.HasSuffix(origin, "/"):
			return nil, fmt.Errorf("invalid origin %q", origin)
		}
	}
	for _, method := range config.AllowMethods {
		if method == "" || method != strings.ToUpper(method) {
			return nil, fmt.Errorf("invalid method %q", method)
		}
	}
	return &cors{config: *config}, nil
}

// apply puts the configured headers on an answer, in place of any that the
// function set: "If you configure CORS for an API, API Gateway ignores CORS
// headers returned from your backend integration" (Configure CORS for HTTP
// APIs). A preflight that asks for too much gets no headers at all, which is
// what makes the browser refuse.
func (c *cors) apply(header http.Header, r *http.Request, preflight bool) {
	if c == nil {
		return
	}
	for name := range header {
		if strings.HasPrefix(name, "Access-Control-") {
			header.Del(name)
		}
	}
	origin := strings.Join(r.Header["Origin"], ",")
	allowed, ok := c.allowedOrigin(origin)
	if !ok || preflight && !c.allowsPreflight(r) {
		return
	}
	header.Set("Access-Control-Allow-Origin", allowed)
	if c.config.AllowCredentials {
		header.Set("Access-Control-Allow-Credentials", "true")
	}
	if !preflight {
		setList(header, "Access-Control-Expose-Headers", c.config.ExposeHeaders)
		return
	}
	setList(header, "Access-Control-Allow-Methods", c.config.AllowMethods)
	setList(header, "Access-Control-Allow-Headers", c.config.AllowHeaders)
	if c.config.MaxAge > 0 {
		header.Set("Access-Control-Max-Age", strconv.Itoa(int(c.config.MaxAge/time.Second)))
	}
}

func setList(header http.Header, name string, values []string) {
	if len(values) > 0 {
		header.Set(name, strings.Join(values, ","))
	}
}

// allowedOrigin is what access-control-allow-origin says to an origin. Besides
// full origins the configuration knows *, https://* and http://*.
func (c *cors) allowedOrigin(origin string) (string, bool) {
	if origin == "" {
		return "", false
	}
	for _, allowed := range c.config.AllowOrigins {
		switch prefix, wildcard := strings.CutSuffix(allowed, "*"); {
		case allowed == "*":
			return "*", true
		case allowed == origin, wildcard && strings.HasPrefix(origin, prefix):
			return origin, true
		}
	}
	return "", false
}

// allowsPreflight reports whether a preflight names a method, and only methods
// and headers that the configuration lists.
func (c *cors) allowsPreflight(r *http.Request) bool {
	method := r.Header.Get("Access-Control-Request-Method")
	if method == "" || !listed(c.config.AllowMethods, method) {
		return false
	}
	for _, line := range r.Header["Access-Control-Request-Headers"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.TrimSpace(name); name != "" && !listed(c.config.AllowHeaders, name) {
				return false
			}
		}
	}
	return true
}

func listed(list []string, value string) bool {
	return slices.ContainsFunc(list, func(entry string) bool {
		return entry == "*" || strings.EqualFold(entry, value)
	})
}
