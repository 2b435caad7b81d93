package upload

import (
	"crypto/sha256"
	"encoding/base64"

	"airlock/pkg/api"
)

// emptySHA256 is the SHA-256 of nothing, in base64.
const emptySHA256 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

// checkChecksum returns the checksum S3 is to insist on, or "" for none. A
// length of zero is bound by the checksum of nothing: Signature Version 4
// leaves a Content-Length of zero out of what it signs, so without it any body
// would do.
func checkChecksum(s *string, contentLength int64) (string, error) {
	if s == nil {
		if contentLength == 0 {
			return emptySHA256, nil
		}
		return "", nil
	}
	b, err := base64.StdEncoding.Strict().DecodeString(*s)
	// The length of the text catches line breaks, which the decoder skips.
	if err != nil || len(b) != sha256.Size || len(*s) != base64.StdEncoding.EncodedLen(sha256.Size) {
		return "", api.Refuse(api.InvalidChecksum, "checksumSHA256 is the base64 of 32 bytes")
	}
	if contentLength == 0 && *s != emptySHA256 {
		return "", api.Refuse(api.InvalidChecksum, "checksumSHA256 is not that of an empty file")
	}
	return *s, nil
}
