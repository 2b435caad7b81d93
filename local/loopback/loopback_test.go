package loopback

import "testing"

func TestIsHost(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.0.0.1:4600": true, "localhost": true, "LOCALHOST:80": true,
		"bucket.localhost:9": true, "[::1]": true, "[::1]:80": true,
		"": false, "localhost.example.com": false, "127.0.0.1.nip.io": false, "evil-localhost": false,
		"0.0.0.0": false, "10.0.0.1:80": false, "example.com": false, "127.0.0.1:80:80": false,
	} {
		if got := IsHost(host); got != want {
			t.Errorf("IsHost(%q) = %v, want %v", host, got, want)
		}
	}
}
