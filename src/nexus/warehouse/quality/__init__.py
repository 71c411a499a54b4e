"""The quality gate: 27 kinds of checks by OHDSI's DataQualityDashboard, a batch for each table instead of a query for each.

1. Tables and fields are there (`cdm`).
2. Each table is read once for all counts of its rows (`rows`), once for each field that refers elsewhere (`references`),
   and once for counts by concept (`concepts`); counts over persons have statements of their own (`persons`).
3. Counts become results (`gate`): a check without anything to look at is not applicable, never passed.
4. Results are kept, compared with the run before (`results`), and shown (`report`).
"""
