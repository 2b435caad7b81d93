#!/bin/sh
# Makes vectors.json: what openssl signed with this folder's keys, in CloudFront's
# base64. An ECDSA signature differs each time.
set -eu
cd "$(dirname "$0")"
sign() { # key, hash, message
	printf %s "$3" | openssl dgst "-$2" -sign "$1" | base64 | tr -d '\n' | tr '+=/' '-_~'
}
separator='['
for message in '' '{"Statement":[{"Resource":"https://d111111abcdef8.cloudfront.net/a","Condition":{"DateLessThan":{"AWS:EpochTime":2000000000}}}]}'; do
	for key in rsa-pkcs1.pem ec-sec1.pem; do
		for hash in sha1 sha256; do
			printf '%s\n{"key":"%s","hash":"%s","message":"%s",\n"signature":"%s"}' "$separator" "$key" "$hash" \
				"$(printf %s "$message" | sed 's/"/\\"/g')" "$(sign "$key" "$hash" "$message")"
			separator=','
		done
	done
done > vectors.json
printf ']\n' >> vectors.json
