"""Templates of a door for browsers: every value escaped, a name that does not exist an error."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from nexus.web.browser.assets import Assets


def environment(folder: Path, assets: Assets) -> Environment:
    """The templates in a folder; they find files by `asset(name)`."""
    made = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals.update(asset=assets.path_of)
    return made
