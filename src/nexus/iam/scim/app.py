"""The routes under `/scim/v2`, each a translation into operations `iam.directory.*` and back."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from nexus.iam.scim import discovery, filters, groups, users
from nexus.iam.scim.errors import MEDIA_TYPE, Refused, refusal
from nexus.iam.scim.users import USERS
from nexus.kernel.errors import Invalid, NexusError, NotFound
from nexus.web import codec
from nexus.web.binding import too_deep
from nexus.web.body import read_body
from nexus.web.dispatch import Dispatcher
from nexus.web.rest import call_of

PATH: Final = "/scim/v2"
_USER_FILTERS: Final = {
    "username": "login",
    "externalid": "external_id",
    "emails.value": "email",
    "emails": "email",
    "id": "id",
}
_GROUP_FILTERS: Final = frozenset({"displayname", "id"})
Handler = Callable[["Scim", Request], Awaitable[Response]]


class Scim:
    """Speaks SCIM to the outside and operations to the dispatcher."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    # Users

    async def list_users(self, request: Request) -> Response:
        start, count = _page(request)
        asked = _filter(request, _USER_FILTERS)
        found = await self._persons(
            request,
            start=start - 1,
            count=max(count, 1),
            **{_USER_FILTERS[name]: value for name, value in asked.items()},
        )
        resources = [users.user_of(person, _base(request)) for person in found["persons"]][:count]
        return _ok(discovery.listed(resources, total=found["total"], start=start))

    async def read_user(self, request: Request) -> Response:
        return _user(request, await self._person(request))

    async def create_user(self, request: Request) -> Response:
        person = await self._do(request, "iam.directory.invite", body=users.joiner(await _document(request)))
        return _user(request, person, 201)

    async def replace_user(self, request: Request) -> Response:
        kept = users.attributes(await _document(request))
        kept.setdefault("active", True)
        return await self._change(request, kept)

    async def patch_user(self, request: Request) -> Response:
        return await self._change(request, users.patched(await _document(request)))

    async def delete_user(self, request: Request) -> Response:
        query = {"versions": _versions(request)}
        await self._do(request, "iam.directory.remove", path={"id": _id(request)}, query=query)
        return Response(status_code=204)

    async def _change(self, request: Request, kept: Mapping[str, Any]) -> Response:
        present, versions = await self._person(request), _versions(request)
        asked = users.change(kept, present)
        if not asked and not versions:
            return _user(request, present)
        body = {**asked, "versions": versions}
        return _user(request, await self._do(request, "iam.directory.change", path={"id": present["id"]}, body=body))

    async def _person(self, request: Request) -> Any:
        found = await self._persons(request, id=_id(request))
        if not found["persons"]:
            raise NotFound("no such user", code="iam.no-person")
        return found["persons"][0]

    async def _persons(self, request: Request, **query: Any) -> Any:
        return await self._do(request, "iam.directory.persons", query=query)

    # Groups

    async def list_groups(self, request: Request) -> Response:
        start, count = _page(request)
        asked = _filter(request, _GROUP_FILTERS)
        found = [
            groups.group_of(group, _base(request))
            for group in await self._groups(request)
            if asked.get("displayname", group["name"]) == group["name"] and asked.get("id", group["id"]) == group["id"]
        ]
        return _ok(discovery.listed(found[start - 1 : start - 1 + count], total=len(found), start=start))

    async def read_group(self, request: Request) -> Response:
        return _ok(groups.group_of(await self._group(request), _base(request)))

    async def replace_group(self, request: Request) -> Response:
        document, present = await _document(request), await self._group(request)
        return await self._have(request, present, groups.wanted(document, present))

    async def patch_group(self, request: Request) -> Response:
        document, present = await _document(request), await self._group(request)
        return await self._have(request, present, groups.patched(document, present))

    async def refuse_groups(self, request: Request) -> Response:
        raise Invalid("groups are configured by two officers", code="scim.mutability", hint="nexus iam directory map")

    async def _have(self, request: Request, present: Any, wanted: set[str]) -> Response:
        """Bring members in and out one by one: each is an operation with an entry of its own."""
        members = {member["person"] for member in present["members"]}
        for verb, persons in (("unassign", members - wanted), ("assign", wanted - members)):
            for person in sorted(persons):
                path = {"group": present["id"], "person": person}
                present = await self._do(request, f"iam.directory.{verb}", path=path)
        return _ok(groups.group_of(present, _base(request)))

    async def _group(self, request: Request) -> Any:
        for group in await self._groups(request):
            if group["id"] == _id(request):
                return group
        raise NotFound("no such group", code="iam.no-group")

    async def _groups(self, request: Request) -> Any:
        return (await self._do(request, "iam.directory.groups"))["groups"]

    async def _do(
        self,
        request: Request,
        name: str,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        """Perform an operation as whoever sent this request. Raises Refused."""
        raw = b"" if body is None else msgspec.json.encode(body)

        async def read() -> bytes:
            return raw

        sent = call_of(request)
        asked = [
            (key, str(one))
            for key, value in (query or {}).items()
            for one in (value if isinstance(value, list) else [value])
        ]
        call = replace(sent, path=path or {}, query=asked, body=read)
        answer = await self._dispatcher.dispatch(self._dispatcher.specs[name], call)
        document = msgspec.json.decode(answer.body) if answer.body else None
        if answer.status >= 400:
            raise Refused(answer.status, document or {}, answer.headers)
        return document


def scim_routes(dispatcher: Dispatcher) -> list[BaseRoute]:
    """The routes of the SCIM server, to be mounted beside those of the operations."""
    scim = Scim(dispatcher)
    by_path: dict[str, dict[str, Handler]] = {
        USERS: {"GET": Scim.list_users, "POST": Scim.create_user},
        f"{USERS}/{{id}}": {
            "GET": Scim.read_user,
            "PUT": Scim.replace_user,
            "PATCH": Scim.patch_user,
            "DELETE": Scim.delete_user,
        },
        "/Groups": {"GET": Scim.list_groups, "POST": Scim.refuse_groups},
        "/Groups/{id}": {
            "GET": Scim.read_group,
            "PUT": Scim.replace_group,
            "PATCH": Scim.patch_group,
            "DELETE": Scim.refuse_groups,
        },
    }
    routes = [Route(path, _endpoint(scim, handlers), methods=list(handlers)) for path, handlers in by_path.items()]
    return [Mount(PATH, routes=[*routes, *_discovery()])]


def _endpoint(scim: Scim, handlers: Mapping[str, Handler]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        handler = handlers.get(request.method)
        if handler is None:
            return refusal(Invalid("this path does not take this method", code="web.method"))
        try:
            return await handler(scim, request)
        except (NexusError, Refused) as error:
            return refusal(error)

    return endpoint


def _discovery() -> list[Route]:
    def constant(make: Callable[[str], Any]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            made = make(_base(request))
            return _ok(discovery.listed(made, total=len(made)) if isinstance(made, list) else made)

        return endpoint

    return [
        Route("/ServiceProviderConfig", constant(discovery.configuration)),
        Route("/ResourceTypes", constant(discovery.resource_types)),
        Route("/Schemas", constant(discovery.schemas)),
    ]


def _base(request: Request) -> str:
    """Relative to the door: an address that the client sent is never echoed."""
    return PATH


def _id(request: Request) -> str:
    return str(request.path_params["id"])


def _filter(request: Request, known: Any) -> dict[str, str]:
    text = request.query_params.get("filter")
    return filters.parse(text, known) if text is not None else {}


def _page(request: Request) -> tuple[int, int]:
    """Start (1 is the first) and count. Raises Invalid. Below 1 and above the limit they are taken as those."""
    try:
        start, count = (
            int(request.query_params.get(name, default)) for name, default in (("startIndex", 1), ("count", 100))
        )
    except ValueError as error:
        raise Invalid("startIndex and count are numbers", code="scim.value") from error
    return max(start, 1), min(max(count, 0), discovery.MAX_RESULTS)


async def _document(request: Request) -> dict[str, Any]:
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await read_body(request, declared if declared == "application/json" else MEDIA_TYPE)
    if too_deep(body):
        raise Invalid("JSON nested too deep", code="scim.syntax")
    document = codec.parse(body)
    if not isinstance(document, dict):
        raise Invalid("a body is an object", code="scim.syntax")
    return document


def _versions(request: Request) -> list[str]:
    """What `If-Match` asks for; compared in the transaction of the change."""
    return users.versions_in(request.headers["if-match"]) if "if-match" in request.headers else []


def _user(request: Request, person: Mapping[str, Any], status: int = 200) -> Response:
    document = users.user_of(person, _base(request))
    headers = {"ETag": users.version_of(person), "Location": document["meta"]["location"]}
    return Response(msgspec.json.encode(document), status, headers, MEDIA_TYPE)


def _ok(document: Any) -> Response:
    return Response(msgspec.json.encode(document), media_type=MEDIA_TYPE)
