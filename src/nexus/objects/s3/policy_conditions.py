"""The conditions of bucket policies: operators, keys, and how a missing key counts."""

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from nexus.objects.s3 import errors
from nexus.objects.s3.errors import Refusal

Context = Mapping[str, Sequence[str]]
"""What is known of a request: condition keys in lower case, each with its values; a key that is missing is not known."""

EXISTING_TAG: Final = "s3:existingobjecttag/"
REQUEST_TAG: Final = "s3:requestobjecttag/"
KEYS: Final = frozenset(
    """aws:sourceip aws:securetransport aws:useragent aws:referer aws:currenttime aws:epochtime aws:userid
    aws:principaltype aws:sourcearn aws:sourceaccount s3:prefix s3:delimiter s3:max-keys s3:versionid s3:authtype
    s3:signatureversion s3:tlsversion
    s3:x-amz-acl s3:x-amz-content-sha256 s3:x-amz-copy-source s3:x-amz-metadata-directive
    s3:x-amz-server-side-encryption s3:x-amz-server-side-encryption-aws-kms-key-id
    s3:x-amz-server-side-encryption-customer-algorithm s3:x-amz-storage-class s3:x-amz-grant-read
    s3:x-amz-grant-write s3:x-amz-grant-read-acp s3:x-amz-grant-write-acp s3:x-amz-grant-full-control
    s3:x-amz-object-ownership s3:requestobjecttagkeys s3:object-lock-mode s3:object-lock-legal-hold
    s3:object-lock-retain-until-date s3:resourceaccount s3:locationconstraint""".split()  # noqa: SIM905 - forty names
)
_ANY, _ALL, _IF_EXISTS = "foranyvalue:", "forallvalues:", "ifexists"


def glob(pattern: str, text: str) -> bool:
    """Whether `*` (any run) and `?` (any one character) make the pattern the text. Never slower than their product."""
    at = p = 0
    star, mark = -1, 0
    while at < len(text):
        if p < len(pattern) and pattern[p] == "*":
            star, mark = p, at
            p += 1
        elif p < len(pattern) and pattern[p] in ("?", text[at]):
            p, at = p + 1, at + 1
        elif star >= 0:
            p, mark = star + 1, mark + 1
            at = mark
        else:
            return False
    return pattern[p:].strip("*") == ""


def _number(text: str) -> float:
    return float(text)


def _moment(text: str) -> float:
    if text.isascii() and text.isdigit():
        return float(text)
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _within(network: str, address: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False  # an address that cannot be read is in no network


def _orders(kind: str, read: Callable[[str], float]) -> dict[str, tuple[Callable[[str, str], bool], bool]]:
    """The six comparisons of numbers or moments: (expected, given) and whether it is a negation."""

    def compare(holds: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
        def test(expected: str, given: str) -> bool:
            try:
                return holds(read(given), read(expected))
            except ValueError:
                return False

        return test

    return {
        f"{kind}equals": (compare(lambda a, b: a == b), False),
        f"{kind}notequals": (compare(lambda a, b: a == b), True),
        f"{kind}lessthan": (compare(lambda a, b: a < b), False),
        f"{kind}lessthanequals": (compare(lambda a, b: a <= b), False),
        f"{kind}greaterthan": (compare(lambda a, b: a > b), False),
        f"{kind}greaterthanequals": (compare(lambda a, b: a >= b), False),
    }


_OPERATORS: Final[Mapping[str, tuple[Callable[[str, str], bool], bool]]] = {
    "stringequals": (lambda expected, given: expected == given, False),
    "stringnotequals": (lambda expected, given: expected == given, True),
    "stringequalsignorecase": (lambda expected, given: expected.lower() == given.lower(), False),
    "stringnotequalsignorecase": (lambda expected, given: expected.lower() == given.lower(), True),
    "stringlike": (glob, False),
    "stringnotlike": (glob, True),
    "arnequals": (glob, False),
    "arnlike": (glob, False),
    "arnnotequals": (glob, True),
    "arnnotlike": (glob, True),
    "bool": (lambda expected, given: expected.lower() == given.lower(), False),
    "ipaddress": (_within, False),
    "notipaddress": (_within, True),
    **_orders("numeric", _number),
    **_orders("date", _moment),
}
"""By name in lower case: a test of (expected, given), and whether the operator negates it."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator on one key. `quantifier` is for keys with several values."""

    operator: str
    key: str
    expected: tuple[str, ...]
    if_exists: bool = False
    quantifier: str = ""

    def holds(self, context: Context) -> bool:
        """Whether it is true of a request."""
        given = context.get(self.key)
        if self.operator == "null":
            return (given is None) == (self.expected[0].lower() == "true")
        test, negated = _OPERATORS[self.operator]
        if given is None:
            return self.if_exists or negated or self.quantifier == _ALL

        def one(value: str) -> bool:
            return any(test(expected, value) for expected in self.expected) != negated

        return all(map(one, given)) if self.quantifier == _ALL else any(map(one, given))

    @property
    def looks_at_tags(self) -> bool:
        return self.key.startswith(EXISTING_TAG)

    @property
    def narrows(self) -> bool:
        """Whether it keeps a statement from being public: a network that is not the whole world."""
        return (
            self.operator == "ipaddress"
            and self.key == "aws:sourceip"
            and not self.if_exists
            and not any(network.endswith("/0") for network in self.expected)
        )


def read(raw: Any) -> tuple[Condition, ...]:
    """The conditions of a statement. Raises Refusal on an operator, a key or a value that is not understood."""
    if raw is None:
        return ()
    if not isinstance(raw, dict) or not all(isinstance(keys, dict) for keys in raw.values()):
        raise _malformed("Condition")
    return tuple(
        _condition(operator, key, expected) for operator, keys in raw.items() for key, expected in keys.items()
    )


def _condition(operator: str, key: str, expected: Any) -> Condition:
    name, quantifier = operator.lower(), ""
    for prefix in (_ANY, _ALL):
        if name.startswith(prefix):
            name, quantifier = name.removeprefix(prefix), prefix
    if_exists = name.endswith(_IF_EXISTS)
    name = name.removesuffix(_IF_EXISTS)
    if name not in _OPERATORS and (name != "null" or if_exists):
        raise _malformed("operator")
    key = _key(key)
    values = tuple(_value(each) for each in (expected if isinstance(expected, list) else [expected]))
    if not values or (name == "null" and values not in (("true",), ("false",))):
        raise _malformed("value")
    _check(name, values)
    return Condition(name, key, values, if_exists, quantifier)


def _key(key: str) -> str:
    lowered = key.lower()
    for prefix in (EXISTING_TAG, REQUEST_TAG):
        if lowered.startswith(prefix) and len(key) > len(prefix):
            return prefix + key[len(prefix) :]  # the names of tags keep their case
    if lowered not in KEYS:
        raise _malformed("key")
    return lowered


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str) or "${" in value:
        raise _malformed("value")
    return value


def _check(operator: str, values: Sequence[str]) -> None:
    """A value that could never match is a mistake that its author should hear of."""
    try:
        for value in values:
            if operator.startswith("numeric"):
                _number(value)
            elif operator.startswith("date"):
                _moment(value)
            elif operator.endswith("ipaddress"):
                ipaddress.ip_network(value, strict=False)
    except ValueError as error:
        raise _malformed("value") from error


def _malformed(what: str) -> Refusal:
    return Refusal(errors.MALFORMED_POLICY, f"Policy has an invalid condition: {what}")
