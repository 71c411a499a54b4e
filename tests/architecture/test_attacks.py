"""The page of attacks is true: each has tests, and the tests are there."""

from pathlib import Path

import pytest
from asvs import functions_of
from attacks import PAGE, S3_TABLES, SOURCE, attacks, page, variants
from project_tree import ROOT

ASKED_FOR = {
    "Credential stuffing",
    "User enumeration by message",
    "User enumeration by time",
    "Session fixation",
    "Stolen cookie used elsewhere",
    "Stolen token used elsewhere",
    "Replayed one-time code",
    "Replayed assertion",
    "Wrong origin",
    "Cloned authenticator",
    "Algorithm confusion",
    "Expired or foreign issuer",
    "Redirect tricks",
    "CSRF",
    "Mass assignment",
    "IDOR on every route",
    "Approving one's own request by a second account",
    "Clock skew",
    "Request smuggling",
    "Slow and silent clients",
    "Signatures captured or bent",
    "Names of objects as paths",
    "Swelling contents and documents",
}
"""None of these may be left out; there may be more."""


def test_every_attack_that_was_asked_for_is_there():
    assert {attack.name for attack in attacks()} >= ASKED_FOR


@pytest.mark.parametrize("attack", attacks(), ids=lambda attack: attack.name)
def test_the_tests_that_an_attack_names_exist(attack):
    assert attack.how and attack.holds and attack.tests
    for test in attack.tests:
        path, _, name = test.partition("::")
        assert Path(ROOT / path).is_file(), test
        assert name in functions_of(path), test


def test_the_page_is_current():
    assert PAGE.read_text() == page(attacks()), f"edit {SOURCE.name}, then run `make reference`"


@pytest.mark.parametrize(("title", "path", "table"), S3_TABLES, ids=[title for title, _, _ in S3_TABLES])
def test_every_table_of_the_s3_door_is_what_a_test_goes_through(title, path, table):
    assert variants(path, table)
    text = (ROOT / path).read_text()
    assert f", {table})\n" in text or f", {table}, ids=" in text, "no test has this table for its parameters"
