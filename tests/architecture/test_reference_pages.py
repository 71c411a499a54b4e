"""The reference says what the code does, because it is written from the code. AP-26."""

import pytest
from project_tree import ROOT
from reference_pages import pages

from nexus.kernel import errors
from nexus.web.problem import TYPE_BASE

PAGES = pages()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_page_is_current(path):
    assert path.exists() and path.read_text() == PAGES[path], "run `make reference`"


def test_every_kind_of_error_is_explained_where_its_problem_type_points():
    page = (ROOT / TYPE_BASE.lstrip("/")).with_suffix(".md").read_text()
    kinds = {
        kind.kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.NexusError)
    }
    assert {kind for kind in kinds if f"\n## {kind}\n" not in page} == set()
