package signingkey

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Format prints [redacted] for every verb, %#v and %x among them.
func (Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// MarshalText makes JSON and every other encoding of a Key [redacted].
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue makes slog print [redacted].
func (Key) LogValue() slog.Value { return slog.StringValue(redacted) }
