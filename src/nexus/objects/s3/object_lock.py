"""Object lock: the configuration of a bucket, the retention and the legal hold of versions."""

import re
from datetime import UTC, datetime

from nexus.kernel.clock import SECOND, Instant
from nexus.objects.model import Versioning
from nexus.objects.retention import DefaultRetention, Lock, Mode, default_of
from nexus.objects.s3 import errors
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.xml import MAX_DOCUMENT, Document, Node, parse, render

MODE, UNTIL, HOLD = "x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date", "x-amz-object-lock-legal-hold"
ENABLED = "x-amz-bucket-object-lock-enabled"
BYPASS = "x-amz-bypass-governance-retention"
LOCK_ACTION = "objects.object.lock"
BYPASS_ACTION = "objects.lock.bypass"
"""No role has this right: locks are lifted by four eyes, through the other doors."""

_MODES = {mode.value.upper(): mode for mode in Mode}
_HOLDS = {"ON": True, "OFF": False}
_NUMBER = re.compile(r"-?[0-9]{1,6}")


def of_write(call: Call) -> Lock | None:
    """The lock that a write asks for, which its actor may lay. Raises Refusal or Denied."""
    mode, until, hold = call.header(MODE), call.header(UNTIL), call.header(HOLD)
    if mode is None and until is None and hold is None:
        return None
    if (mode is None) != (until is None):
        raise Refusal(errors.INVALID_ARGUMENT, f"{MODE} and {UNTIL} must both be supplied", ArgumentName=MODE)
    if (mode is not None and mode not in _MODES) or (hold is not None and hold not in _HOLDS):
        raise Refusal(errors.INVALID_ARGUMENT, "Unknown wormMode directive or legal hold status")
    call.require(LOCK_ACTION)
    moment = Instant(0) if until is None else _moment(until, errors.INVALID_ARGUMENT)
    if until is not None and moment <= call.op.at:
        raise Refusal(errors.INVALID_ARGUMENT, "The retain until date must be in the future!", ArgumentName=UNTIL)
    return Lock(mode=_MODES[mode] if mode else None, until=moment, held=_HOLDS[hold or "OFF"])


def bypasses(call: Call) -> bool:
    """Whether the request asks to bypass a governance retention. Raises Denied unless its actor may."""
    if (call.header(BYPASS) or "").lower() != "true":
        return False
    call.require(BYPASS_ACTION)
    return True


def add_headers(response: Response, lock: Lock | None) -> None:
    """What a reader is told of the lock of a version."""
    if lock is None:
        return
    if lock.mode is not None:
        response.add(MODE, lock.mode.value.upper())
        response.add(UNTIL, _written(lock.until))
    response.add(HOLD, "ON" if lock.held else "OFF")


async def put_object_lock_configuration(call: Call) -> Response:
    """PutObjectLockConfiguration: turns object lock on for good, where versioning is on."""
    document = await call.document("ObjectLockConfiguration")
    if document.find("ObjectLockEnabled") != "Enabled":
        raise Refusal(errors.MALFORMED_XML, "ObjectLockEnabled must be Enabled")
    rules = document.all("Rule")
    if call.bucket.versioning is not Versioning.ENABLED:
        raise Refusal(errors.INVALID_BUCKET_STATE, "Versioning must be 'Enabled' on the bucket to apply object lock")
    default = _default(rules[0]) if rules else None
    await call.door.objects.buckets.set_lock(call.op, call.bucket, default)
    return Response()


def _default(rule: Document) -> DefaultRetention:
    found = rule.all("DefaultRetention")
    if len(found) != 1:
        raise Refusal(errors.MALFORMED_XML, "Rule needs one DefaultRetention")
    mode, days, years = found[0].find("Mode"), found[0].find("Days"), found[0].find("Years")
    if mode not in _MODES or (days is None) == (years is None):
        raise Refusal(errors.MALFORMED_XML, "DefaultRetention needs Mode, and either Days or Years")
    text = days if days is not None else years or ""
    if not _NUMBER.fullmatch(text):
        raise Refusal(errors.MALFORMED_XML, "the period is not a number")
    return DefaultRetention(mode=_MODES[mode], number=int(text), unit="days" if days is not None else "years")


async def get_object_lock_configuration(call: Call) -> Response:
    """GetObjectLockConfiguration."""
    if call.bucket.lock is None:
        raise Refusal(errors.NO_LOCK_CONFIGURATION)
    await call.door.objects.buckets.head(call.op, call.bucket)
    nodes: list[Node] = [("ObjectLockEnabled", "Enabled")]
    default = default_of(call.bucket.lock)
    if default is not None:
        retention: list[Node] = [("Mode", default.mode.value.upper()), (default.unit.capitalize(), default.number)]
        nodes.append(("Rule", [("DefaultRetention", retention)]))
    return xml(render("ObjectLockConfiguration", nodes))


async def put_object_retention(call: Call) -> Response:
    """PutObjectRetention: lays or prolongs; to weaken it is to bypass it."""
    _require_lockable(call)
    body = await call.payload().read(MAX_DOCUMENT)
    mode, until = _retention(parse(body, "Retention")) if body else (None, Instant(0))
    await call.door.objects.locking.retain(call.op, call.ref, mode, until, bypass=bypasses(call))
    return Response()


def _retention(document: Document) -> tuple[Mode | None, Instant]:
    mode, until = document.find("Mode"), document.find("RetainUntilDate")
    if mode is None and until is None:
        return None, Instant(0)
    if mode not in _MODES or until is None:
        raise Refusal(errors.MALFORMED_XML, "Retention needs Mode and RetainUntilDate")
    return _MODES[mode], _moment(until, errors.MALFORMED_XML)


async def get_object_retention(call: Call) -> Response:
    """GetObjectRetention."""
    _require_lockable(call)
    lock = await call.door.objects.locking.find(call.op, call.ref)
    if lock is None or lock.mode is None:
        raise Refusal(errors.NO_OBJECT_LOCK)
    nodes: list[Node] = [("Mode", lock.mode.value.upper()), ("RetainUntilDate", _written(lock.until))]
    return xml(render("Retention", nodes))


async def put_object_legal_hold(call: Call) -> Response:
    """PutObjectLegalHold: whoever may lock lays one; to lift it is to bypass it."""
    _require_lockable(call)
    status = (await call.document("LegalHold")).find("Status")
    if status not in _HOLDS:
        raise Refusal(errors.MALFORMED_XML, "Status must be ON or OFF")
    may_lift = status == "OFF" and call.may(BYPASS_ACTION)
    await call.door.objects.locking.hold(call.op, call.ref, held=_HOLDS[status], bypass=may_lift)
    return Response()


async def get_object_legal_hold(call: Call) -> Response:
    """GetObjectLegalHold."""
    _require_lockable(call)
    lock = await call.door.objects.locking.find(call.op, call.ref)
    if lock is None:
        raise Refusal(errors.NO_OBJECT_LOCK)
    return xml(render("LegalHold", [("Status", "ON" if lock.held else "OFF")]))


def _require_lockable(call: Call) -> None:
    if call.bucket.lock is None:
        raise Refusal(errors.INVALID_REQUEST, "Bucket is missing Object Lock Configuration")


def _moment(text: str, wrong: errors.Code) -> Instant:
    """An ISO 8601 moment. Raises Refusal."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refusal(wrong, "the retain until date must be in ISO 8601 format") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return Instant(int(moment.timestamp() * SECOND))


def _written(moment: Instant) -> str:
    return datetime.fromtimestamp(moment / SECOND, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
