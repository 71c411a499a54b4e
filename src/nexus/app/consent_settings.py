"""Settings of consent: what the law of a country leaves open. (One chain of parts: records of msgspec have one parent.)"""

from typing import Annotated

from msgspec import Meta

from nexus.app.mail_settings import MailSettings
from nexus.app.setting import doc
from nexus.consent.ages import Ages
from nexus.consent.model import LegalBasis
from nexus.consent.rules import Bases
from nexus.iam.model import SECONDARY_USE
from nexus.kernel.errors import Invalid

Word = Annotated[str, Meta(max_length=64)]


class ConsentSettings(MailSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who decides, and what a use rests on that is no project."""

    consent_majority: Annotated[int, doc("Age from which patients decide alone.", "years", ge=16, le=21)] = 18
    consent_voice: Annotated[
        int,
        doc("Age from which minors have an account of their own, to refuse and to object.", "years", ge=12, le=21),
    ] = 15
    consent_public_interest: Annotated[
        tuple[Word, ...],
        doc(
            "Purposes of secondary use outside of projects that rest on public interest: allowed unless the patient"
            " objected. All others need her permission. Projects say themselves what they rest on."
        ),
    ] = ()

    consent_notice_url: Annotated[
        str,
        doc("Address (https) of the privacy notice, named in receipts. Empty: none.", pattern="^(https://.+)?$"),
    ] = ""

    def ages(self) -> Ages:
        """Ages that count. Raises Invalid where they do not fit together."""
        if self.consent_voice > self.consent_majority:
            raise Invalid("consent_voice comes after consent_majority", code="settings.consent")
        return Ages(self.consent_majority, self.consent_voice)

    def bases(self) -> Bases:
        """Legal bases outside of projects. Raises Invalid on a purpose that is not of secondary use."""
        known = {purpose.value for purpose in SECONDARY_USE}
        if unknown := set(self.consent_public_interest) - known:
            raise Invalid(
                f"consent_public_interest names no secondary use: {', '.join(sorted(unknown))}",
                code="settings.consent",
                hint=", ".join(sorted(known)),
            )
        return Bases(by_purpose=dict.fromkeys(self.consent_public_interest, LegalBasis.PUBLIC_INTEREST))
