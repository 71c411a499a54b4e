"""A witness: remembers the newest checkpoint of each log that it knows, and cosigns only what grows out of it.

It is a program of its own, run by somebody else than the log's operator, with a database of its own. Promises:

  1. It never cosigns two histories of a log, nor an older one after a newer one.
  2. What it has cosigned is on disk before the answer leaves.
  3. It answers by the C2SP tlog-witness protocol, so that any log can use it and any witness can be used instead.
"""
