"""What a client says about the form of its request and of the answer that it wants."""

from dataclasses import dataclass
from email.utils import formatdate
from typing import Final

from starlette.datastructures import Headers

from nexus.consent.fhir.releases import FACTS, Release
from nexus.consent.fhir.troubles import Issue, Misfit, invalid
from nexus.kernel.clock import SECOND, Instant

MEDIA_TYPE: Final = "application/fhir+json"
_JSON: Final = frozenset({MEDIA_TYPE, "application/json"})
_ANY: Final = frozenset({"*/*", "application/*"})
_FORMATS: Final = frozenset({"json", *_JSON})
"""What `_format` may say; XML and Turtle are not spoken."""
_FORM: Final = "application/x-www-form-urlencoded"
_PREFERENCES: Final = frozenset({"minimal", "representation", "OperationOutcome"})
MAX_TAG: Final = 64
"""Characters of an entity tag."""


def media_type(release: Release) -> str:
    """`Content-Type` of answers."""
    return f"{MEDIA_TYPE}; fhirVersion={FACTS[release].short}"


def check_wanted(headers: Headers, format_: str | None, release: Release) -> None:
    """Return if JSON of this release is among what the client takes; raise Misfit (406) if not."""
    if format_ is not None:
        if not _takes(format_.replace(" ", "+"), release, _FORMATS):
            raise _not_acceptable(release)
        return
    accepted = headers.get("accept", "*/*")
    if not any(_takes(each, release, _JSON | _ANY) for each in accepted.split(",")):
        raise _not_acceptable(release)


def check_sent(headers: Headers, release: Release) -> None:
    """Return if the body is declared as JSON of this release in UTF-8; raise Misfit (415) if not."""
    declared = headers.get("content-type", "")
    if "content-encoding" in headers or not _takes(declared, release, _JSON):
        raise Misfit(415, [Issue("not-supported", f"a body is {media_type(release)}, in UTF-8, not compressed")])


def check_form(headers: Headers) -> None:
    """Return if the body is declared as the form of a search by POST."""
    declared = headers.get("content-type", "").partition(";")[0].strip().lower()
    if "content-encoding" in headers or declared != _FORM:
        raise Misfit(415, [Issue("not-supported", f"a search by POST is {_FORM}")])


def _takes(offered: str, release: Release, types: frozenset[str]) -> bool:
    """Whether one media range means JSON of this release. A parameter that is not known is no match."""
    type_, *parameters = [part.strip() for part in offered.split(";")]
    if type_.lower() not in types:
        return False
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        name, value = name.strip().lower(), value.strip().strip('"')
        if name == "fhirversion" and value not in (FACTS[release].short, FACTS[release].version):
            return False
        if name == "charset" and value.lower() != "utf-8":
            return False
        if name == "q" and not value.strip("0."):
            return False
        if name not in ("fhirversion", "charset", "q"):
            return False
    return True


def _not_acceptable(release: Release) -> Misfit:
    return Misfit(406, [Issue("not-supported", f"answers here are {media_type(release)} and nothing else")])


def preferred(headers: Headers) -> str:
    """What the answer to a change holds: `representation` unless the client says otherwise. Others' words are no error."""
    for each in headers.get("prefer", "").replace(",", ";").split(";"):
        name, _, value = each.strip().partition("=")
        if name.lower() == "return" and value.strip('"') in _PREFERENCES:
            return value.strip('"')
    return "representation"


def etag(version: str) -> str:
    """The entity tag of a version."""
    return f'W/"{version}"'


def version_wanted(headers: Headers) -> str | None:
    """The version in `If-Match`, or None. Raises Misfit if it is no single tag: `*` and lists say nothing of what was read."""
    given = headers.getlist("if-match")
    if not given:
        return None
    tag = given[0].strip().removeprefix("W/")
    if len(given) != 1 or not 2 < len(tag) <= MAX_TAG or tag[0] != '"' or tag[-1] != '"' or '"' in tag[1:-1]:
        raise invalid("If-Match holds one tag, as it was received in ETag")
    return tag[1:-1]


def last_modified(at: Instant) -> str:
    """`Last-Modified`."""
    return formatdate(at // SECOND, usegmt=True)


@dataclass(frozen=True, slots=True)
class Preconditions:
    """The conditions of a request, as sent."""

    if_match: str | None
    if_none_exist: str | None


def preconditions(headers: Headers) -> Preconditions:
    """Raises Misfit where a condition is malformed, or is one that is not known here."""
    for name in ("if-none-match", "if-modified-since"):
        if name in headers:
            raise invalid(f"{name} is not supported: every read is answered and recorded", status=400)
    given = headers.getlist("if-none-exist")
    if len(given) > 1:
        raise invalid("If-None-Exist is given twice")
    return Preconditions(version_wanted(headers), given[0] if given else None)
