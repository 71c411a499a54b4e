"""Pseudonyms for a project, in lists of any length: what builds data for projects calls this, and nothing else of here.

    other = await Transferring(second).to_domain(op, ["NXP1-EMC2-01-…", …], "PRJA")   # ["NXP1-PRJA-01-…", …]

Each answer stands in the place of what it was asked for. Who calls sees two lists of pseudonyms and neither link nor
identity; whoever is given the second list cannot join it with the first, nor with that of another project.
"""

from collections.abc import Sequence

from nexus.kernel.operation import Operation
from nexus.pseudonyms.messages import MAX_BATCH, Transfer
from nexus.pseudonyms.ports import Transfers


class Transferring:
    """Transfers between domains, over the second level (`wire.Remote`, or the service in this process)."""

    def __init__(self, second: Transfers, *, batch: int = MAX_BATCH) -> None:
        """`batch`: pseudonyms in one call."""
        self._second = second
        self._batch = batch

    async def to_domain(self, op: Operation, pseudonyms: Sequence[str], domain: str) -> list[str]:
        """The pseudonyms in `domain` of those who have these, in order; repetitions are answered alike.

        Raises NotFound if there is no such domain, or if a pseudonym is in no ledger; Invalid if the pseudonyms are of
        several domains or epochs, of `domain` itself, or none; Conflict on a collision. What was transferred before the
        error stays in the ledger: asked again, it is the same.
        """
        distinct = list(dict.fromkeys(pseudonyms))
        made: dict[str, str] = {}
        for start in range(0, len(distinct), self._batch):
            batch = tuple(distinct[start : start + self._batch])
            answer = await self._second.transfer(op, Transfer(domain, batch))
            made.update(zip(batch, answer.pseudonyms, strict=True))
        return [made[one] for one in pseudonyms]
