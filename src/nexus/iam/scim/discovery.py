"""What this SCIM server can do (RFC 7643, sections 5 to 7): constants, open to everybody."""

from typing import Any, Final

from nexus.iam.scim import groups, users

MAX_RESULTS: Final = 200
"""Resources in one answer at most."""
LIST: Final = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


def configuration(base: str) -> dict[str, Any]:
    """The ServiceProviderConfig."""
    no = {"supported": False}
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": True},
        "bulk": {**no, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": True, "maxResults": MAX_RESULTS},
        "changePassword": no,
        "sort": no,
        "etag": {"supported": True},
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "Service token",
                "description": "The service token of a machine that two officers registered as a directory",
                "primary": True,
            }
        ],
        "meta": {"resourceType": "ServiceProviderConfig", "location": f"{base}/ServiceProviderConfig"},
    }


def resource_types(base: str) -> list[dict[str, Any]]:
    """The ResourceTypes."""
    return [
        {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "id": name,
            "name": name,
            "endpoint": f"/{name}s",
            "schema": schema,
            "meta": {"resourceType": "ResourceType", "location": f"{base}/ResourceTypes/{name}"},
        }
        for name, schema in (("User", users.SCHEMA), ("Group", groups.SCHEMA))
    ]


def schemas(base: str) -> list[dict[str, Any]]:
    """The Schemas: the attributes that are kept."""
    user = [
        _attribute("userName", required=True, mutability="immutable", uniqueness="server"),
        _attribute("displayName"),
        _complex("name", [_attribute("formatted")]),
        _complex(
            "emails", [_attribute("value"), _attribute("primary", kind="boolean")], many=True, mutability="immutable"
        ),
        _attribute("active", kind="boolean"),
    ]
    member = [_attribute("value", mutability="immutable"), _attribute("display", mutability="readOnly")]
    group = [
        _attribute("displayName", required=True, mutability="readOnly"),
        _complex("members", member, many=True),
    ]
    return [
        {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
            "id": schema,
            "name": name,
            "attributes": listed,
            "meta": {"resourceType": "Schema", "location": f"{base}/Schemas/{schema}"},
        }
        for name, schema, listed in (("User", users.SCHEMA, user), ("Group", groups.SCHEMA, group))
    ]


def listed(resources: list[dict[str, Any]], *, total: int, start: int = 1) -> dict[str, Any]:
    """A ListResponse."""
    return {
        "schemas": [LIST],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": len(resources),
        "Resources": resources,
    }


def _attribute(
    name: str,
    *,
    kind: str = "string",
    required: bool = False,
    mutability: str = "readWrite",
    uniqueness: str = "none",
) -> dict[str, Any]:
    return {
        "name": name,
        "type": kind,
        "multiValued": False,
        "required": required,
        "caseExact": False,
        "mutability": mutability,
        "returned": "default",
        "uniqueness": uniqueness,
    }


def _complex(
    name: str, parts: list[dict[str, Any]], *, many: bool = False, mutability: str = "readWrite"
) -> dict[str, Any]:
    return {**_attribute(name, kind="complex", mutability=mutability), "multiValued": many, "subAttributes": parts}
