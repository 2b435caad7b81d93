// Prints signed URLs by AWS's own signer for JavaScript, which knows SHA-256:
//
//	npm install --no-save @aws-sdk/cloudfront-signer && node vectors.mjs > javascript.json
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(process.cwd() + "/");
const { getSignedUrl } = require("@aws-sdk/cloudfront-signer");
const { version } = JSON.parse(readFileSync("node_modules/@aws-sdk/cloudfront-signer/package.json"));

const base = "https://d111111abcdef8.cloudfront.net";
const expires = 2000000000;
const vectors = [];
for (const key of ["rsa-pkcs1.pem", "ec-sec1.pem"]) {
  const privateKey = readFileSync(new URL("../../signingkey/testdata/" + key, import.meta.url), "utf8");
  for (const hash of ["SHA256", "SHA1"]) {
    for (const [notBefore, ipAddress] of [[0, ""], [1900000000, ""], [0, "203.0.113.0/24"], [1900000000, "198.51.100.7"]]) {
      for (const objectKey of ["mysubpath/hello.txt", "u/alice/f/a b+c&=ÿ日本.txt"]) {
        const url = base + "/" + objectKey.split("/").map(encodeURIComponent).join("/");
        const signed = getSignedUrl({
          url, privateKey, keyPairId: "K2JCJMDEHXQW5F", algorithm: hash, dateLessThan: expires * 1000,
          ...(notBefore && { dateGreaterThan: notBefore * 1000 }), ...(ipAddress && { ipAddress }),
        });
        vectors.push({ objectKey, expires, notBefore, ipAddress, hash, key, url: signed });
      }
    }
  }
}
console.log(JSON.stringify({ maker: "@aws-sdk/cloudfront-signer " + version, vectors }, null, 1));
