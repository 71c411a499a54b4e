"""Notices: a patient who wishes it hears by e-mail that data were used, and nothing else by that way.

An *address* is confirmed by a code before anything is sent to it; it is sealed to a key that only the worker holds, so that
the doors can keep it and not read it. A *wish* says how often: never, at once, once a day, once a week. The worker follows
the log by its *place*, counts what it finds for each account, and posts a message when it is due. Counting and the place
are one commit, and so are the message and the count that it empties: nothing is lost by a crash, and no entry is told twice.

A message says a number. It names no patient, hospital, project, reader or purpose, and tells an emergency from nothing else:
a mailbox is not a place for that. What is not protected says docs/explanation/notices.md.
"""
