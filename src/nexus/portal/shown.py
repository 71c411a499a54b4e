"""An entry of the log as one line that a patient understands."""

from dataclasses import dataclass
from typing import Any

from nexus.portal import plain_words as words
from nexus.web.browser.language import Language


@dataclass(frozen=True, slots=True)
class Line:
    """Who did what, for what, with what outcome, and why."""

    index: int
    operation: str
    at: str
    who: str
    where: str
    """Hospital and project, in plain words; may be empty."""
    what: str
    purpose: str
    purpose_name: str
    allowed: bool
    why: str
    emergency: bool
    shared: bool
    """Whether the data were those of several patients at once."""


def entry(one: dict[str, Any], language: Language) -> Line:
    """One line of the list."""
    allowed = one["outcome"] == "allowed"
    table, other = (words.ACTIONS, words.OTHER) if allowed else (words.TRIED, words.OTHER_TRIED)
    purpose = words.PURPOSES.get(one["purpose"])
    reason = words.REASONS.get(one["reason"])
    kind = words.WHO.get(one["actor_kind"], words.WHO["person"]).of(language)
    return Line(
        index=one["index"],
        operation=one["operation"],
        at=one["at"],
        who=one["name"] if one["name"] and one["name"] != "patient" else _yourself(one, kind, language),
        where=_where(one, language),
        what=table.get(one["action"], words.ACTIONS.get(one["action"], other) if allowed else other).of(language),
        purpose=one["purpose"],
        purpose_name=purpose.of(language) if purpose else one["purpose"],
        allowed=allowed,
        why=reason.of(language) if reason else "",
        emergency=one["break_glass"],
        shared=one["shared"],
    )


def _yourself(one: dict[str, Any], kind: str, language: Language) -> str:
    """Patients have no name here: whoever decides for this file is the reader, or somebody who decides with him."""
    if one["name"] != "patient":
        return kind
    return "Vous, ou qui décide avec vous" if language is Language.FRENCH else "You, or who decides with you"


def _where(one: dict[str, Any], language: Language) -> str:
    """`project Cohorte, CHU Lyon`."""
    project = "projet" if language is Language.FRENCH else "project"
    parts = [f"{project} {words.place(one['project'])}"] if one["project"] else []
    return ", ".join([*parts, *([words.place(one["site"])] if one["site"] else [])])
