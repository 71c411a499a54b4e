"""A browser and a platform for the stories of the console; pictures for the documentation where they are asked for."""

from pathlib import Path

import pytest

from simulators.chromium import chromium

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "images" / "console"


def pytest_addoption(parser):
    parser.addoption("--pictures", action="store_true", help="write the pictures of docs/images/console again")


@pytest.fixture(scope="module")
def browser():
    """For one file only: while it is there, its event loop runs, and tests of coroutines elsewhere could not."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def picture(request):
    """`picture(page, name)`: keeps a picture of the page for the documentation, where `--pictures` was given."""

    def take(page, name):
        if request.config.getoption("--pictures"):
            PICTURES.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")

    return take
