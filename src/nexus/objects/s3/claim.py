"""What a request says about who signed it: read from the Authorization header or the query, believed by nobody yet."""

import re
from collections.abc import Mapping
from functools import lru_cache

import msgspec

from nexus.objects.s3 import errors
from nexus.objects.s3.errors import Code, Refusal
from nexus.objects.s3.http import Request
from nexus.objects.s3.signature import ALGORITHM, SERVICE

MAX_PRESIGNED_SECONDS = 604_800
"""Seven days: the longest life of a presigned URL, as in S3."""
MAX_SIGNED_HEADERS = 64
MAX_KNOWN_LISTS = 256
"""Lists of signed headers that are remembered as well formed, or not: each at most as long as a request's headers."""
MAX_TOKEN_CHARS = 2_048
"""Of a session token; ours have 47."""
TOKEN = "x-amz-security-token"  # noqa: S105 - the name of a header

_TIMESTAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_LIFE = re.compile(r"-?[0-9]{1,9}")
_SIGNATURE = re.compile(r"[0-9a-f]{64}")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]{1,128}")
_SIGV2_PARAMETERS = ("AWSAccessKeyId", "Signature")


class Claim(msgspec.Struct, frozen=True):
    """A well-formed claim. `timestamp` is as in x-amz-date; `expires` (seconds) is set for presigned URLs only."""

    access_key_id: str
    date: str
    region: str
    signed: tuple[str, ...]
    signature: str
    timestamp: str
    expires: int | None = None
    service: str = SERVICE
    token: str | None = None
    """The session token that comes with a temporary access key."""

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def is_missing(request: Request) -> bool:
    """Whether a request claims nothing at all."""
    return "authorization" not in request.headers and not any(
        name in request.query for name in ("X-Amz-Algorithm", "X-Amz-Signature", *_SIGV2_PARAMETERS)
    )


def read(request: Request, region: str, service: str = SERVICE, *, regionless: bool = False) -> Claim:
    """The claim of a request to a service. Raises Refusal: AccessDenied without one, or S3's code for what is wrong with it.

    `regionless`: it may name no region at all; another one than ours never.
    """
    header = request.headers.get("authorization")
    if regionless and header is not None and f"//{service}/aws4_request" in header:
        region = ""
    in_query = "X-Amz-Algorithm" in request.query or "X-Amz-Signature" in request.query
    if header is not None and in_query:
        raise Refusal(errors.INVALID_ARGUMENT, "Only one auth mechanism allowed; you used a header and the query")
    if (TOKEN in request.headers) > (header is not None) or ("X-Amz-Security-Token" in request.query) > in_query:
        raise Refusal(errors.INVALID_TOKEN, "The session token stands where the rest of the signature stands")
    if header is not None:
        return _from_header(header, request.headers, region, service)
    if in_query and service == SERVICE:
        return _from_query(request.query, region)
    if any(name in request.query for name in _SIGV2_PARAMETERS):
        raise only_version_4()
    raise Refusal(errors.ACCESS_DENIED, "Anonymous access is not possible here: sign the request")


def _from_header(header: str, headers: Mapping[str, str], region: str, service: str) -> Claim:
    algorithm, _, rest = header.partition(" ")
    if algorithm != ALGORITHM:
        raise only_version_4()
    fields = {}
    for item in rest.split(","):
        name, equals, value = item.strip().partition("=")
        if not equals or name in fields:
            raise _malformed_header("it is not a list of name=value")
        fields[name] = value
    if set(fields) != {"Credential", "SignedHeaders", "Signature"}:
        raise _malformed_header("it needs Credential, SignedHeaders and Signature")
    timestamp = headers.get("x-amz-date")
    if timestamp is None:
        raise Refusal(errors.ACCESS_DENIED, "AWS authentication requires a valid x-amz-date header")
    return _claim(
        errors.AUTHORIZATION_HEADER_MALFORMED,
        region,
        credential=fields["Credential"],
        signed=fields["SignedHeaders"],
        signature=fields["Signature"],
        timestamp=timestamp,
        service=service,
        token=headers.get(TOKEN),
    )


def _from_query(query: Mapping[str, str], region: str) -> Claim:
    wrong = errors.AUTHORIZATION_QUERY_PARAMETERS_ERROR
    if query.get("X-Amz-Algorithm") != ALGORITHM:
        raise Refusal(wrong, f"X-Amz-Algorithm only supports {ALGORITHM}")
    try:
        credential, signed, signature, timestamp, life = (
            query[f"X-Amz-{name}"] for name in ("Credential", "SignedHeaders", "Signature", "Date", "Expires")
        )
    except KeyError as error:
        raise Refusal(wrong, f"Query-string authentication requires {error.args[0]}") from error
    if not _LIFE.fullmatch(life):
        raise Refusal(wrong, "X-Amz-Expires must be a number of seconds")
    if not 1 <= int(life) <= MAX_PRESIGNED_SECONDS:
        raise Refusal(errors.ACCESS_DENIED, f"X-Amz-Expires must be between 1 and {MAX_PRESIGNED_SECONDS} seconds")
    return _claim(
        wrong,
        region,
        credential=credential,
        signed=signed,
        signature=signature,
        timestamp=timestamp,
        expires=int(life),
        token=query.get("X-Amz-Security-Token"),
    )


def of_form(fields: Mapping[str, str], region: str) -> Claim:
    """The claim of a form. Raises Refusal."""
    if fields.get("x-amz-algorithm") != ALGORITHM:
        raise only_version_4()
    return _claim(
        errors.AUTHORIZATION_QUERY_PARAMETERS_ERROR,
        region,
        credential=fields.get("x-amz-credential", ""),
        signed="host",
        signature=fields.get("x-amz-signature", ""),
        timestamp=fields.get("x-amz-date", ""),
        token=fields.get(TOKEN),
    )


def _claim(
    wrong: Code,
    region: str,
    *,
    credential: str,
    signed: str,
    signature: str,
    timestamp: str,
    expires: int | None = None,
    service: str = SERVICE,
    token: str | None = None,
) -> Claim:
    parts = credential.rsplit("/", 4)
    if len(parts) != 5 or not parts[0] or len(parts[0]) > 128:
        raise Refusal(wrong, f"the credential must be <access-key-id>/<date>/<region>/{service}/aws4_request")
    access_key_id, date, named_region, named_service, terminator = parts
    if not _TIMESTAMP.fullmatch(timestamp):
        raise Refusal(errors.ACCESS_DENIED, "AWS authentication requires a valid date: YYYYMMDDTHHMMSSZ")
    if date != timestamp[:8]:
        raise Refusal(wrong, "the date of the credential is not the date of the request")
    if named_region != region:
        raise Refusal(wrong, f"the region is wrong; expecting '{region}'", Region=region)
    if named_service != service or terminator != "aws4_request":
        raise Refusal(wrong, f"the credential must end with /{service}/aws4_request")
    if not _SIGNATURE.fullmatch(signature):
        raise Refusal(wrong, "the signature must be 64 lower-case hexadecimal digits")
    names = _names(signed)
    if not names:
        raise Refusal(wrong, "the signed headers must be lower-case names, sorted, each once")
    if token is not None and not 0 < len(token) <= MAX_TOKEN_CHARS:
        raise Refusal(errors.INVALID_TOKEN)
    return Claim(access_key_id, date, named_region, names, signature, timestamp, expires, service, token)


@lru_cache(maxsize=MAX_KNOWN_LISTS)
def _names(signed: str) -> tuple[str, ...]:
    """The names in a list of signed headers; none if it is not well formed. Clients sign the same few lists again and again."""
    names = tuple(signed.split(";"))
    well_formed = (
        len(names) <= MAX_SIGNED_HEADERS
        and list(names) == sorted(set(names))
        and all(map(_HEADER_NAME.fullmatch, names))
    )
    return names if well_formed else ()


def _malformed_header(what: str) -> Refusal:
    return Refusal(errors.AUTHORIZATION_HEADER_MALFORMED, f"The authorization header is malformed; {what}.")


def only_version_4() -> Refusal:
    """Signatures of version 2 are not accepted."""
    return Refusal(
        errors.INVALID_REQUEST,
        f"The authorization mechanism you have provided is not supported. Please use {ALGORITHM}.",
    )
