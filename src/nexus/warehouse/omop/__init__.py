"""Conversion of sources to the OMOP common data model 5.4: mappings in Ibis, run by DuckDB and, as a trial, by Spark.

1. Files of a source become staged Parquet: every column text, every row with its file and line (`staging`).
2. Each mapping of the source reads one staged table, a piece at a time: it gives columns of one CDM table (`Direct`), or
   coded events that go to the table of their concept's domain (`Coded`, `events`); what cannot be used says why (`problems`).
3. Rows go to the CDM, their file and line to provenance, unusable ones to quarantine (`piece`), and are counted (`accounts`).
4. Eras and observation periods are made of what was written (`eras`, `periods`); missing tables are written empty.
5. Keys are looked at: one that stands twice is a duplicate, or a collision that stops everything (`uniqueness`).
What engines run is made once for each source and version of the code, and kept for refreshes (`statements`).

Words
  source      a kind of extract: its tables, its mappings (`sources/`, one file each; `registry` lists them)
  driver      the staged table whose rows a mapping turns into records, one by one
  piece       so many rows of a driver as are converted at once: what is repeated after an interruption
  key         the id of a record: a keyed hash of what the source calls it, the same in each delivery (`keys`)
  code map    what vocabulary and code of a source mean: its concept, the standard concept, the domain (`vocabulary`)
  local       a concept of a list that OMOP does not carry, with an id above 2,000,000,000
  coverage    the share of codes and of records that a standard concept stands for
"""
