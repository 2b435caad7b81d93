package upload_test

import (
	"testing"

	"airlock/pkg/api"
	"airlock/pkg/upload"
)

func TestChecksum(t *testing.T) {
	t.Parallel()
	const helloSHA256 = "MV9b23bQeMQ7isAGTkoBZGErH853yGk0W/yUx1iU7dM="
	const emptySHA256 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	tests := []struct {
		name, checksum string
		contentLength  int64
		want           api.Code
	}{
		{"valid", helloSHA256, 13, ""},
		{"of nothing, for nothing", emptySHA256, 0, ""},
		{"of nothing, for something", emptySHA256, 13, ""}, // S3 will refuse the body
		{"of something, for nothing", helloSHA256, 0, api.InvalidChecksum},
		{"empty", "", 13, api.InvalidChecksum},
		{"empty, for nothing", "", 0, api.InvalidChecksum},
		{"31 bytes", "MV9b23bQeMQ7isAGTkoBZGErH853yGk0W/yUx1iU7Q==", 13, api.InvalidChecksum},
		{"33 bytes", "MV9b23bQeMQ7isAGTkoBZGErH853yGk0W/yUx1iU7dMA", 13, api.InvalidChecksum},
		{"SHA-1", "lDpwLQb8NKSCDjk3Qpw4ykI3i+o=", 13, api.InvalidChecksum},
		{"hexadecimal", "315f5bdb76d078c43b8ac0064e4a0164612b1fce77c869345bfc94c75894edd3", 13, api.InvalidChecksum},
		{"base64url", "MV9b23bQeMQ7isAGTkoBZGErH853yGk0W_yUx1iU7dM=", 13, api.InvalidChecksum},
		{"no padding", "MV9b23bQeMQ7isAGTkoBZGErH853yGk0W/yUx1iU7dM", 13, api.InvalidChecksum},
		{"trailing bits", "MV9b23bQeMQ7isAGTkoBZGErH853yGk0W/yUx1iU7dN=", 13, api.InvalidChecksum},
		{"line break inside", "MV9b23bQeMQ7isAGTkoBZGErH853yGk0\nW/yUx1iU7dM=", 13, api.InvalidChecksum},
		{"line break at the end", helloSHA256 + "\r\n", 13, api.InvalidChecksum},
		{"44 characters with line breaks", "MV9b23bQeMQ7isAGTkoBZGErH853yGk0W/yUx1iU\r\n\r\n", 13, api.InvalidChecksum},
		{"space", " " + helloSHA256, 13, api.InvalidChecksum},
	}
	g := newGranter(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := hello(func(r *upload.Request) { r.ChecksumSHA256, r.ContentLength = &tt.checksum, &tt.contentLength })
			got, err := g.CreateUpload(t.Context(), from("alice"), in)
			if codeOf(err) != tt.want {
				t.Fatalf("CreateUpload with checksum %q of %d bytes = error %v, want code %q", tt.checksum, tt.contentLength, err, tt.want)
			}
			if err == nil && got.Headers["x-amz-checksum-sha256"] != tt.checksum {
				t.Errorf("x-amz-checksum-sha256 = %q, want %q", got.Headers["x-amz-checksum-sha256"], tt.checksum)
			}
		})
	}
}
