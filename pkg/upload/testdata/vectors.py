"""Writes vectors.json: presigned PUTs as botocore signs them.

Keys, dispositions and signatures are computed here from their specifications,
not taken from the Go code. Run once: python3 vectors.py > vectors.json
"""

import datetime
import json
import re
from urllib.parse import quote

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

TIME = datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc)  # where synctest's clock starts
TOKEN = "IQoJb3JpZ2lu+X2VjE/w" * 40
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
AWS = "https://media.s3.eu-west-1.amazonaws.com/"
LOCAL = "http://127.0.0.1:9000/media/"
EMPTY = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
HELLO = "MV9b23bQeMQ7isAGTkoBZGErH853yGk0W/yUx1iU7dM="

# bucket URL, subject, folder, name, type, inline, length, checksum, seconds
CASES = [
    (AWS, "alice", "mysubpath", "hello.txt", "text/plain", True, 13, "", 900),
    (AWS, "alice", "mysubpath", "hello.txt", "text/plain;charset=utf-8", True, 13, HELLO, 1),
    (AWS, "alice", "mysubpath", "empty", "application/octet-stream", False, 0, "", 900),
    (AWS, "alice", "a b/c+d", "50% off + more.pdf", "application/pdf", False, 5 << 30, "", 900),
    (AWS, "auth0|7", "%2F/%", "a=b&c=d?e#f;g@h:i$j,k.txt", "text/plain", True, 1, "", 900),
    (AWS, "zoë", "日本", "ÿ naïve 😀.png", "image/png", True, 1, "", 900),
    (AWS, "alice", "f", "it's (really) !*\"<>^`{|}~[]'.zip", 'multipart/mixed; boundary="a b"', False, 1, "", 900),
    (AWS, "alice", "...", " two  spaces   ", "text/html; charset=utf-8", False, 1, "", 900),
    (LOCAL, "alice", "mysubpath", "hello world.txt", "text/plain", True, 13, HELLO, 900),
]


def owner(subject):
    return "".join(
        chr(b) if re.fullmatch("[A-Za-z0-9_-]", chr(b)) else ".%02X" % b
        for b in subject.encode()
    )


def disposition(inline, name):
    fallback = re.sub(" +", " ", re.sub('[^ -~]|["%]', "_", name))
    return '%s; filename="%s"; filename*=UTF-8\'\'%s' % (
        "inline" if inline else "attachment",
        fallback,
        quote(name, safe="!#$&+-.^_`|~"),
    )


def sign(bucket_url, subject, folder, name, content_type, inline, length, checksum, seconds):
    key = "u/%s/%s/%s" % (owner(subject), folder, name)
    headers = {
        "Content-Type": content_type,
        "Content-Disposition": disposition(inline, name),
        "If-None-Match": "*",
    }
    if length == 0:
        checksum = EMPTY
    if checksum:
        headers["x-amz-checksum-sha256"] = checksum
    signed = dict(headers)
    if length > 0:
        signed["Content-Length"] = str(length)
    request = AWSRequest("PUT", bucket_url + quote(key, safe="/~"), headers=signed)
    credentials = Credentials("ASIAIOSFODNN7EXAMPLE", SECRET, TOKEN)
    botocore.auth.S3SigV4QueryAuth(credentials, "s3", "eu-west-1", seconds).add_auth(request)
    return {
        "bucketURL": bucket_url,
        "subject": subject,
        "request": {
            "folder": folder,
            "name": name,
            "contentType": content_type,
            "contentLength": length,
            "checksumSHA256": checksum or None,
            "expiresInSeconds": seconds,
        },
        "url": request.url,
        "headers": headers,
    }


botocore.auth.get_current_datetime = lambda *_, **__: TIME
print(json.dumps([sign(*case) for case in CASES], ensure_ascii=False, indent=1))
