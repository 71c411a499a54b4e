"""The locks: exact, hashed, without an address, and in step with pyproject.toml and the decision record. AP-09."""

import json
import re
import tomllib

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from project_tree import ROOT

LOCKS = ("run.lock", "dev.lock", "spark.lock")


def _text(name: str) -> str:
    return (ROOT / "requirements" / name).read_text()


def _pins(name: str) -> dict[str, tuple[Requirement, int]]:
    """Package -> (its pin, number of hashes)."""
    pins = {}
    for block in re.split(r"\n(?=[a-z0-9])", _text(name)):
        requirement = Requirement(block.split("\\\n")[0].strip())
        pins[canonicalize_name(requirement.name)] = requirement, block.count("--hash=sha256:")
    return pins


def _project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def _wanted(lock: str) -> list[Requirement]:
    project = _project()
    groups = {"run.lock": ("build",), "dev.lock": ("build", "dev"), "spark.lock": ("spark",)}[lock]
    texts = [
        *(project["project"]["dependencies"] if lock != "spark.lock" else ()),
        *(text for group in groups for text in project["dependency-groups"][group]),
    ]
    return [Requirement(text) for text in texts]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_to_one_version_with_hashes(lock: str):
    loose = [
        name for name, (pin, hashes) in _pins(lock).items() if not str(pin.specifier).startswith("==") or hashes == 0
    ]
    assert loose == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_no_address_and_no_path(lock: str):
    assert re.findall(r"://|^--?(?:i|f|index|extra|find)\b.*|\s/\w+", _text(lock), re.MULTILINE) == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_satisfies_what_the_project_asks_for(lock: str):
    pins, environment = _pins(lock), default_environment()
    missing = [
        str(wanted)
        for wanted in _wanted(lock)
        if wanted.marker is None or wanted.marker.evaluate(environment)
        if (found := pins.get(canonicalize_name(wanted.name))) is None
        or not wanted.specifier.contains(str(found[0].specifier).removeprefix("=="), prereleases=True)
    ]
    assert missing == [], "run `make lock`"


def test_what_is_tested_is_what_runs():
    run, dev = _pins("run.lock"), _pins("dev.lock")
    assert {name: pin.specifier for name, (pin, _) in run.items()} == {name: dev[name][0].specifier for name in run}


def test_every_library_has_a_sentence_that_says_why():
    page = (ROOT / "docs" / "decisions" / "0002-dependencies.md").read_text()
    assert [wanted.name for wanted in _wanted("dev.lock") if f"`{wanted.name}`" not in page] == []


def test_the_lock_of_the_peers_is_hashed_and_holds_no_address():
    """The machine's own npm configuration says where packages come from; the hashes decide what is accepted."""
    text = (ROOT / "tests" / "peers" / "package-lock.json").read_text()
    packages = json.loads(text)["packages"]
    assert "://" not in text and "resolved" not in text
    assert [name for name, entry in packages.items() if name and not entry["integrity"].startswith("sha512-")] == []
    page = (ROOT / "docs" / "decisions" / "0002-dependencies.md").read_text()
    assert [name for name in packages[""]["dependencies"] if f"`{name}`" not in page] == []
