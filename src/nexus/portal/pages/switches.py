"""What the switches of a patient's choices show of the decisions in force, and what touching one decides."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from nexus.portal import plain_words
from nexus.web.browser.language import Language
from nexus.web.browser.operations import Document

MAX_PROJECTS_SHOWN: Final = 20
MAX_NAME: Final = 63
"""Characters of a project's name."""
_NARROWINGS: Final = ("projects", "sites", "persons", "categories", "sources", "sensitivities", "references")
_PLURAL: Final = {"category": "categories", "project": "projects"}


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch: `what` is purpose, category or project."""

    what: str
    name: str
    label: str
    help: str
    on: bool
    why: str = ""

    @property
    def id(self) -> str:
        """What the page calls it."""
        return f"{self.what}-{self.name}"


def is_known(what: str, name: str) -> bool:
    """Whether there is such a switch."""
    if what == "project":
        return 0 < len(name) <= MAX_NAME
    return name in (
        plain_words.SECONDARY if what == "purpose" else plain_words.CATEGORIES if what == "category" else ()
    )


def touched(decisions: Document, what: str, name: str, *, on: bool) -> tuple[list[Document], list[str]]:
    """What touching a switch decides: provisions, and the decisions that they replace. Nothing, if it stands so already.

    Kinds of data and projects are only ever refused: switched on, the refusal goes. A use that was refused together with others
    is allowed again without them.
    """
    provisions: list[Document] = []
    replaced = [decision for kind, named, decision in _simple(decisions) if (kind, named) == (what, name)]
    if what == "purpose":
        provisions.append({"effect": "permit" if on else "deny", "purposes": [name]})
        for decision, others in _refusing(decisions, name) if on else ():
            replaced.append(decision)
            provisions.append({"effect": "deny", "purposes": others})
    elif not on:
        provisions.append({"effect": "deny", "purposes": list(plain_words.SECONDARY), _PLURAL[what]: [name]})
    return provisions, replaced


def purposes(
    decisions: Document, public_interest: Collection[str], because: Mapping[str, str], language: Language
) -> list[Switch]:
    """The purposes as the rules decide them, the general refusal and the other switches left aside.

    `public_interest`: uses that are allowed as long as nobody refuses them. `because`: reasons in words.
    """
    found = {one["purpose"]: one for one in decisions["permissions"]}
    return [
        Switch(
            "purpose",
            name,
            plain_words.PURPOSES[name].of(language),
            plain_words.PURPOSE_HELP[name].of(language),
            found[name]["extent"] != "nothing",
            because[_reason(decisions, found[name], name, public_interest)],
        )
        for name in plain_words.SECONDARY
    ]


def categories(decisions: Document, language: Language) -> list[Switch]:
    """Kinds of data: off are those that the patient has taken out of every secondary use."""
    off = {name for what, name, _ in _simple(decisions) if what == "category"}
    return [
        Switch("category", name, text.of(language), "", name not in off)
        for name, text in plain_words.CATEGORIES.items()
    ]


def projects(decisions: Document, used: Collection[str]) -> list[Switch]:
    """Projects that used the data (`used`), or that the patient has refused."""
    off = {name for what, name, _ in _simple(decisions) if what == "project"}
    return [
        Switch("project", name, plain_words.place(name), "", name not in off)
        for name in sorted({*used, *off})[:MAX_PROJECTS_SHOWN]
    ]


def _reason(decisions: Document, ruled: Document, purpose: str, public_interest: Collection[str]) -> str:
    """Why a switch stands as it does. The ruling may be by what is left aside here: then it says nothing of this switch."""
    if ruled["extent"] == "some":
        return "partly"
    if ruled["extent"] == "all":
        permitted = any(purpose in one["purposes"] for one in _whole(decisions, "permit"))
        return "permitted" if permitted or purpose not in public_interest else "public-interest"
    if any(purpose in one["purposes"] for one in _whole(decisions, "deny")):
        return "denied"
    return "no-decision" if ruled["reason"] in {"denied", "objection"} else ruled["reason"]


def _whole(decisions: Document, effect: str) -> Iterator[Document]:
    """Provisions in force of this effect that speak of all data and all recipients."""
    for decision in decisions["in_force"]:
        for provision in decision["provisions"]:
            if provision["effect"] == effect and not _is_narrow(provision):
                yield provision


def _is_narrow(provision: Document) -> bool:
    sides = (*_NARROWINGS, "collected", "valid", "emergency")
    return any(provision.get(side) for side in sides)


def _refusing(decisions: Document, purpose: str) -> Iterator[tuple[str, list[str]]]:
    """Decisions that refuse this purpose with others and say nothing else: their ids, and the other purposes."""
    for decision in decisions["in_force"]:
        provisions = decision["provisions"]
        if decision["kind"] != "permissions" or len(provisions) != 1 or provisions[0]["effect"] != "deny":
            continue
        if purpose in provisions[0]["purposes"] and not _is_narrow(provisions[0]):
            others = [each for each in provisions[0]["purposes"] if each != purpose]
            if others:
                yield decision["id"], others


def _simple(decisions: Document) -> Iterator[tuple[str, str, str]]:
    """Decisions in force that one switch made, or could have made: (what, name, id)."""
    for decision in decisions["in_force"]:
        if decision["kind"] != "permissions" or len(decision["provisions"]) != 1:
            continue
        provision = decision["provisions"][0]
        narrowed = {name: provision[name] for name in _NARROWINGS if provision.get(name)}
        if provision.get("collected") or provision.get("valid") or provision.get("emergency"):
            continue
        if not narrowed and len(provision["purposes"]) == 1:
            yield "purpose", provision["purposes"][0], decision["id"]
        elif set(provision["purposes"]) == set(plain_words.SECONDARY) and provision["effect"] == "deny":
            yield from _narrowed(narrowed, decision["id"])


def _narrowed(narrowed: dict[str, list[str]], decision: str) -> Iterator[tuple[str, str, str]]:
    for what, plural in _PLURAL.items():
        if set(narrowed) == {plural} and len(narrowed[plural]) == 1:
            yield what, narrowed[plural][0], decision
