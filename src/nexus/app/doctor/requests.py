"""What patients asked for and wait for: the law gives a month."""

from nexus.app.doctor.finding import Finding, broken, degraded, real


def legal_clock(late: int, soon: int) -> Finding:
    """`late`: requests that nobody answered in time; `soon`: those that are due within a week."""
    answer = "`nexus consent request list --overdue`, `nexus consent request answer`"
    if late:
        return broken("requests of patients", f"{late} were not answered in time (GDPR, article 12)", answer)
    if soon:
        return degraded("requests of patients", f"{soon} are due within a week", "`nexus consent request list`")
    return real("requests of patients", "none is late")
