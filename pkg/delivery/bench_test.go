package delivery

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// One signed URL as a whole: path, policy, signature, query. x-raw is its time
// divided by that of the bare signature over the same policy's digest.
func BenchmarkSignECDSA(b *testing.B) {
	private, err := x509.ParsePKCS8PrivateKey(readDER(b, "ec-pkcs8.pem"))
	if err != nil {
		b.Fatal(err)
	}
	benchmarkSign(b, "ec-pkcs8.pem", func(digest []byte) error {
		_, err := ecdsa.SignASN1(rand.Reader, private.(*ecdsa.PrivateKey), digest)
		return err
	})
}

func BenchmarkSignRSA(b *testing.B) {
	private, err := x509.ParsePKCS1PrivateKey(readDER(b, "rsa-pkcs1.pem"))
	if err != nil {
		b.Fatal(err)
	}
	benchmarkSign(b, "rsa-pkcs1.pem", func(digest []byte) error {
		_, err := rsa.SignPKCS1v15(nil, private, crypto.SHA256, digest)
		return err
	})
}

func readDER(b *testing.B, pemFile string) []byte {
	b.Helper()
	text, err := os.ReadFile(filepath.Join("..", "signingkey", "testdata", pemFile))
	if err != nil {
		b.Fatal(err)
	}
	block, _ := pem.Decode(text)
	return block.Bytes
}

func benchmarkSign(b *testing.B, pemFile string, raw func(digest []byte) error) {
	key := readKey(b, pemFile)
	object := parseObject(b, "u/0194b2c0-7e6f-7c3a-9d5e-1a2b3c4d5e6f/mysubpath/hello world.txt")
	c, t := Config{BaseURL: baseURL}, makeTerms(b, 2_000_000_000, 0, "")
	url, err := signURL(c, key, object, t)
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256(takeApart(b, url).policy)

	// In turns, and medians, so that a busy machine slows both alike.
	var ours, bare []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		_, err := signURL(c, key, object, t)
		took := time.Since(start)
		b.StopTimer()
		if err != nil {
			b.Fatal(err)
		}
		start = time.Now()
		err = raw(digest[:])
		ours, bare = append(ours, took), append(bare, time.Since(start))
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	slices.Sort(ours)
	slices.Sort(bare)
	b.ReportMetric(float64(ours[len(ours)/2])/float64(bare[len(bare)/2]), "x-raw")
}
