"""Consent: what patients decided about their data, who may decide for them, and what follows for a read now.

Promises:

- Decisions are appended and never changed. A correction, a withdrawal, an objection is a row of its own that names what it
  is about; whoever replays the rows comes to the same answer.
- A denial wins. What is doubtful or unknown is refused for secondary use. The general objection (EHDS, article 71)
  beats every permission for secondary use, and is lifted only by who may decide.
- A ruling holds for one version of all decisions (`Rulings.version`), raised in the commit of each decision. Nobody may
  remember it longer.
- Who a subject is stands nowhere but in the reference of his own site, and that is kept sealed.

Words: a **subject** (`sub_…`) is a patient of one site, under an opaque name. A **decision** (`dec_…`) is one act: of its kinds,
*permissions* give and refuse (their **provisions**), a *withdrawal* takes a decision's permissions back, an *objection* and its *lifting*
are the general switch, a *correction* stands in place of what was recorded wrongly. A **holder** is an account that decides for a subject: as
himself, as guardian or as representative, until a date. A **question** is what a read asks; a **ruling** is the answer.
docs/explanation/consent.md
"""
