"""The public catalogue: which datasets there are, said to everybody, and never anything of a patient.

Promises
  1. A dataset stands in the catalogue whole or not at all: what the profile HealthDCAT-AP demands is there, or publishing refuses and
     names what is missing.
  2. What is public was frozen when it was published: the withdrawal of one patient changes no number on a page.
  3. No count below eleven is shown, and every other one is rounded down to tens; the sum is the sum of what is shown.
  4. Who described a dataset does not publish it, and what is published is the description that was looked at.
  5. A release that is retired leaves the catalogue in the same commit.

Words
  dataset    what the catalogue names: an open release of a project, or the warehouse itself
  describe   say of a dataset what cannot be derived: its title, its categories
  record     what the catalogue says of a dataset, frozen (`record.Record`)

1. `describing`: what a steward says. `sources` in `ports`: what the platform knows.
2. `recording`: a record of both. `profile`: what a record must have; `graph`: it as RDF.
3. `turtle`, `jsonld`: how machines read it. `public`: what pages show, remembered for seconds.

docs/how-to/publish-a-dataset.md, docs/reference/catalogue.md.
"""
