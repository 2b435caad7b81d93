"""Holds HTTP requests to AWS's own models of its services, as botocore has them.

Reads a request a line, as JSON: service (botocore's name for it), method, uri (as it
stood on the request line), headers (lists of values by name) and body (base64).
Answers each with a line: operation, parameters (the names of those it has) and
findings: what the model does not know, or refuses, or botocore would write
differently. A finding names things and quotes no text, which may be a secret.

Nothing is passed over here as legal all the same: that is the caller's to know.
"""

import base64
import datetime
import functools
import json
import re
import sys
from typing import NamedTuple
from urllib.parse import unquote
from xml.etree import ElementTree

from botocore.model import OperationModel
from botocore.serialize import create_serializer
from botocore.session import Session
from botocore.utils import percent_encode_sequence
from botocore.validate import ParamValidator

TIMESTAMPS = {
    "iso8601": ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ"],
    "rfc822": ["%a, %d %b %Y %H:%M:%S GMT"],
}

service_model = functools.cache(Session().get_service_model)


class Unreadable(Exception):
    """The first thing after which nothing more can be said of a request."""


class Request:
    def __init__(self, order):
        self.method = order["method"]
        self.path, _, self.raw_query = order["uri"].partition("?")
        self.query = pairs(self.raw_query)
        self.headers = {name.lower(): values for name, values in order["headers"].items()}
        self.body = base64.b64decode(order["body"] or "")


def pairs(query):
    """The names and values of a query, decoded; a plus stands for itself, as it is signed."""
    return [tuple(unquote(part) for part in pair.partition("=")[::2]) for pair in query.split("&") if pair]


def members(shape):
    return shape.members if shape else {}


def bound(shape, location):
    """The members of a structure that travel there, by their names on the wire."""
    return {
        member.serialization.get("name", name): (name, member)
        for name, member in members(shape).items()
        if member.serialization.get("location") == location
    }


class Route(NamedTuple):
    """What tells one operation of a REST service from the others."""

    operation: OperationModel
    path: re.Pattern
    fixed: set  # pairs of the query
    queries: set  # names that are required
    headers: set

    def takes(self, request):
        return (
            request.method == self.operation.http["method"]
            and self.path.fullmatch(request.path)
            and self.fixed <= set(request.query)
            and self.queries <= {name for name, _ in request.query}
            and self.headers <= request.headers.keys()
        )

    def rank(self):
        """Of two that take a request it is the one that asks for more."""
        return len(self.fixed) + len(self.queries) + len(self.headers), not self.operation.deprecated


@functools.cache
def routes(service):
    model, found = service_model(service), []
    for operation in map(model.operation_model, model.operation_names):
        template, _, fixed = operation.http["requestUri"].partition("?")
        path = re.sub(r"\\{(\w+)(\\\+)?\\}", lambda m: f"(?P<{m[1]}>{'.+' if m[2] else '[^/]+'})", re.escape(template))
        shape = operation.input_shape
        required = shape.metadata.get("required", []) if shape else []
        queries, headers = (
            {wire for wire, (name, _) in bound(shape, location).items() if name in required}
            for location in ("querystring", "header")
        )
        found.append(Route(operation, re.compile(path), set(pairs(fixed)), queries, set(map(str.lower, headers))))
    return found


def find(service, request):
    """The operation, and the labels of its path as they were sent."""
    model = service_model(service)
    if model.resolved_protocol == "json":
        prefix, _, name = ",".join(request.headers.get("x-amz-target", [])).rpartition(".")
        if prefix != model.metadata["targetPrefix"] or name not in model.operation_names:
            raise Unreadable(f"no operation: {request.method} without a known X-Amz-Target")
        return model.operation_model(name), {}
    candidates = sorted((route for route in routes(service) if route.takes(request)), key=Route.rank)
    if not candidates:
        raise Unreadable(f"no operation: {request.method}")
    best = candidates[-1]
    rivals = [route.operation.name for route in candidates if route.rank() == best.rank()]
    if len(rivals) > 1:
        raise Unreadable(f"no one operation: {' and '.join(rivals)}")
    return best.operation, best.path.fullmatch(request.path).groupdict()


def scalar(shape, text, where, timestamp):
    """What a text stands for; timestamp is the format where the model names none."""
    kind = shape.type_name
    try:
        if kind == "string":
            return text
        if kind in ("integer", "long"):
            return int(text)
        if kind in ("float", "double"):
            return float(text)
        if kind == "boolean":
            return {"true": True, "false": False}[text]
        if kind == "blob":
            return base64.b64decode(text, validate=True)
        if kind == "timestamp":
            return read_timestamp(text, shape.serialization.get("timestampFormat", timestamp))
    except (ValueError, KeyError):
        pass
    raise Unreadable(f"{where}: no {kind}")


def read_timestamp(text, kind):
    if kind.lower() == "unixtimestamp":
        return datetime.datetime.fromtimestamp(float(text), datetime.timezone.utc)
    for layout in TIMESTAMPS[kind.lower()]:
        try:
            return datetime.datetime.strptime(text, layout).replace(tzinfo=datetime.timezone.utc)
        except ValueError:
            continue
    raise ValueError


def read_json(shape, value, where):
    kind = shape.type_name
    wanted = {
        "structure": dict, "map": dict, "list": list, "string": str, "blob": str, "boolean": bool,
        "integer": int, "long": int, "float": (int, float), "double": (int, float), "timestamp": (int, float),
    }[kind]
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind != "boolean"):
        raise Unreadable(f"{where}: no {kind}")
    if kind == "structure":
        names = {member.serialization.get("name", name): name for name, member in shape.members.items()}
        for wire in value:
            if wire not in names:
                raise Unreadable(f"{where}.{wire}: unknown")
        return {names[wire]: read_json(shape.members[names[wire]], v, f"{where}.{wire}") for wire, v in value.items()}
    if kind == "map":
        return {read_json(shape.key, k, where): read_json(shape.value, v, f"{where}.{k}") for k, v in value.items()}
    if kind == "list":
        return [read_json(shape.member, v, f"{where}[{i}]") for i, v in enumerate(value)]
    if kind in ("blob", "timestamp"):
        return scalar(shape, str(value), where, "unixTimestamp")
    return value


def unique(given):
    """An object of JSON; json.loads by itself would let the last of two names win."""
    if len(dict(given)) < len(given):
        raise Unreadable("body: a name occurs twice")
    return dict(given)


def load_json(body):
    try:
        return json.loads(body, object_pairs_hook=unique)
    except ValueError:
        raise Unreadable("body: not JSON") from None


def load_xml(shape, body):
    """The root element, and the namespace that all of its elements must have."""
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        raise Unreadable("body: not XML") from None
    namespace, name = shape.serialization.get("xmlNamespace", {}).get("uri", ""), shape.serialization["name"]
    if root.tag != qualified(namespace, name):
        raise Unreadable(f"body: the root is not {name} in the model's namespace")
    return root, namespace


def qualified(namespace, name):
    return f"{{{namespace}}}{name}" if namespace else name


def read_xml(shape, element, namespace, where):
    """What an element holds. No service of interest takes maps or attributes in XML."""
    if element.attrib:
        raise Unreadable(f"{where}: has an attribute")
    kind = shape.type_name
    if kind not in ("structure", "list"):
        if len(element):
            raise Unreadable(f"{where}: has elements")
        return scalar(shape, element.text or "", where, "iso8601")
    if (element.text or "").strip() or any((child.tail or "").strip() for child in element):
        raise Unreadable(f"{where}: has text between its elements")
    if kind == "list":
        tag = qualified(namespace, shape.member.serialization.get("name", "member"))
        if any(child.tag != tag for child in element):
            raise Unreadable(f"{where}: has an unknown element")
        return [read_xml(shape.member, child, namespace, f"{where}[{i}]") for i, child in enumerate(element)]
    by_tag = {}
    for name, member in shape.members.items():
        if "location" not in member.serialization:
            by_tag[qualified(namespace, member.serialization.get("name", name))] = name, member
    found = {}
    for child in element:
        if child.tag not in by_tag:
            raise Unreadable(f"{where}.{child.tag}: unknown")
        name, member = by_tag[child.tag]
        if member.serialization.get("flattened"):
            found.setdefault(name, []).append(read_xml(member.member, child, namespace, f"{where}.{name}"))
        elif name in found:
            raise Unreadable(f"{where}.{name}: given twice")
        else:
            found[name] = read_xml(member, child, namespace, f"{where}.{name}")
    return found


def read_listable(shape, values, where, timestamp):
    if shape.type_name == "list":
        parts = [part.strip() for value in values for part in value.split(",")]
        return [scalar(shape.member, part, where, timestamp) for part in parts]
    if len(values) > 1:
        raise Unreadable(f"{where}: given twice")
    return scalar(shape, values[0], where, timestamp)


def read_query(operation, request, findings):
    by_name = bound(operation.input_shape, "querystring")
    fixed = pairs(operation.http["requestUri"].partition("?")[2])
    values = {}
    for name, value in request.query:
        if (name, value) not in fixed:
            values.setdefault(name, []).append(value)
    findings += [f"query {name}: unknown" for name in values if name not in by_name]
    return {
        by_name[name][0]: read_listable(by_name[name][1], v, f"query {name}", "iso8601")
        for name, v in values.items() if name in by_name
    }


def read_headers(operation, request, findings):
    by_name = {name.lower(): found for name, found in bound(operation.input_shape, "header").items()}
    by_prefix = {prefix.lower(): name for prefix, (name, _) in bound(operation.input_shape, "headers").items()}
    own = ("x-amz-target", "content-type") if operation.service_model.resolved_protocol == "json" else ()
    params = {}
    for header, values in request.headers.items():
        prefix = next((p for p in by_prefix if header.startswith(p)), None)
        if header in by_name:
            name, shape = by_name[header]
            params[name] = read_listable(shape, values, f"header {header}", "rfc822")
        elif prefix:
            params.setdefault(by_prefix[prefix], {})[header.removeprefix(prefix)] = ",".join(values)
        elif header not in own:
            findings.append(f"header {header}: unknown")
    return params


def read_body(operation, request):
    shape, body = operation.input_shape, request.body
    if operation.service_model.resolved_protocol == "json":
        return read_json(shape, load_json(body), "body") if shape else {}
    payload = shape.serialization.get("payload") if shape else None
    if not body:
        return {}
    if payload:
        member = shape.members[payload]
        if member.type_name in ("blob", "string"):
            return {payload: body if member.type_name == "blob" else body.decode()}
        root, namespace = load_xml(member, body)
        return {payload: read_xml(member, root, namespace, "body")}
    if all("location" in member.serialization for member in members(shape).values()):
        raise Unreadable(f"body: {operation.name} has none")
    root, namespace = load_xml(shape, body)
    return read_xml(shape, root, namespace, "body")


def exceeds(shape, value, where):
    """What ParamValidator leaves to the service: maxima, enumerations, patterns."""
    limits, kind = shape.metadata, shape.type_name
    size = value if kind in ("integer", "long", "float", "double") else len(value) if hasattr(value, "__len__") else 0
    if size > limits.get("max", size):
        yield f"{where}: over the model's maximum"
    if value not in limits.get("enum", [value]):
        yield f"{where}: not of the model's enumeration"
    if "pattern" in limits and not re.fullmatch(limits["pattern"], value):
        yield f"{where}: not of the model's pattern"
    if kind == "structure":
        for name, v in value.items():
            yield from exceeds(shape.members[name], v, f"{where}.{name}")
    elif kind == "map":
        for k, v in value.items():
            yield from exceeds(shape.key, k, where)
            yield from exceeds(shape.value, v, f"{where}.{k}")
    elif kind == "list":
        for i, v in enumerate(value):
            yield from exceeds(shape.member, v, f"{where}[{i}]")


def differs(operation, request, params, findings):
    """Where botocore, given the parameters, would have sent something else."""
    protocol = operation.service_model.resolved_protocol
    own = create_serializer(protocol, include_validation=False).serialize_to_request(params, operation)
    if request.method != own["method"]:
        yield f"method: not {own['method']}"
    path, _, fixed = own["url_path"].partition("?")
    if request.path != path:
        yield "path: written differently"
    known = [p for p in request.raw_query.split("&") if f"query {unquote(p.partition('=')[0])}: unknown" not in findings]
    query = percent_encode_sequence([*pairs(fixed), *(own["query_string"] or {}).items()])
    if sorted(filter(None, known)) != sorted(filter(None, query.split("&"))):
        yield "query: written differently"
    for name, value in own["headers"].items():
        sent = request.headers.get(name.lower())
        if sent is None:
            yield f"header {name.lower()}: missing"
        elif ",".join(sent) != value:
            yield f"header {name.lower()}: written differently"
    same = request.body == own["body"]
    if not same and request.body and own["body"]:
        if protocol == "json":
            same = load_json(request.body) == load_json(own["body"])
        else:
            same = ElementTree.canonicalize(request.body) == ElementTree.canonicalize(own["body"])
    if not same:
        yield "body: written differently"


def check(service, request):
    answer = {"operation": "", "parameters": [], "findings": []}
    findings = answer["findings"]
    try:
        operation, labels = find(service, request)
        answer["operation"], shape = operation.name, operation.input_shape
        params = {bound(shape, "uri")[label][0]: unquote(text) for label, text in labels.items()}
        params |= read_query(operation, request, findings)
        params |= read_headers(operation, request, findings)
        params |= read_body(operation, request)
        answer["parameters"] = sorted(params)
        if shape:
            report = ParamValidator().validate(params, shape)
            findings += report.generate_report().splitlines()
            findings += exceeds(shape, params, "input")
        findings += list(differs(operation, request, params, findings))
    except Unreadable as e:
        findings.append(str(e))
    return answer


for line in sys.stdin:
    order = json.loads(line)
    print(json.dumps(check(order["service"], Request(order))))
