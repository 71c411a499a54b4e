"""The page that says which lines of OWASP ASVS 5.0 are held, and by which tests, is true."""

from pathlib import Path

import pytest
from asvs import CHAPTERS, PAGE, SOURCE, functions_of, lines, page
from project_tree import ROOT

COUNT = {"6": 47, "7": 19, "8": 13, "9": 7, "10": 36}
"""Lines of each chapter in ASVS 5.0.0: none may be left out."""


def test_every_line_of_the_chapters_is_there_once():
    numbers = [line.number for line in lines()]
    assert len(numbers) == len(set(numbers))
    assert {chapter: sum(n.split(".")[0] == chapter for n in numbers) for chapter in CHAPTERS} == COUNT


@pytest.mark.parametrize("line", lines(), ids=lambda line: line.number)
def test_a_line_says_in_one_way_how_it_stands(line):
    assert (
        sum(map(bool, (line.held, line.because, line.open, line.outside))) == 1 and line.says and 1 <= line.level <= 3
    )


@pytest.mark.parametrize("line", [line for line in lines() if line.held], ids=lambda line: line.number)
def test_the_tests_that_a_line_names_exist(line):
    for test in line.held:
        path, _, name = test.partition("::")
        assert Path(ROOT / path).is_file(), test
        assert name in functions_of(path), test


def test_the_page_is_current():
    assert PAGE.read_text() == page(lines()), f"edit {SOURCE.name}, then run `make reference`"
