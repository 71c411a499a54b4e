"""A group of the directory as a SCIM Group, and which members a patch of one asks for."""

import re
from collections.abc import Mapping
from typing import Any, Final

from nexus.iam.scim.users import USERS, operations
from nexus.kernel.errors import Invalid

SCHEMA: Final = "urn:ietf:params:scim:schemas:core:2.0:Group"
MAX_MEMBERS: Final = 1_000
"""Members in one call."""
_ONE_MEMBER: Final = re.compile(r'members\[\s*value\s+eq\s+"([A-Za-z0-9_]{1,64})"\s*\]', re.IGNORECASE)


def group_of(group: Mapping[str, Any], base: str) -> dict[str, Any]:
    """A group, as `iam.directory.groups` shows it, as a Group."""
    members = [
        {
            "value": member["person"],
            "display": member["login"],
            "$ref": f"{base}{USERS}/{member['person']}",
            "type": "User",
        }
        for member in group["members"]
    ]
    return {
        "schemas": [SCHEMA],
        "id": group["id"],
        "displayName": group["name"],
        "members": members,
        "meta": {"resourceType": "Group", "location": f"{base}/Groups/{group['id']}"},
    }


def wanted(document: Mapping[str, Any], present: Mapping[str, Any]) -> set[str]:
    """The members that a whole Group asks for. Raises Invalid on another name: groups are configured by officers."""
    if set(document) - {"schemas", "id", "displayName", "members", "meta", "externalId"}:
        raise Invalid("an attribute of this group is not known", code="scim.syntax")
    if document.get("displayName", present["name"]) != present["name"]:
        raise _configured()
    return set(_ids(document.get("members", [])))


def patched(document: Mapping[str, Any], present: Mapping[str, Any]) -> set[str]:
    """The members after a patch. Raises Invalid on a patch of anything else."""
    members = {member["person"] for member in present["members"]}
    for verb, path, value in operations(document):
        one = _ONE_MEMBER.fullmatch(path)
        if one is not None and verb == "remove":
            members.discard(one[1])
        elif path.lower() == "members":
            members = _changed(members, verb, value)
        elif not path and isinstance(value, Mapping) and set(value) <= {"members", "id"}:
            members = _changed(members, verb, value.get("members", []))
        elif path.lower() == "displayname" and value == present["name"]:
            continue
        else:
            raise _configured()
    return members


def _changed(members: set[str], verb: str, value: Any) -> set[str]:
    if verb == "remove" and value is None:
        return set()
    named = set(_ids(value))
    if verb == "add":
        return members | named
    return named if verb == "replace" else members - named


def _ids(value: Any) -> list[str]:
    if not isinstance(value, list) or len(value) > MAX_MEMBERS:
        raise Invalid(f"members is a list of at most {MAX_MEMBERS}", code="scim.value")
    if not all(isinstance(each, Mapping) and isinstance(each.get("value"), str) and each["value"] for each in value):
        raise Invalid("a member has the id of a user as value", code="scim.value")
    return [each["value"] for each in value]


def _configured() -> Invalid:
    return Invalid(
        "groups are configured by two officers; a directory changes their members only",
        code="scim.mutability",
        hint="nexus iam directory map",
    )
