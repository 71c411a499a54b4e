"""Releases: what a project reads, frozen: files that never change, named by their content, and a signed manifest of them.

Promises
  1. What the permit names is there and nothing else: its tables, its columns, its period, its cohort. What no permit can give (keys
     that cannot be made anew, direct identifiers) is refused by name.
  2. Whoever refuses the use is in no file, and nothing is built of data that the quality gate stops.
  3. Nothing in it joins with another project's: persons by pseudonyms of the project's domain, every key of a record made anew
     from them.
  4. The same data under the same permit are the same bytes, whatever the order of rows.
  5. A withdrawal is a new release in which only the files of that person's bucket differ; the others are the same files.
  6. On the platform it is read by the project's members while the project is ready, by nobody from the withdrawal of somebody whom it holds
     until it is written anew without him, and by nobody at all once it is retired.
  7. Anybody can check a release offline: manifest, signature, every file, every row count, every schema (`verifying`).

Words
  bucket   here: a share of a release's persons, by a hash of their pseudonyms. Each table has one file for each bucket
  part     a file: one bucket of one table; a table about nobody (vocabulary) has one part
  parent   the release that this one follows

1. `columns`: what becomes of each column that a permit names, or why it cannot be given.
2. `people`: who is in it, under which pseudonym, in which bucket.
3. `building`: parts, from a CDM; `withdrawing`: parts, from a release, without somebody.
4. `manifest`: what was made, in canonical form, signed; `comparing`: what differs between two.
5. `risk`: how few share what could point at them, before it leaves.

6. `service`, `operations`: what people ask for at the doors, which never load the engine.
7. `working`: the worker builds (`crafting`, on a thread) and stores (`keeping`); `following`: a withdrawal reaches what was built.

docs/formats/release.md, docs/explanation/releases.md.
"""
