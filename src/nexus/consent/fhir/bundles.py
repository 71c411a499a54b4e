"""Bundles: pages of a search, and the history of one resource. None says how many there are in all.

A total would betray by its change what the asker may not see; `next` says only that this page was not the last.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

CURSOR: Final = "_cursor"
"""Our parameter in `next`: where the following page begins."""


@dataclass(frozen=True, slots=True)
class Page:
    """Resources of one page, and the cursor of the next (None on the last)."""

    resources: Sequence[Mapping[str, Any]]
    cursor: str | None = None


def searchset(base: str, type_: str, asked: Iterable[tuple[str, str]], page: Page) -> dict[str, Any]:
    """A page of a search. `asked`: the parameters as they were understood."""
    parameters = list(asked)
    links = [{"relation": "self", "url": _url(base, type_, parameters)}]
    if page.cursor is not None:
        following = [each for each in parameters if each[0] != CURSOR] + [(CURSOR, page.cursor)]
        links.append({"relation": "next", "url": _url(base, type_, following)})
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "link": links}
    if page.resources:
        bundle["entry"] = [
            {"fullUrl": f"{base}/{type_}/{each['id']}", "resource": each, "search": {"mode": "match"}}
            for each in page.resources
        ]
    return bundle


def history(base: str, type_: str, versions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Every version of a resource, newest first. `versions`: oldest first, as a history is never empty."""
    entries = []
    for number, version in reversed(list(enumerate(versions))):
        address = f"{type_}/{version['id']}"
        request = {"method": "PUT", "url": address} if number else {"method": "POST", "url": type_}
        response = {"status": "200" if number else "201", "lastModified": version["meta"]["lastUpdated"]}
        response["etag"] = f'W/"{version["meta"]["versionId"]}"'
        entries.append({"fullUrl": f"{base}/{address}", "resource": version, "request": request, "response": response})
    link = [{"relation": "self", "url": f"{base}/{type_}/{versions[0]['id']}/_history"}]
    return {"resourceType": "Bundle", "type": "history", "link": link, "entry": entries}


def _url(base: str, type_: str, parameters: Sequence[tuple[str, str]]) -> str:
    query = urlencode(parameters)
    return f"{base}/{type_}?{query}" if query else f"{base}/{type_}"
