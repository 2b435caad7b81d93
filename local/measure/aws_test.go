package measure

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// aws answers what sign and record ask while they start and work: over TLS,
// since that is most of what asking costs.
type aws struct {
	url   string
	roots string // a file: the system's trusted roots, and this server's certificate
}

func startAWS(b *testing.B, key any) aws {
	b.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		b.Fatal(err)
	}
	document, err := json.Marshal(map[string]string{
		"keyPairId": "K2JCJMDEHXQW5F", "privateKey": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	if err != nil {
		b.Fatal(err)
	}
	secret, err := json.Marshal(map[string]any{"SecretString": string(document), "VersionId": "v", "VersionStages": []string{"AWSCURRENT"}})
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch target := r.Header.Get("X-Amz-Target"); {
		case target == "secretsmanager.GetSecretValue":
			_, _ = w.Write(secret)
		case strings.HasPrefix(target, "DynamoDB_"):
			w.Header().Set("X-Amz-Crc32", fmt.Sprint(crc32.ChecksumIEEE([]byte("{}"))))
			_, _ = w.Write([]byte("{}"))
		case r.Method == http.MethodHead:
			w.Header().Set("Content-Type", "text/plain")
		}
	}))
	b.Cleanup(server.Close)
	return aws{server.URL, writeRoots(b, server.Certificate())}
}

// writeRoots makes a root store as large as those of real systems: reading it is
// a good part of a TLS connection in a new process.
func writeRoots(b *testing.B, certificate *x509.Certificate) string {
	b.Helper()
	var roots []byte
	for _, file := range []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"} {
		if bundle, err := os.ReadFile(file); err == nil {
			roots = append(bundle, '\n')
			break
		}
	}
	roots = append(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})...)
	file := filepath.Join(b.TempDir(), "roots.pem")
	if err := os.WriteFile(file, roots, 0o600); err != nil {
		b.Fatal(err)
	}
	return file
}

func newECDSA(b *testing.B) any {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	return key
}

func newRSA(b *testing.B) any {
	b.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	return key
}
