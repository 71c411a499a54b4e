"""The policy of a form: what its author, who signed it, lets whoever sends the form upload."""

import json
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from nexus.kernel.clock import SECOND, Instant
from nexus.objects.s3 import errors
from nexus.objects.s3.errors import Refusal

MAX_POLICY = 20 * 1024
"""Bytes of a policy, as in S3."""
MAX_CONDITIONS = 100
_NOT_NAMED = frozenset({"awsaccesskeyid", "signature", "policy", "file", "x-amz-signature"})
_IGNORED = ("x-ignore-", "x-amz-checksum-")
_LENGTH = "content-length-range"


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes that the file may have."""

    least: int
    most: int

    def check(self, size: int) -> None:
        """Raise Refusal unless the size is within."""
        if size > self.most:
            raise Refusal(errors.ENTITY_TOO_LARGE, ProposedSize=size, MaxSizeAllowed=self.most)
        if size < self.least:
            raise Refusal(errors.ENTITY_TOO_SMALL, ProposedSize=size, MinSizeAllowed=self.least)


def check(encoded: str, fields: Mapping[str, str], bucket: str, now: Instant) -> Range | None:
    """Check a form against its policy, whose signature was verified. Raises Refusal.

    1. The policy is one, and has not expired.
    2. Every condition holds.
    3. Every field of the form is one that a condition speaks of.
    """
    document = _read(encoded)
    if now > _expiration(document):
        raise Refusal(errors.ACCESS_DENIED, "Invalid according to Policy: Policy expired.")
    conditions = document.get("conditions")
    if not isinstance(conditions, list) or not 1 <= len(conditions) <= MAX_CONDITIONS:
        raise Refusal(errors.INVALID_POLICY_DOCUMENT, "Invalid Policy: Invalid Conditions.")
    given = {**fields, "bucket": bucket}
    named: set[str] = set()
    allowed: Range | None = None
    for condition in conditions:
        if isinstance(condition, list) and condition and condition[0] == _LENGTH:
            allowed = _range(condition)
        else:
            named |= _check(condition, given)
    unnamed = [name for name in given if name not in named and not _needs_none(name)]
    if unnamed:
        raise Refusal(
            errors.ACCESS_DENIED, "Invalid according to Policy: Extra input fields", Fields=", ".join(unnamed)[:256]
        )
    return allowed


def _read(encoded: str) -> dict[str, Any]:
    try:
        raw = b64decode(encoded, validate=True)
        document = json.loads(raw) if len(raw) <= MAX_POLICY else None
    except (Base64Error, ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Refusal(errors.INVALID_POLICY_DOCUMENT, "Invalid Policy: Invalid JSON.")
    return document


def _expiration(document: Mapping[str, Any]) -> Instant:
    text = document.get("expiration")
    try:
        moment = datetime.strptime(text or "", "%Y-%m-%dT%H:%M:%S.%fZ" if "." in (text or "") else "%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, TypeError) as error:
        raise Refusal(errors.INVALID_POLICY_DOCUMENT, "Invalid Policy: Invalid 'expiration' value") from error
    return Instant(int(moment.replace(tzinfo=UTC).timestamp() * SECOND))


def _range(condition: list[Any]) -> Range:
    if len(condition) != 3 or not all(isinstance(each, int) and not isinstance(each, bool) for each in condition[1:]):
        raise Refusal(errors.INVALID_POLICY_DOCUMENT, "Invalid Policy: content-length-range needs two numbers")
    return Range(condition[1], condition[2])


def _check(condition: Any, given: Mapping[str, str]) -> set[str]:
    """The fields that a condition speaks of, once it holds."""
    if isinstance(condition, dict) and condition:
        tests = [("eq", name, value) for name, value in condition.items()]
    elif isinstance(condition, list) and len(condition) == 3 and isinstance(condition[1], str):
        tests = [(str(condition[0]).lower(), condition[1].removeprefix("$"), condition[2])]
    else:
        raise Refusal(errors.INVALID_POLICY_DOCUMENT, "Invalid Policy: a condition is not one")
    for kind, name, value in tests:
        if not isinstance(value, str) or kind not in ("eq", "starts-with"):
            raise Refusal(errors.INVALID_POLICY_DOCUMENT, "Invalid Policy: a condition is not one")
        text = given.get(name.lower(), "")
        if not (text == value if kind == "eq" else text.startswith(value)):
            raise Refusal(errors.ACCESS_DENIED, "Invalid according to Policy: Policy Condition failed")
    return {name.lower() for _, name, _ in tests}


def _needs_none(name: str) -> bool:
    return name in _NOT_NAMED or name.startswith(_IGNORED)
