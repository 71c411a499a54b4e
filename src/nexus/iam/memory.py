"""Bounded memory: keep what was stored last."""

from collections import OrderedDict
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


def remember(memory: OrderedDict[K, V], key: K, value: V, limit: int) -> None:
    """Store a value and forget the oldest ones beyond `limit`."""
    memory.pop(key, None)
    memory[key] = value
    while len(memory) > limit:
        memory.popitem(last=False)
