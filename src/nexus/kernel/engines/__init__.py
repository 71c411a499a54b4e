"""What databases run on: SQLite (a file beside the process) or PostgreSQL (a server that several machines share).

Both keep what `nexus.kernel.database` promises. The SQL of services is written once, in a dialect that both take:
SQLite's, without what PostgreSQL has no word for. `dialect` turns it into PostgreSQL's, and refuses what it does not know.

Words: an *engine* is one of the two, opened on one database; its *writer* is the one connection of a process that changes
anything; a *reader* is a connection that never does.
"""
