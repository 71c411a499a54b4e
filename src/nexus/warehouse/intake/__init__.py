"""Intake: a site delivers an extract, and gets a signed receipt for all of it or a precise refusal of all of it.

Promises
  1. Whole or not at all: a delivery is accepted in one commit that names the exact versions of its files. Until then nobody
     reads it as an extract; whatever breaks before leaves a delivery that is checked again from its beginning.
  2. What was agreed is what comes in: files, checksums, encodings, separators, columns, types, row counts, age.
  3. Clear identifiers stand in declared columns or nowhere: a scanner looks at all others, and one finding refuses the whole
     (what it does not find is written in docs/explanation/intake.md).
  4. A report names file, line, column and kind, never a value.
  5. Delivering the same again changes nothing. A refused delivery is delivered again under its number.
  6. Memory is bounded whatever the size of a file, and nothing is written to a disk in clear.

Words
  provider    an organisation that delivers, from one ingress bucket of its own, by people and machines with the role
              data_provider in that bucket or its site
  agreement   what was agreed with it about form: tables, columns, types, declared identifiers, age
  delivery    one extract: files and a manifest, under a number
  changes     a delivery of what is new, corrected or removed since the accepted one that it follows; one chain, no gap and no fork
  manifest    what the provider says that the delivery holds; it is written last, so that it says that all is there
  fault       what refuses a delivery
  finding     clear identifiers where none may be: a fault of its own kind
  flag        rows that can be read and not used (a broken date, a birth after death): counted, and quarantined when mapped

docs/formats/delivery.md has the manifest, the report and the receipt.
"""
