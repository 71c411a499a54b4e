"""Standard base 64, strictly: one text for each value, so that nothing can be altered without a change of value."""

import binascii
from base64 import b64decode, b64encode

from nexus.kernel.errors import Invalid


def strict_b64decode(text: str, what: str) -> bytes:
    """Decode RFC 4648 section 4 base 64. Raises Invalid on spaces, wrong padding or bits that are not zero."""
    try:
        value = b64decode(text.encode("ascii"), validate=True)
    except (UnicodeError, binascii.Error):
        value = None
    if value is None or b64encode(value).decode() != text:
        raise Invalid(f"the {what} is not canonical base 64", code="base64")
    return value
