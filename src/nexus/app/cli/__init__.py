"""The command line: every operation of the platform as `nexus <service> <thing> <verb>`, and what needs this machine.

Promises: each operation has exactly one command, generated from its `OperationSpec`; `--json` works everywhere; an
exit code says what became of it (`exits.py`); an error is a sentence, a hint and an operation id, never a traceback; a
secret is printed once and kept nowhere but in the session file of its owner.

Its words: a *local* command needs this machine (`up`, `doctor`); an *operation* goes over TLS to the REST door.
"""
