"""CORS: which pages of other origins may use a bucket from a browser. It opens nothing: the request itself is admitted like
any other; this only tells the browser whether the page may see the answer.
"""

from collections.abc import Mapping, Sequence

import msgspec

from nexus.objects.buckets import DocumentName
from nexus.objects.s3 import errors
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.policy_conditions import glob
from nexus.objects.s3.xml import Document, Node, render

MAX_RULES = 100
MAX_AGE_DIGITS = 9
METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD")
ORIGIN, REQUESTED_METHOD = "origin", "access-control-request-method"
REQUESTED_HEADERS = "access-control-request-headers"


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One CORSRule. Origins and headers may hold one `*`."""

    id: str = ""
    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    max_age: int | None = None

    def matches(self, origin: str, method: str, headers: Sequence[str]) -> bool:
        """Whether a page of this origin may send this."""
        return (
            method in self.methods
            and any(glob(pattern, origin) for pattern in self.origins)
            and all(any(glob(pattern.lower(), name) for pattern in self.headers) for name in headers)
        )


_rules = msgspec.json.Decoder(tuple[Rule, ...])


def answer_headers(
    body: bytes | None, request: Mapping[str, str], method: str, requested: Sequence[str] = ()
) -> list[tuple[str, str]]:
    """What tells a browser that the page may: nothing without an Origin, a document or a rule that matches."""
    origin = request.get(ORIGIN)
    if origin is None or body is None:
        return []
    rule = next((rule for rule in _rules.decode(body) if rule.matches(origin, method, requested)), None)
    if rule is None:
        return []
    anybody = "*" in rule.origins
    found = [
        ("access-control-allow-origin", "*" if anybody else origin),
        ("access-control-allow-methods", ", ".join(rule.methods)),
        ("vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"),
    ]
    if requested:
        found.append(("access-control-allow-headers", ", ".join(requested)))
    if rule.exposed:
        found.append(("access-control-expose-headers", ", ".join(rule.exposed)))
    if rule.max_age is not None:
        found.append(("access-control-max-age", str(rule.max_age)))
    return found


def preflight(body: bytes | None, request: Mapping[str, str]) -> Response:
    """The answer to a browser that asks before it sends. Raises Refusal where no rule matches."""
    method = request.get(REQUESTED_METHOD)
    if ORIGIN not in request or method is None:
        raise Refusal(errors.BAD_REQUEST, "Insufficient information. Origin request header needed.")
    if method not in METHODS:
        raise Refusal(errors.BAD_REQUEST, "Invalid Access-Control-Request-Method")
    requested = [name.strip().lower() for name in request.get(REQUESTED_HEADERS, "").split(",") if name.strip()]
    found = answer_headers(body, request, method, requested)
    if not found:
        raise Refusal(errors.CORS_FORBIDDEN)
    response = Response()
    for name, value in found:
        response.add(name, value)
    return response


async def put_bucket_cors(call: Call) -> Response:
    """PutBucketCors."""
    document = await call.document("CORSConfiguration")
    rules = [_rule(element) for element in document.all("CORSRule")]
    if not 1 <= len(rules) <= MAX_RULES:
        raise Refusal(errors.MALFORMED_XML, f"CORSConfiguration needs 1 to {MAX_RULES} rules")
    await call.door.objects.buckets.put_document(call.op, call.bucket, DocumentName.CORS, msgspec.json.encode(rules))
    return Response()


def _rule(element: Document) -> Rule:
    texts = {name: tuple(child.text.strip() for child in element.all(name)) for name in _ELEMENTS}
    if not texts["AllowedOrigin"] or not texts["AllowedMethod"]:
        raise Refusal(errors.MALFORMED_XML, "CORSRule needs AllowedOrigin and AllowedMethod")
    for method in texts["AllowedMethod"]:
        if method not in METHODS:
            raise Refusal(errors.INVALID_REQUEST, f"Found unsupported HTTP method in CORS config: {method[:16]}")
    for pattern in (*texts["AllowedOrigin"], *texts["AllowedHeader"]):
        if pattern.count("*") > 1:
            raise Refusal(errors.INVALID_REQUEST, "a pattern of a CORS rule has at most one wildcard")
    age = element.find("MaxAgeSeconds")
    if age is not None and not (age.isascii() and age.isdigit() and len(age) <= MAX_AGE_DIGITS):
        raise Refusal(errors.MALFORMED_XML, "MaxAgeSeconds is not a number")
    return Rule(
        id=element.find("ID") or "",
        origins=texts["AllowedOrigin"],
        methods=texts["AllowedMethod"],
        headers=texts["AllowedHeader"],
        exposed=texts["ExposeHeader"],
        max_age=None if age is None else int(age),
    )


_ELEMENTS = ("AllowedOrigin", "AllowedMethod", "AllowedHeader", "ExposeHeader")


async def get_bucket_cors(call: Call) -> Response:
    """GetBucketCors."""
    rules = _rules.decode(await call.stored(DocumentName.CORS, errors.NO_CORS))
    return xml(render("CORSConfiguration", [("CORSRule", _nodes(rule)) for rule in rules]))


def _nodes(rule: Rule) -> list[Node]:
    nodes: list[Node] = [("ID", rule.id or None)]
    for name, texts in zip(_ELEMENTS, (rule.origins, rule.methods, rule.headers, rule.exposed), strict=True):
        nodes += [(name, text) for text in texts]
    return [*nodes, ("MaxAgeSeconds", rule.max_age)]


async def delete_bucket_cors(call: Call) -> Response:
    """DeleteBucketCors."""
    await call.door.objects.buckets.delete_document(call.op, call.bucket, DocumentName.CORS)
    return Response(204)
