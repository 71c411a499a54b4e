"""The warehouse: from extracts to releases in the OMOP common data model.

What stands: intake (`intake`), from a delivery in a bucket to its receipt; conversion of sources to the CDM (`omop`);
the quality gate (`quality`), over any CDM 5.4 in Parquet; a generator of extracts with a known truth (`generator`);
linkage of the records of one person (`linkage`); who is in a study, and matched controls (`cohorts`); what a
project reads, frozen and signed (`releases`), in buckets of their own.

Words
  CDM      OMOP common data model, version 5.4: one Parquet file, or a folder of them, for each table
  check    one thing that is counted of one table, field or concept, with the share that may violate it
  gate     what lets a release through, or stops it
"""
