#!/usr/bin/env python3
"""Prints signed URLs by botocore's CloudFrontSigner: vectors.py > botocore.json

Needs botocore and cryptography. RSA with SHA-1 is all that signer is made for.
Object keys are escaped by urllib, so that the escaping is checked as well.
"""

import datetime
import json
import pathlib
import urllib.parse

import botocore
from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

BASE = "https://d111111abcdef8.cloudfront.net"
PEM = pathlib.Path(__file__).parent.parent.parent / "signingkey/testdata/rsa-pkcs1.pem"
KEY = serialization.load_pem_private_key(PEM.read_bytes(), None)
EXPIRES, NOT_BEFORE = 2_000_000_000, 1_900_000_000
KEYS = [
    "mysubpath/hello.txt",
    "u/alice/mysubpath/hello.txt",
    "u/auth0.7C7/f/a b+c%&=#?*\"'\\;~!().txt",
    "u/alice/f/ÿ日本🎈%2Fx",
    "//./../a//",
]


def at(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)


signer = CloudFrontSigner(
    "K2JCJMDEHXQW5F", lambda m: KEY.sign(m, padding.PKCS1v15(), hashes.SHA1())
)
vectors = []
for key in KEYS:
    url = BASE + "/" + urllib.parse.quote(key, safe="/~")
    for not_before, source in [(0, ""), (NOT_BEFORE, ""), (0, "203.0.113.0/24"), (0, "198.51.100.7")]:
        if not_before or source:
            policy = signer.build_policy(
                url, at(EXPIRES), at(not_before) if not_before else None, source or None
            )
            signed = signer.generate_presigned_url(url, policy=policy)
        else:
            signed = signer.generate_presigned_url(url, date_less_than=at(EXPIRES))
        vectors.append({"objectKey": key, "expires": EXPIRES, "notBefore": not_before,
                        "ipAddress": source, "hash": "SHA1", "key": "rsa-pkcs1.pem", "url": signed})
print(json.dumps({"maker": "botocore " + botocore.__version__, "vectors": vectors}, indent=1, ensure_ascii=False))
