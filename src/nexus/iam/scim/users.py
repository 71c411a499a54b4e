"""A person as a SCIM User, and what a User, or a patch of one, asks to change."""

import re
from collections.abc import Mapping
from typing import Any, Final

from nexus.kernel.errors import Invalid

SCHEMA: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_TAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{1,128}"')
PATCH: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
USERS: Final = "/Users"
"""Where users lie, below the path of the server."""
MAX_OPERATIONS: Final = 100
"""Operations in one patch."""
_DESCRIPTIVE: Final = frozenset(
    {
        "nickname", "profileurl", "title", "usertype", "preferredlanguage", "locale", "timezone", "phonenumbers", "ims",
        "photos", "addresses", ENTERPRISE.lower(),
    }
)  # fmt: skip
"""What describes a person and is not kept: accepted and dropped."""
_READ_ONLY: Final = frozenset({"id", "meta", "groups", "schemas"})
_REFUSED: Final = frozenset({"password", "roles", "entitlements", "x509certificates"})
"""What would give factors or rights: refused, so that nobody believes it was done."""
_KEPT: Final = frozenset({"username", "name", "displayname", "emails", "active", "externalid"})


def user_of(person: Mapping[str, Any], base: str) -> dict[str, Any]:
    """A person, as `iam.directory.persons` shows her, as a User."""
    document = {
        "schemas": [SCHEMA],
        "id": person["id"],
        "userName": person["login"],
        "displayName": person["name"],
        "name": {"formatted": person["name"]},
        "emails": [{"value": person["email"], "primary": True}],
        "active": person["active"],
        "meta": {
            "resourceType": "User",
            "created": person["created_at"],
            "lastModified": person["changed_at"],
            "location": f"{base}{USERS}/{person['id']}",
            "version": version_of(person),
        },
    }
    if person.get("external_id"):
        document["externalId"] = person["external_id"]
    return document


def version_of(person: Mapping[str, Any]) -> str:
    """A weak entity tag of the person's version."""
    return f'W/"{person["version"]}"'


def versions_in(header: str) -> list[str]:
    """The versions that an `If-Match` names; none for `*`, which every person matches. Raises Invalid."""
    tags = [tag.strip() for tag in header.split(",")]
    if tags == ["*"]:
        return []
    if not all(_TAG.fullmatch(tag) for tag in tags):
        raise Invalid("If-Match holds entity tags", code="scim.value")
    return [tag.removeprefix("W/")[1:-1] for tag in tags]


def attributes(document: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a User that are kept, by name in lower case. Raises Invalid on what is refused or unknown."""
    kept: dict[str, Any] = {}
    for name, value in document.items():
        plain = name.lower().removeprefix(f"{SCHEMA.lower()}:")
        if plain in _REFUSED:
            raise Invalid(f"{plain} is not set by a directory", code="scim.mutability")
        if plain in _READ_ONLY or plain in _DESCRIPTIVE or plain.startswith(ENTERPRISE.lower()):
            continue
        if plain not in _KEPT:
            raise Invalid("an attribute of this user is not known", code="scim.syntax")
        if plain in kept:
            raise Invalid(f"{plain} is given twice", code="scim.syntax")
        kept[plain] = value
    return kept


def joiner(document: Mapping[str, Any]) -> dict[str, Any]:
    """A new User as the request of `iam.directory.invite`."""
    kept = attributes(document)
    if kept.get("active", True) is not True:
        raise Invalid("somebody who is not active is not brought in", code="scim.value")
    login = _text(kept.get("username"), "userName")
    name = _name(kept) or login
    person = {"login": login, "name": name, "email": _email(kept.get("emails")) or ""}
    if not person["email"]:
        raise Invalid("a person needs an e-mail address", code="scim.value")
    return (
        person if kept.get("externalid") is None else {**person, "external_id": _text(kept["externalid"], "externalId")}
    )


def change(kept: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, Any]:
    """Kept attributes as the request of `iam.directory.change`. Raises Invalid on another login or address."""
    if "username" in kept and _text(kept["username"], "userName").strip().lower() != present["login"]:
        raise Invalid("a login does not change", code="scim.mutability")
    if "emails" in kept and (_email(kept["emails"]) or "").strip().lower() != present["email"]:
        raise Invalid("a directory does not change an e-mail address", code="scim.mutability")
    asked: dict[str, Any] = {}
    if name := _name(kept):
        asked["name"] = name
    if "active" in kept:
        asked["active"] = _boolean(kept["active"])
    if kept.get("externalid") is not None:
        asked["external_id"] = _text(kept["externalid"], "externalId")
    return asked


def operations(document: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    """The operations of a patch: what (add, replace, remove), path, value. Raises Invalid."""
    listed = document.get("Operations")
    if document.get("schemas") != [PATCH] or not isinstance(listed, list) or not 1 <= len(listed) <= MAX_OPERATIONS:
        raise Invalid(f"a patch has its schema and 1 to {MAX_OPERATIONS} operations", code="scim.syntax")
    found = []
    for each in listed:
        if not isinstance(each, Mapping) or set(each) - {"op", "path", "value"}:
            raise Invalid("an operation has op, path and value", code="scim.syntax")
        verb, path = str(each.get("op", "")).lower(), each.get("path", "")
        if verb not in {"add", "replace", "remove"} or not isinstance(path, str):
            raise Invalid("an operation adds, replaces or removes", code="scim.syntax")
        found.append((verb, path.strip(), each.get("value")))
    return found


def patched(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a patch of a User sets, as kept attributes. Raises Invalid."""
    kept: dict[str, Any] = {}
    for verb, path, value in operations(document):
        if verb == "remove":
            raise Invalid("no attribute of a user is removed", code="scim.mutability")
        if path:
            kept.update(attributes(_at(path, value)))
        elif isinstance(value, Mapping):
            for name, inner in value.items():
                kept.update(attributes(_at(name, inner)))
        else:
            raise Invalid("an operation without a path has attributes as value", code="scim.syntax")
    return kept


def _at(path: str, value: Any) -> dict[str, Any]:
    plain = path.lower().removeprefix(f"{SCHEMA.lower()}:")
    if plain in {"name.formatted", "name.givenname", "name.familyname"}:
        if plain != "name.formatted":
            raise Invalid("set name.formatted or displayName", code="scim.path")
        return {"displayname": value}
    if plain == "emails.value" or (plain.startswith("emails[") and plain.endswith("].value")):
        return {"emails": [{"value": value}]}
    return {path: value}


def _name(kept: Mapping[str, Any]) -> str:
    if kept.get("displayname") is not None:
        return _text(kept["displayname"], "displayName")
    name = kept.get("name")
    if name is None:
        return ""
    if not isinstance(name, Mapping):
        raise Invalid("name is an object", code="scim.value")
    if name.get("formatted"):
        return _text(name["formatted"], "name.formatted")
    parts = (_text(name[part], part) for part in ("givenName", "familyName") if name.get(part))
    return " ".join(parts)


def _email(emails: Any) -> str | None:
    if emails is None:
        return None
    if not isinstance(emails, list) or not all(isinstance(each, Mapping) for each in emails) or not emails:
        raise Invalid("emails is a list of objects", code="scim.value")
    primary = next((each for each in emails if each.get("primary") is True), emails[0])
    return _text(primary.get("value"), "emails.value")


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Invalid(f"{name} is a text", code="scim.value")
    return value


def _boolean(value: Any) -> bool:
    """Some directories send booleans as text."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise Invalid("active is true or false", code="scim.value")
