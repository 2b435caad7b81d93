// Signs URLs with AWS's own signer for JavaScript, and verifies signatures with
// node's crypto. It reads one order from standard input and writes the answers,
// in the order's order, as JSON.
import { createVerify } from "node:crypto";
import { readFileSync } from "node:fs";
import { getSignedUrl } from "@aws-sdk/cloudfront-signer";

const { base, keyPairId, privateKey, publicKey, hash, sign = [], verify = [] } = JSON.parse(readFileSync(0, "utf8"));

const at = (seconds) => (seconds ? new Date(seconds * 1000).toISOString() : undefined);

const url = (key) => base + "/" + key.split("/").map(encodeURIComponent).join("/");

const signed = ({ objectKey, expires, notBefore, ipAddress, resource }) => {
  const terms = resource
    ? { policy: JSON.stringify({ Statement: [{ Resource: base + resource, Condition: { DateLessThan: { "AWS:EpochTime": expires } } }] }) }
    : { dateLessThan: at(expires), dateGreaterThan: at(notBefore), ipAddress: ipAddress || undefined };
  return getSignedUrl({ url: url(objectKey), keyPairId, privateKey, algorithm: hash, ...terms });
};

const verified = ({ policy, signature }) =>
  createVerify(hash).update(policy, "base64").verify(publicKey, signature, "base64");

console.log(JSON.stringify({ urls: sign.map(signed), valid: verify.map(verified) }));
