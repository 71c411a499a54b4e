"""AWS's Query protocol at this door: a form with an `Action` in, XML out. STS and what clients use of IAM speak it.

1. The form is read whole, within its limits; nothing is given twice.
2. Its `Version` says the service, its `Action` the verb; a verb that we do not have is refused by name.
3. The signature says who sent it: over the whole form, for exactly this service and our region. One verb carries another
   proof (an ID token) instead, and then no signature.
4. The gate allows it. Of what a narrowed key takes away, the places and purposes count here, not the buckets.
5. Every field is one that the verb knows: what is not understood is refused, never ignored.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qsl

from nexus.kernel.errors import NexusError
from nexus.kernel.operation import Actor, Narrowing, Operation
from nexus.objects.s3 import errors
from nexus.objects.s3.authenticate import Authenticator, Caller
from nexus.objects.s3.errors import Code, Refusal
from nexus.objects.s3.explain import explain
from nexus.objects.s3.http import Request, Response, xml
from nexus.objects.s3.stream import BodyStream
from nexus.objects.s3.xml import Node, render

MAX_FORM: Final = 64 * 1024
"""Bytes of a form."""
MAX_FIELDS: Final = 128
FORM: Final = "application/x-www-form-urlencoded"
ACTION: Final = "objects.request.query"
"""The action in the entry of a form that never became a verb."""


@dataclass(frozen=True, slots=True)
class Service:
    """One of AWS's services that speaks this protocol."""

    name: str
    """As signatures name it."""
    version: str
    namespace: str


STS: Final = Service("sts", "2011-06-15", "https://sts.amazonaws.com/doc/2011-06-15/")
IAM: Final = Service("iam", "2010-05-08", "https://iam.amazonaws.com/doc/2010-05-08/")
SERVICES: Final[Mapping[str, Service]] = {service.version: service for service in (STS, IAM)}

INVALID_ACTION: Final = Code("InvalidAction", 400, "There is no such action here")
MISSING_PARAMETER: Final = Code("MissingParameter", 400, "A parameter is missing")
VALIDATION_ERROR: Final = Code("ValidationError", 400, "A parameter is not valid")
_OTHER_NAMES: Final[Mapping[str, Code]] = {
    errors.INVALID_ACCESS_KEY_ID.name: Code("InvalidClientTokenId", 403, "The security token is not valid here"),
    errors.EXPIRED_TOKEN.name: Code("ExpiredToken", 403, errors.EXPIRED_TOKEN.message),
    errors.INVALID_TOKEN.name: Code("InvalidClientTokenId", 403, errors.INVALID_TOKEN.message),
    errors.AUTHORIZATION_HEADER_MALFORMED.name: Code(
        "SignatureDoesNotMatch", 403, "The signature is for something else"
    ),
    errors.MALFORMED_POLICY.name: Code("MalformedPolicyDocument", 400, errors.MALFORMED_POLICY.message),
    errors.INVALID_ARGUMENT.name: VALIDATION_ERROR,
    errors.NO_SUCH_KEY.name: Code("NoSuchEntity", 404, "There is no such thing"),
    errors.OPERATION_ABORTED.name: Code("LimitExceeded", 409, "Too many of them"),
    errors.SLOW_DOWN.name: Code("Throttling", 400, "Please reduce your request rate"),
    errors.SERVICE_UNAVAILABLE.name: Code("ServiceUnavailable", 503, "Please try again later"),
    errors.INTERNAL_ERROR.name: Code("InternalFailure", 500, errors.INTERNAL_ERROR.message),
}
"""S3's codes, where this protocol has another name for the same."""


@dataclass(slots=True)
class Form:
    """The fields of a request. Whatever was not asked for by the end is refused (`finish`)."""

    fields: Mapping[str, str]
    _known: set[str] = field(default_factory=lambda: {"Action", "Version"})

    def get(self, name: str) -> str | None:
        """A field, or None."""
        self._known.add(name)
        return self.fields.get(name)

    def require(self, name: str) -> str:
        """A field that must be there. Raises Refusal."""
        value = self.get(name)
        if not value:
            raise Refusal(MISSING_PARAMETER, f"The request must contain the parameter {name}")
        return value

    def number(self, name: str, default: int) -> int:
        """A whole number. Raises Refusal."""
        value = self.get(name)
        if value is None:
            return default
        if not (value.isascii() and value.isdigit() and len(value) < 10):
            raise Refusal(VALIDATION_ERROR, f"{name} must be a whole number")
        return int(value)

    def finish(self) -> None:
        """Raise Refusal if there is a field that nobody asked for."""
        unknown = sorted(set(self.fields) - self._known)
        if unknown:
            raise Refusal(VALIDATION_ERROR, f"The parameter {unknown[0][:64]} is not supported here")


@dataclass(frozen=True, slots=True)
class QueryCall:
    """One request, authenticated (but for the verb that carries its own proof)."""

    op: Operation
    caller: Caller
    form: Form
    became: Callable[[Actor], None]
    """To be told who it is, by the verb that carries its own proof: refusals are recorded as that person's."""


Handler = Callable[[QueryCall], Awaitable[Sequence[Node]]]


@dataclass(frozen=True, slots=True)
class QueryVerb:
    """A verb. `action` is our word for it; `signed` is false for the one that carries its own proof."""

    service: Service
    name: str
    action: str
    handler: Handler
    signed: bool = True


def as_actor(op: Operation, actor: Actor) -> Operation:
    """An operation on the credential itself: what it takes away of buckets is not asked, where from and what for is."""
    narrowed = actor.narrowed
    if narrowed is not None:
        narrowed = Narrowing(networks=narrowed.networks, purposes=narrowed.purposes)
    return replace(op, actor=replace(actor, narrowed=narrowed))


def is_query(request: Request, *, at_root: bool) -> bool:
    """Whether a request speaks this protocol: a form, posted to the root of the door."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return request.method == "POST" and at_root and kind == FORM


async def read(stream: BodyStream) -> bytes:
    """The whole body. Raises Refusal beyond the limit."""
    body = bytearray()
    async for chunk in stream.chunks():
        body += chunk
        if len(body) > MAX_FORM:
            raise Refusal(VALIDATION_ERROR, f"a request has at most {MAX_FORM} bytes")
    return bytes(body)


def parse(body: bytes) -> Form:
    """The fields of a form. Raises Refusal."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError as error:
        raise Refusal(VALIDATION_ERROR, "the body is not a form") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Refusal(VALIDATION_ERROR, "a parameter is given twice")
    return Form(fields)


def find(form: Form, verbs: Mapping[tuple[str, str], QueryVerb]) -> QueryVerb:
    """The verb of a form. Raises Refusal: InvalidAction, or NotImplemented for a service or a verb that AWS has."""
    service, name = SERVICES.get(form.fields.get("Version", "")), form.fields.get("Action", "")
    if service is None or not name:
        raise Refusal(INVALID_ACTION, "Action and Version of STS (2011-06-15) or IAM (2010-05-08) are expected")
    verb = verbs.get((service.name, name))
    if verb is None:
        raise Refusal(errors.NOT_IMPLEMENTED, "This verb is not implemented here")
    return verb


def authenticate(verb: QueryVerb, request: Request, body: bytes, authenticator: Authenticator) -> Caller:
    """Who signed the form. Raises Refusal."""
    return authenticator.authenticate(request, verb.service.name, sha256(body).hexdigest())


def answer(verb: QueryVerb, nodes: Sequence[Node], request_id: str) -> Response:
    """The answer of a verb."""
    result: list[Node] = [(f"{verb.name}Result", nodes)] if nodes else []
    content: list[Node] = [*result, ("ResponseMetadata", [("RequestId", request_id)])]
    return xml(render(f"{verb.name}Response", content, namespace=verb.service.namespace))


def refusal(error: Exception, service: Service, request_id: str) -> Response:
    """The error document of this protocol."""
    explained = explain(error)
    if isinstance(error, NexusError) and error.code == "iam.web-identity":
        explained = Refusal(Code("InvalidIdentityToken", 400, "The ID token is not valid here"))
    code = _OTHER_NAMES.get(explained.s3.name, explained.s3)
    about_input = isinstance(error, NexusError) and error.kind in ("invalid", "s3")
    message = explained.message if about_input or code is explained.s3 else code.message
    kind = "Sender" if code.status < 500 else "Receiver"
    nodes: list[Node] = [
        ("Error", [("Type", kind), ("Code", code.name), ("Message", message)]),
        ("RequestId", request_id),
    ]
    return xml(render("ErrorResponse", nodes, namespace=service.namespace), code.status)
