package lambda

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

const apiVersion = "2018-06-01" // of the Runtime API

// reserved are the variables Lambda sets and refuses in a function's
// configuration ("Working with Lambda environment variables"). The proxies are
// ours: a function that runs here must not call the world outside.
//
// AWS_EXECUTION_ENV and _X_AMZN_TRACE_ID are reserved, too, and not set: the
// same page says that OS-only runtimes (provided.*) do without them.
func (c *container) reserved() map[string]string {
	return map[string]string{
		"_HANDLER":                        "bootstrap",
		"AWS_REGION":                      c.s.cfg.Region,
		"AWS_DEFAULT_REGION":              c.s.cfg.Region,
		"AWS_LAMBDA_FUNCTION_NAME":        c.fn.Name,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(c.fn.MemoryMB),
		"AWS_LAMBDA_FUNCTION_VERSION":     version,
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/" + c.fn.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME": c.born.UTC().Format("2006/01/02") + "/[" + version + "]" +
			strings.ReplaceAll(uuid.NewString(), "-", ""),
		"AWS_LAMBDA_RUNTIME_API": c.s.address + "/" + c.id,
		"LAMBDA_TASK_ROOT":       filepath.Dir(c.fn.Bootstrap),
		"LAMBDA_RUNTIME_DIR":     "/var/runtime",
		"AWS_ACCESS_KEY_ID":      c.creds.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY":  c.creds.SecretAccessKey,
		"AWS_SESSION_TOKEN":      c.creds.SessionToken,
	}
}

// checkReserved refuses what CreateFunction refuses.
func checkReserved(environment map[string]string) error {
	names := (&container{s: &Service{}, fn: &function{}}).reserved()
	names["AWS_EXECUTION_ENV"], names["_X_AMZN_TRACE_ID"] = "", ""
	for _, name := range slices.Sorted(maps.Keys(environment)) {
		if _, ok := names[name]; ok {
			return fmt.Errorf("environment variable %s is reserved by Lambda", name)
		}
	}
	return nil
}

// environment is all that a process sees: nothing of ours but PATH.
func (c *container) environment() ([]string, error) {
	added := c.s.cfg.Environment(c.fn.LogicalID)
	if err := checkReserved(added); err != nil {
		return nil, err
	}
	all := map[string]string{
		"PATH":        os.Getenv("PATH"),
		"LANG":        "en_US.UTF-8",
		"TZ":          ":UTC",
		"HTTP_PROXY":  "",
		"HTTPS_PROXY": "",
	}
	if !c.creds.Expires.IsZero() {
		// Lambda does not tell; a runtime that can be told answers honestly how
		// long what it signs will live.
		all["AWS_CREDENTIAL_EXPIRATION"] = c.creds.Expires.UTC().Format(time.RFC3339)
	}
	maps.Copy(all, c.fn.Environment)
	maps.Copy(all, added)
	maps.Copy(all, c.reserved())
	list := make([]string, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, name+"="+all[name])
	}
	return list, nil
}
