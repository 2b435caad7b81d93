"""What a person with boto3 does to a stack, knowing nothing but aws.env.

Arguments: bucket, table, secret, an object key the catalog has, and a file with
an event for PresignFunction. Writes one JSON object of what came of each step.
"""

import json
import sys
import urllib.error
import urllib.request

import boto3
from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

bucket, table, secret, recorded, event = sys.argv[1:]
report = {}


def code(call, **arguments):
    """The error code that a call is refused with, or None."""
    try:
        call(**arguments)
    except ClientError as e:
        return e.response["Error"]["Code"]
    return None


def fetch(url, method="GET", data=None):
    """Status and body of a plain HTTP request, refused or not."""
    request = urllib.request.Request(url, data=data, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as answer:
            return [answer.status, answer.read().decode()]
    except urllib.error.HTTPError as e:
        text = e.read().decode()
        return [e.code, text.partition("<Code>")[2].partition("</Code>")[0]]


s3 = boto3.client("s3")
report["buckets"] = [b["Name"] for b in s3.list_buckets()["Buckets"]]
keys = ["boto3/plain.txt", "boto3/a+b=c&d;e f.txt", "boto3/süß 漢字 🙂.txt", "boto3/100%25.txt"]
report["objects"] = {}
for key in keys:
    body = ("of " + key).encode()
    put = s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="text/plain", IfNoneMatch="*")
    head = s3.head_object(Bucket=bucket, Key=key)
    get = s3.get_object(Bucket=bucket, Key=key)
    report["objects"][key] = [
        get["Body"].read() == body,
        head["ContentLength"] == len(body),
        head["ContentType"],
        put["ETag"] == head["ETag"] == get["ETag"],
        code(s3.put_object, Bucket=bucket, Key=key, Body=b"again", IfNoneMatch="*"),
    ]
pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="boto3/", PaginationConfig={"PageSize": 3})
report["listed"] = sorted(o["Key"] for page in pages for o in page["Contents"]) == sorted(keys)
report["deleted"] = s3.delete_object(Bucket=bucket, Key=keys[0])["DeleteMarker"]
report["gone"] = code(s3.get_object, Bucket=bucket, Key=keys[0])

# botocore's own presigner, and nobody's client.
presigned = {"Bucket": bucket, "Key": "boto3/presigned +.txt"}
put_url = s3.generate_presigned_url("put_object", Params=presigned, ExpiresIn=60)
get_url = s3.generate_presigned_url("get_object", Params=presigned, ExpiresIn=60)
report["put"] = fetch(put_url, "PUT", b"presigned")
report["get"] = fetch(get_url)
report["get with another signature"] = fetch(get_url[:-1] + ("0" if get_url[-1] != "0" else "1"))
report["put to the URL for get"] = fetch(get_url, "PUT", b"x")

dynamodb = boto3.resource("dynamodb").Table(table)
_, owner, path = recorded.split("/", 2)
found = dynamodb.query(KeyConditionExpression=Key("space").eq("u/" + owner) & Key("path").begins_with(path))
report["rows"] = [[i["space"], i["path"], int(i["contentLength"]), i["contentType"]] for i in found["Items"]]
report["query without a key"] = code(
    dynamodb.query, KeyConditionExpression="#p = :p",
    ExpressionAttributeNames={"#p": "path"}, ExpressionAttributeValues={":p": path},
)

secrets = boto3.client("secretsmanager")
value = secrets.get_secret_value(SecretId=secret)
report["secret"] = [sorted(json.loads(value["SecretString"])), value["VersionStages"]]
report["described"] = secrets.describe_secret(SecretId=secret)["VersionIdsToStages"][value["VersionId"]]
report["no secret"] = code(secrets.get_secret_value, SecretId="no-such-secret")

functions = boto3.client("lambda")
with open(event, "rb") as payload:
    invoked = functions.invoke(FunctionName="PresignFunction", Payload=payload.read())
answer = json.loads(invoked["Payload"].read())
report["invoked"] = [invoked["StatusCode"], invoked.get("FunctionError"), answer["statusCode"], json.loads(answer["body"])["objectKey"]]
report["no function"] = code(functions.invoke, FunctionName="NoSuchFunction")

print(json.dumps(report))
