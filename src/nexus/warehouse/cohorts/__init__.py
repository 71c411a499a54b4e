"""Cohorts: who is in a study, from a small file of criteria, and controls that resemble them.

1. A definition is a TOML file (`definition`): an index event, what must and must not be true around it, how controls are
   matched. What it cannot mean is refused with the place in the file.
2. Criteria become SQL over the CDM (`events`, `criteria`) and are applied one by one; each step says how many persons are left
   (`selecting`).
3. Controls are drawn from a pool without reuse, by exact criteria and callipers, seeded: the same seed gives the same
   controls, whatever the order of rows (`matching`, `pools`).
4. How alike cases and controls are is measured before and after (`balance`) and drawn (`drawing`).
5. What leaves as a report holds no count of one to ten persons, nor a way to compute one (`masking`, `findings`, `report`).

Words
  index event  what makes a person enter; its day is the index date
  window       days relative to the index date, both ends included; 0 is the index date itself
  washout      days before the index date in which the person is observed and has no such event
  attrition    how many persons each step leaves
  calliper     the most by which a control may differ from its case
  pool         persons who could be controls
"""
