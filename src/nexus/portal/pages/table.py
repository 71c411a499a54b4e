"""Every page, in the order of the menu, and the operations that they need: all that this door performs."""

from collections.abc import Collection, Sequence

from nexus.portal.page import Page
from nexus.portal.pages import accesses, account, asking, held, home, language, notices, sign_in
from nexus.portal.pages.catalogue import Cataloguing
from nexus.portal.pages.choices import Choosing
from nexus.portal.pages.enrol import Enrolling
from nexus.portal.ports import CodeForm
from nexus.warehouse.catalogue.public import PublicCatalogue

STEPPING = frozenset({"iam.step-up.begin", "iam.step-up.prove"})
"""What the page between performs, where an operation asks for a fresh factor."""


def pages(
    codes: CodeForm, public_interest: Collection[str], catalogue: PublicCatalogue | None = None
) -> tuple[Page, ...]:
    """The pages of the portal. `public_interest`: uses that are allowed as long as nobody refuses them.

    `catalogue`: the datasets that everybody sees, where there is a catalogue.
    """
    return (
        *home.PAGES,
        *accesses.PAGES,
        *held.PAGES,
        *Choosing(public_interest).pages(),
        *asking.PAGES,
        *account.PAGES,
        *notices.PAGES,
        *sign_in.PAGES,
        *Enrolling(codes).pages(),
        *language.PAGES,
        *(Cataloguing(catalogue).pages() if catalogue is not None else ()),
    )


def operations(of: Sequence[Page]) -> frozenset[str]:
    """Names of the operations that these pages perform."""
    return STEPPING.union(*(page.operations for page in of))
