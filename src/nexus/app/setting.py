"""What a single setting is described with; `settings.py` and its parts are made of these."""

from typing import Annotated, Any

from msgspec import Meta

Port = Annotated[int, Meta(ge=0, le=65_535)]
Folder = Annotated[str, Meta(pattern="^/")]
"""An absolute path: processes run in the root directory."""
OPTIONAL_FILE = "^(/.*)?$"
"""An absolute path, or none."""


def doc(text: str, unit: str = "", **limits: Any) -> Meta:
    """What a setting does, in which unit, within which limits (those of msgspec's `Meta`)."""
    return Meta(description=text, extra={"unit": unit}, **limits)
