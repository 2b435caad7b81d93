package api

import "time"

// Lifetime reads an expiresInSeconds, which every route that hands out a URL
// takes: left out it is fallback, and otherwise 1 to longest, in whole seconds.
// The error is an [InvalidExpiry].
func Lifetime(seconds *int64, fallback, longest time.Duration) (time.Duration, error) {
	if seconds == nil {
		return fallback, nil
	}
	most := int64(longest / time.Second)
	if *seconds < 1 || *seconds > most {
		return 0, Refuse(InvalidExpiry, "expiresInSeconds may be 1 to %d", most)
	}
	return time.Duration(*seconds) * time.Second, nil
}
