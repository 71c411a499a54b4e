"""Texts of the console: both languages, the right one, and nowhere a path that leads out."""

import dataclasses
import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from starlette.requests import HTTPConnection

import nexus.console
from nexus.app.doctor.finding import State
from nexus.app.status import Phase
from nexus.console.cookies import COOKIES
from nexus.console.render import FOLDER
from nexus.console.texts import TROUBLES
from nexus.console.words import WORDS
from nexus.iam.model import IdentityKind, IdentityState, Role
from nexus.kernel import errors
from nexus.kms.model import ServiceState
from nexus.web.browser import paths
from nexus.web.browser.language import Bilingual, Language, chosen
from nexus.web.browser.moments import lasting, until, when

SAME_IN_BOTH = {
    *("Menu", "Version", "Code", "machine", "Machines", "Action", "Bastion", "Ed25519", "audit"),
    *("Minutes", "Quota", "correction", "rectification", "homologation"),
}
"""Texts that are the same word in both languages."""


def everything_bilingual():
    """(where, texts) of every bilingual text of the console, found in its modules."""
    for module in pkgutil.walk_packages(nexus.console.__path__, "nexus.console."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, Bilingual):
                yield f"{module.name}.{name}", value
            elif isinstance(value, dict):
                yield from (
                    (f"{module.name}.{name}[{key}]", one) for key, one in value.items() if isinstance(one, Bilingual)
                )


def sentences(value):
    """Every sentence in a text or a record of texts."""
    if isinstance(value, str):
        return [value]
    if dataclasses.is_dataclass(value):
        return [part for field in dataclasses.fields(value) for part in sentences(getattr(value, field.name))]
    return [part for inner in (value.values() if isinstance(value, dict) else value) for part in sentences(inner)]


@pytest.mark.parametrize(
    ("where", "texts"), list(everything_bilingual()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_text_stands_in_both_languages(where, texts):
    english, french = sentences(texts.en), sentences(texts.fr)
    assert len(english) == len(french) and all(map(str.strip, english)) and all(map(str.strip, french))
    untranslated = [one for one, other in zip(english, french, strict=True) if one == other and one not in SAME_IN_BOTH]
    assert [one for one in untranslated if re.search("[a-z]", one) and one not in ("fr", "en")] == []
    for one, other in zip(english, french, strict=True):
        assert set(re.findall(r"\{\w+\}", one)) == set(re.findall(r"\{\w+\}", other)), (one, other)


def without_jinja(template):
    return re.sub(
        r"\{% set \w+ %\}.*?\{% endset %\}|\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", "", template.read_text(), flags=re.DOTALL
    )


def test_no_template_holds_words_of_its_own():
    """What stands between tags is a value; a word there would be in one language only."""
    for template in Path(FOLDER).glob("*.html"):
        text = re.sub(r"<code>nexus .*?</code>|<[^>]*>", " ", without_jinja(template), flags=re.DOTALL)
        words = set(re.findall(r"[^\W\d_]{3,}", text)) - {"REST", "Code"}
        assert words == set(), template.name


def test_no_template_holds_script_style_or_a_foreign_address():
    for template in Path(FOLDER).glob("*.html"):
        text = without_jinja(template)
        assert not re.search(r"\|\s*safe\b", template.read_text()), template.name
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", text), template.name
        assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", text), template.name


def test_every_kind_of_error_says_what_to_do():
    kinds = {
        kind.kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.NexusError)
    }
    assert set(TROUBLES) == kinds


def test_roles_and_states_have_words():
    values = {value.value for kind in (Role, IdentityKind, IdentityState, Phase, State, ServiceState) for value in kind}
    assert values - set(WORDS) == set()


@pytest.mark.parametrize(
    ("cookie", "header", "language"),
    [
        ("", "", "en"),
        ("", "fr", "fr"),
        ("", "fr-CA,fr;q=0.8,en;q=0.5", "fr"),
        ("", "de, en;q=0.4, fr;q=0.9", "fr"),
        ("", "fr;q=0, en;q=0.1", "en"),
        ("", "fr;q=nonsense", "en"),
        ("", "*", "en"),
        ("en", "fr", "en"),
        ("<script>", "fr", "fr"),
    ],
)
def test_the_language_is_the_one_chosen_or_asked_for(cookie, header, language):
    headers = [(b"accept-language", header.encode()), (b"cookie", f"{COOKIES.language}={cookie}".encode())]
    assert chosen(HTTPConnection({"type": "http", "headers": headers}), COOKIES.language) == language


@pytest.mark.parametrize(
    "path", ["/", "/people", "/people/per_1?tab=keys", "/oidc/authorize?redirect_uri=https%3A%2F%2Fjupyter.example"]
)
def test_a_path_of_ours_is_followed(path):
    assert paths.own(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "https://evil.example/",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/ /evil.example",
        "javascript:alert(1)",
        "people",
        "/people\r\nSet-Cookie: a=b",
        "/%0d%0a\u0000",
        "/é",
        "/sign-in?next=/",
        "/" + "a" * 5000,
        "https:/evil.example",
    ],
)
def test_any_other_path_leads_home(path):
    assert paths.own(path) == "/"


def test_the_sign_in_page_carries_the_way_back_as_one_value():
    assert paths.sign_in_for("/audit?actor=a&b=c") == "/sign-in?next=%2Faudit%3Factor%3Da%26b%3Dc"
    assert paths.sign_in_for("//evil.example") == "/sign-in"


def test_times_are_read_in_both_languages():
    now, later = "2026-02-03T04:05:06.000000Z", "2026-02-05T04:05:06.000000Z"
    assert when(now, Language.ENGLISH) == "3 Feb 2026, 04:05 UTC"
    assert when("2026-08-03T06:05:06+02:00", Language.FRENCH) == "3 août 2026, 04:05 UTC"
    assert (until(later, now, Language.ENGLISH), until(later, now, Language.FRENCH)) == ("in 2 days", "dans 2 jours")
    assert (until(now, later, Language.ENGLISH), until(now, now, Language.FRENCH)) == ("ended", "terminé")
    assert (lasting(59, Language.ENGLISH), lasting(3_600, Language.FRENCH)) == ("less than a minute", "1 heure")
