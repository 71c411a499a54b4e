"""Linkage: which records of which sources are one person.

Promises
  1. On doubt nothing is merged: what may be one person and may be two is listed for a person to judge (`Review`).
  2. Two people are never merged whose own numbers differ, nor two twins whose ranks differ (`merging`).
  3. The same records give the same links, whatever their order and the number of threads.
  4. What it writes holds no name, no date and no number: sources, local numbers, probabilities, rules.

Three ways, in this order: by the NIR, where it agrees with what the record says of its person; by traits at birth, with
the rank among twins; by probability (`splink`), where there is no number to go by. How alike two records of one person
are is learned from the pairs that a NIR proves, so a site needs no truth to be measured against.

docs/explanation/linkage.md says what that does not protect against, and how good it is on a known truth.
"""
