"""Signs URLs with botocore's CloudFrontSigner and cryptography's keys.

It reads one order from standard input and writes the answers, in the order's
order, as JSON. botocore makes the policy and the URL and lets its caller sign,
so it can do any key and hash; Hash-Algorithm, which it does not know, is added
behind what it made.
"""

import datetime
import json
import sys
import urllib.parse

from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding

order = json.load(sys.stdin)
key = serialization.load_pem_private_key(order["privateKey"].encode(), None)
digest = {"SHA1": hashes.SHA1, "SHA256": hashes.SHA256}[order["hash"]]()
how = [ec.ECDSA(digest)] if isinstance(key, ec.EllipticCurvePrivateKey) else [padding.PKCS1v15(), digest]
signer = CloudFrontSigner(order["keyPairId"], lambda message: key.sign(message, *how))


def at(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc) if seconds else None


def signed(o):
    url = order["base"] + "/" + urllib.parse.quote(o["objectKey"])
    expires = at(o["expires"])
    if o["resource"]:
        terms = {"policy": signer.build_policy(order["base"] + o["resource"], expires)}
    elif o["notBefore"] or o["ipAddress"]:
        terms = {"policy": signer.build_policy(url, expires, at(o["notBefore"]), o["ipAddress"] or None)}
    else:
        terms = {"date_less_than": expires}
    url = signer.generate_presigned_url(url, **terms)
    return url + "&Hash-Algorithm=SHA256" if order["hash"] == "SHA256" else url


json.dump({"urls": [signed(o) for o in order["sign"]]}, sys.stdout)
