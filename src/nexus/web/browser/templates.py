"""Templates of a door for browsers: every value escaped, a name that does not exist an error."""

from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from nexus.web.browser.assets import Assets

PIECES: Final = Path(__file__).parent / "pieces"


def environment(folder: Path, assets: Assets) -> Environment:
    """The templates in a folder, and the pieces that doors share; they find files by `asset(name)`."""
    made = Environment(
        loader=FileSystemLoader([folder, PIECES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals.update(asset=assets.path_of)
    return made
