"""Writes sigv4_botocore.json: requests signed by botocore, an implementation that
shares nothing with the code under test. Run it only to add a case:

    python3 sigv4_botocore.py > sigv4_botocore.json

The date is where a testing/synctest bubble begins.
"""

import datetime
import json

import botocore
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

auth.get_current_datetime = lambda **_: datetime.datetime(2000, 1, 1)

LONG = ("AKIAEXAMPLE000000001", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", None)
SHORT = ("ASIAEXAMPLE000000002", "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY", "IQoJb3JpZ2luX2VjE//////////+token==")
JSON10, JSON11 = "application/x-amz-json-1.0", "application/x-amz-json-1.1"

CASES = [
    ("secretsmanager, session", SHORT, "secretsmanager", "POST", "http://127.0.0.1:8080/",
     {"Content-Type": JSON11, "X-Amz-Target": "secretsmanager.GetSecretValue"}, '{"SecretId":"a"}'),
    ("dynamodb, long-term", LONG, "dynamodb", "POST", "http://127.0.0.1:8080/",
     {"Content-Type": JSON10, "X-Amz-Target": "DynamoDB_20120810.GetItem"}, '{"TableName":"é"}'),
    ("sqs, real host", SHORT, "sqs", "POST", "https://sqs.eu-central-1.amazonaws.com/",
     {"Content-Type": JSON10, "X-Amz-Target": "AmazonSQS.SendMessage"}, "{}"),
    ("spaces in a header", LONG, "dynamodb", "POST", "http://localhost/",
     {"X-Amz-Target": "DynamoDB_20120810.ListTables", "X-Amz-Note": "  two   runs  of spaces "}, "{}"),
    ("lambda, escaped path", SHORT, "lambda", "POST",
     "http://127.0.0.1:1/2015-03-31/functions/arn%3Aaws%3Alambda/invocations", {}, "payload"),
    ("query, sorted and empty", LONG, "lambda", "GET",
     "http://127.0.0.1:1/2015-03-31/functions/?b=2&a=1&a=0&Marker=&c%20d=%2F%3D&a-b=x", {}, ""),
    ("dot segments", LONG, "lambda", "GET", "http://127.0.0.1:1/a/./b/../c//d/", {}, ""),
]

vectors = []
for name, (key, secret, token), service, method, url, headers, body in CASES:
    request = AWSRequest(method=method, url=url, headers=headers, data=body.encode())
    auth.SigV4Auth(Credentials(key, secret, token), service, "eu-central-1").add_auth(request)
    vectors.append({
        "name": name, "accessKeyID": key, "secretAccessKey": secret, "sessionToken": token or "",
        "service": service, "region": "eu-central-1", "method": method, "url": url,
        "headers": dict(request.headers.items()), "body": body,
    })
print(json.dumps({"botocore": botocore.__version__, "vectors": vectors}, indent=1, ensure_ascii=False))
