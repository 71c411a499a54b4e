"""Requirements that tests claim exist, and the page that lists them is true."""

import pytest
from traceability import PAGE, catalogue, citations, page


@pytest.fixture(scope="module")
def statements() -> dict[str, str]:
    found = catalogue()
    if not found:
        pytest.skip("the catalogue of requirements is not beside this checkout")
    return found


def test_every_cited_requirement_is_in_the_catalogue(statements: dict[str, str]):
    assert {requirement: tests for requirement, tests in citations().items() if requirement not in statements} == {}


def test_the_page_of_requirements_is_current(statements: dict[str, str]):
    assert PAGE.read_text() == page(statements, citations()), "run `make reference`"
