"""The two ways in which S3 writes a time: whole seconds, in HTTP's form and in XML's."""

from email.utils import formatdate
from functools import lru_cache
from time import gmtime, strftime

from nexus.kernel.clock import SECOND, Instant


def http_date(instant: Instant) -> str:
    """`Mon, 23 Nov 2026 04:18:01 GMT`."""
    return _http_date(instant // SECOND)


@lru_cache(maxsize=1_024)
def _http_date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)


def xml_time(instant: Instant) -> str:
    """`2026-11-23T04:18:01.000Z`: the seconds of `http_date`, so that listings and headers agree."""
    return strftime("%Y-%m-%dT%H:%M:%S.000Z", gmtime(instant // SECOND))
