"""A receipt on paper: one or two pages in French or English, with the receipt itself attached for whoever verifies it.

The fonts are those that every reader of PDF has; they know every letter of French. What they do not know is shown as `?`, and
stands unchanged in the attachment.
"""

from datetime import UTC, datetime
from typing import Final

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from nexus.consent.model import Decision, Effect, Period, Provision
from nexus.consent.receipt_record import Circumstances
from nexus.consent.receipt_texts import KINDS, TEXTS, said
from nexus.kernel.clock import SECOND, Instant

FONT: Final = "Helvetica"
MARGIN_MM: Final = 20
LINE_MM: Final = 6


def printed(decision: Decision, circumstances: Circumstances, attachment: str, file: bytes) -> bytes:
    """The PDF. Equal receipts give equal pages."""
    language = circumstances.language
    pdf = FPDF()
    pdf.set_margins(MARGIN_MM, MARGIN_MM)
    pdf.set_auto_page_break(True, MARGIN_MM)
    pdf.set_creation_date(datetime.fromtimestamp(decision.recorded_at // SECOND, UTC))
    pdf.set_lang(language)
    pdf.set_title(_shown(TEXTS["title"][language]))
    pdf.add_page()
    _line(pdf, TEXTS["title"][language], size=18, bold=True)
    _line(pdf, KINDS[decision.kind][language], size=13)
    pdf.ln(LINE_MM / 2)
    for name, value in _facts(decision, circumstances):
        _pair(pdf, TEXTS[name][language], value)
    for provision in decision.provisions:
        pdf.ln(LINE_MM / 2)
        for name, value in _provision(provision, language):
            _pair(pdf, TEXTS[name][language], value)
    pdf.ln(LINE_MM)
    for name in ("withdraw", "verify"):
        _line(pdf, TEXTS[name][language], size=10)
    pdf.embed_file(basename=attachment, bytes=file, mime_type="application/json", compress=True)
    return bytes(pdf.output())


def _facts(decision: Decision, circumstances: Circumstances) -> list[tuple[str, str]]:
    language = circumstances.language
    facts = [
        ("site", circumstances.site),
        ("subject", decision.subject),
        ("decision", decision.id),
        ("capacity", said(decision.capacity.value, language)),
        ("recorded", _moment(decision.recorded_at)),
    ]
    if decision.decided_at != decision.recorded_at:
        facts.append(("decided", _moment(decision.decided_at)))
    if decision.about:
        facts.append(("about", ", ".join(decision.about)))
    facts.append(("digest", decision.digest()))
    return facts


def _provision(provision: Provision, language: str) -> list[tuple[str, str]]:
    effect = "permitted" if provision.effect is Effect.PERMIT else "refused"
    facts = [
        (effect, ", ".join(said(purpose.value, language) for purpose in provision.purposes)),
        ("projects", ", ".join(provision.projects)),
        ("recipients", ", ".join((*provision.sites, *provision.persons))),
        ("categories", ", ".join(said(each.value, language) for each in provision.categories)),
        ("sensitivity", ", ".join(said(each.value, language) for each in provision.sensitivities)),
        ("sources", ", ".join(provision.sources)),
        ("references", ", ".join(provision.references)),
        ("collected", _period(provision.collected)),
        ("valid", _period(provision.valid)),
        ("emergency", TEXTS["yes"][language] if provision.emergency else ""),
    ]
    return [(name, value) for name, value in facts if value]


def _period(period: Period) -> str:
    if period.start is None and period.end is None:
        return ""
    return f"{_moment(period.start) if period.start else '...'} - {_moment(period.end) if period.end else '...'}"


def _moment(at: Instant) -> str:
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _line(pdf: FPDF, text: str, *, size: int, bold: bool = False) -> None:
    pdf.set_font(FONT, "B" if bold else "", size)
    pdf.multi_cell(0, LINE_MM * size / 11, _shown(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _pair(pdf: FPDF, name: str, value: str) -> None:
    pdf.set_font(FONT, "B", 10)
    pdf.cell(45, LINE_MM, _shown(name), new_x=XPos.RIGHT, new_y=YPos.TOP)
    pdf.set_font(FONT, "", 10)
    pdf.multi_cell(0, LINE_MM, _shown(value), new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _shown(text: str) -> str:
    """What the fonts can show: Latin-1."""
    return text.encode("latin-1", "replace").decode("latin-1")
