"""Every page, in the order of the menu. A new subject is a file beside this one and a line here."""

from collections.abc import Sequence
from typing import Final

from nexus.console.page import Page
from nexus.console.pages import (
    agreements,
    approvals,
    audit,
    break_glass,
    buckets,
    enrol,
    federation,
    health,
    home,
    keys,
    language,
    machines,
    passkey_sign_in,
    passkeys,
    people,
    requests,
    reviews,
    rights,
    shells,
    sign_in,
    storage,
)
from nexus.console.pages.operations import operation_pages
from nexus.kernel.operation import OperationSpec

PAGES: Final[tuple[Page, ...]] = (
    *home.PAGES,
    *approvals.PAGES,
    *requests.PAGES,
    *reviews.PAGES,
    *break_glass.PAGES,
    *people.PAGES,
    *machines.PAGES,
    *rights.PAGES,
    *passkeys.PAGES,
    *audit.PAGES,
    *keys.PAGES,
    *buckets.PAGES,
    *storage.PAGES,
    *health.PAGES,
    *shells.PAGES,
    *sign_in.PAGES,
    *passkey_sign_in.PAGES,
    *federation.PAGES,
    *agreements.PAGES,
    *enrol.PAGES,
    *language.PAGES,
)


def pages(specs: Sequence[OperationSpec], purposes: Sequence[str]) -> list[Page]:
    """Every page over these operations. Those by which people sign in have their place on the sign-in page alone."""
    entrances = frozenset(name for page in PAGES if page.open for name in page.operations)
    return [*PAGES, *operation_pages(specs, purposes, entrances - {"iam.session.end", "iam.federation.link"})]
