"""What patients asked for and wait for, and what they decided and nobody could carry out yet."""

from nexus.app.doctor.finding import Finding, broken, degraded, real


def legal_clock(late: int, soon: int) -> Finding:
    """`late`: requests that nobody answered in time; `soon`: those that are due within a week."""
    answer = "`nexus consent request list --overdue`, `nexus consent request answer`"
    if late:
        return broken("requests of patients", f"{late} were not answered in time (GDPR, article 12)", answer)
    if soon:
        return degraded("requests of patients", f"{soon} are due within a week", "`nexus consent request list`")
    return real("requests of patients", "none is late")


def decisions(put_off: int) -> Finding:
    """`put_off`: decisions that were not carried to all that was derived from a patient's data. No read waits for that."""
    if put_off:
        return degraded(
            "decisions of patients",
            f"{put_off} wait to reach what was derived from their data",
            "see the messages of the worker: enable the key that hides it (`nexus kms key list`)",
        )
    return real("decisions of patients", "all have reached what was derived from their data")
