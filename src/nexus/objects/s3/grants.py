"""Access control lists: whom they name, what they permit, and how headers and documents write them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from nexus.objects.model import Grant
from nexus.objects.s3 import errors
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.xml import Document, Node, owner

ALL_USERS: Final = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED: Final = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
GROUPS: Final = (ALL_USERS, AUTHENTICATED)
FULL_CONTROL: Final = "FULL_CONTROL"
PERMISSIONS: Final = ("READ", "WRITE", "READ_ACP", "WRITE_ACP", FULL_CONTROL)
MAX_GRANTS: Final = 100
HEADERS: Final[Mapping[str, str]] = {
    "x-amz-grant-read": "READ",
    "x-amz-grant-write": "WRITE",
    "x-amz-grant-read-acp": "READ_ACP",
    "x-amz-grant-write-acp": "WRITE_ACP",
    "x-amz-grant-full-control": FULL_CONTROL,
}
CANNED_HEADER: Final = "x-amz-acl"
PRIVATE: Final = "private"
OWNER_FULL_CONTROL: Final = "bucket-owner-full-control"
_PUBLIC: Final[Mapping[str, tuple[Grant, ...]]] = {
    "public-read": (Grant(ALL_USERS, "READ"),),
    "public-read-write": (Grant(ALL_USERS, "READ"), Grant(ALL_USERS, "WRITE")),
    "authenticated-read": (Grant(AUTHENTICATED, "READ"),),
}
CANNED: Final = (PRIVATE, *_PUBLIC, "bucket-owner-read", OWNER_FULL_CONTROL)
_XSI: Final = 'Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="{}"'


class Acl(msgspec.Struct, frozen=True):
    """A list and whose it is. Canonical users are named by their id, groups by their address."""

    owner: str
    grants: tuple[Grant, ...]

    def permits(self, actor: str, *, anonymous: bool, permission: str, ignore_public: bool = False) -> bool:
        """Whether it gives somebody a permission. `actor`: the id of who asks."""
        for grant in self.grants:
            if grant.permission not in (permission, FULL_CONTROL):
                continue
            if grant.grantee in GROUPS:
                if not ignore_public and (grant.grantee == ALL_USERS or not anonymous):
                    return True
            elif grant.grantee == actor and not anonymous:
                return True
        return False

    @property
    def public(self) -> bool:
        """Whether it gives anything to everybody."""
        return any(grant.grantee in GROUPS for grant in self.grants)


_acl = msgspec.json.Decoder(Acl)


def stored(body: bytes) -> Acl:
    """The list of a bucket, as its document keeps it."""
    return _acl.decode(body)


def private(owner_id: str) -> Acl:
    """Nobody but the owner."""
    return Acl(owner_id, (Grant(owner_id, FULL_CONTROL),))


def canned(name: str, owner_id: str, bucket_owner: str) -> Acl:
    """A canned list. Raises Refusal if S3 has none of this name."""
    if name not in CANNED:
        raise Refusal(errors.INVALID_ARGUMENT, f"{CANNED_HEADER} is not a canned ACL", ArgumentName=CANNED_HEADER)
    grants = private(owner_id).grants + _PUBLIC.get(name, ())
    if bucket_owner != owner_id and name == "bucket-owner-read":
        grants += (Grant(bucket_owner, "READ"),)
    if bucket_owner != owner_id and name == OWNER_FULL_CONTROL:
        grants += (Grant(bucket_owner, FULL_CONTROL),)
    return Acl(owner_id, grants)


def of_headers(headers: Mapping[str, str], owner_id: str, bucket_owner: str) -> Acl | None:
    """The list that headers ask for; None where none does. Raises Refusal."""
    name = headers.get(CANNED_HEADER)
    named = {header: headers[header] for header in HEADERS if header in headers}
    if name is not None and named:
        raise Refusal(errors.INVALID_REQUEST, "Specifying both Canned ACLs and Header Grants is not allowed")
    if name is not None:
        return canned(name, owner_id, bucket_owner)
    if not named:
        return None
    grants = [grant for header, text in named.items() for grant in _of_header(text, HEADERS[header])]
    return Acl(owner_id, _limited(grants))


def _of_header(text: str, permission: str) -> Iterable[Grant]:
    for item in text.split(","):
        kind, _, value = item.strip().partition("=")
        value = value.strip('" ')
        if (kind == "id" and value) or (kind == "uri" and value in GROUPS):
            yield Grant(value, permission)
        elif kind == "emailAddress":
            raise Refusal(errors.UNRESOLVABLE_EMAIL)
        else:
            raise Refusal(errors.INVALID_ARGUMENT, "a grant names id= or uri= of a group")


def of_document(document: Document, owner_id: str) -> Acl:
    """The list of an AccessControlPolicy. Raises Refusal, for another owner too: owners do not change."""
    for given in document.all("Owner"):
        if given.find("ID") not in (None, owner_id):
            raise Refusal(errors.ACCESS_DENIED, "the owner cannot be changed")
    lists = document.all("AccessControlList")
    if len(lists) != 1:
        raise Refusal(errors.MALFORMED_XML, "AccessControlPolicy needs one AccessControlList")
    return Acl(owner_id, of_elements(lists[0]))


def of_elements(listed: Document) -> tuple[Grant, ...]:
    """The Grant elements in an element. Raises Refusal."""
    return _limited([_of_element(grant) for grant in listed.all("Grant")])


def _of_element(grant: Document) -> Grant:
    grantees, permission = grant.all("Grantee"), grant.find("Permission")
    if len(grantees) != 1 or permission not in PERMISSIONS:
        raise Refusal(errors.MALFORMED_XML, "Grant needs a Grantee and a Permission")
    id_, uri, email = (grantees[0].find(name) for name in ("ID", "URI", "EmailAddress"))
    if email is not None:
        raise Refusal(errors.UNRESOLVABLE_EMAIL)
    if uri is not None and uri not in GROUPS:
        raise Refusal(errors.INVALID_ARGUMENT, "Invalid group uri")
    if not (id_ or uri):
        raise Refusal(errors.MALFORMED_XML, "Grantee needs ID or URI")
    return Grant(uri or id_ or "", permission)


def _limited(grants: Sequence[Grant]) -> tuple[Grant, ...]:
    if len(grants) > MAX_GRANTS:
        raise Refusal(errors.MALFORMED_ACL, f"a list has at most {MAX_GRANTS} grants")
    return tuple(grants)


def render(acl: Acl) -> list[Node]:
    """The content of an AccessControlPolicy."""
    return [("Owner", owner(acl.owner)), ("AccessControlList", elements(acl.grants))]


def elements(grants: Iterable[Grant]) -> list[Node]:
    """Grant elements, those of groups first."""
    ordered = sorted(grants, key=lambda grant: grant.grantee not in GROUPS)
    return [("Grant", [_grantee(grant.grantee), ("Permission", grant.permission)]) for grant in ordered]


def _grantee(name: str) -> Node:
    if name in GROUPS:
        return (_XSI.format("Group"), [("URI", name)])
    return (_XSI.format("CanonicalUser"), owner(name))
