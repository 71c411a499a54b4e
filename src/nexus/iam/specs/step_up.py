"""Step-up: a fresh factor for exactly one content."""

from nexus.iam.requests.step_up import BeginStepUp, ProveStepUp, StepUpChallenge, StepUpProof
from nexus.iam.specs.spec import spec
from nexus.kernel.operation import OperationSpec

OPERATIONS: tuple[OperationSpec, ...] = (
    spec(
        "iam.step-up.begin",
        "POST /v1/step-ups/begin",
        "Ask how a fresh factor may be proved for a content",
        BeginStepUp,
        StepUpChallenge,
        lambda service, op, request: service.step_ups.begin(op, request),
        action="iam.step-up.prove",
    ),
    spec(
        "iam.step-up.prove",
        "POST /v1/step-ups",
        "Prove a fresh factor for a content; the proof serves once, for two minutes",
        ProveStepUp,
        StepUpProof,
        lambda service, op, request: service.step_ups.prove(op, request),
        secret_result=True,
    ),
)
