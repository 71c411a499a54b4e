"""Doors and worker are forked from one process that has imported what they share, so that they share its memory.

The *fork server* is started by the supervisor as any other process is (exec), imports, and then does one thing: on request it
forks, hands the new process its two pipes, and says its number. It never has a handoff, a secret, a database, a thread or a
client. What it forks lives as if it had been started by exec.

Promises:
- a process that it forked is a child of the supervisor's, which alone waits for it: the end of the fork server ends nobody else;
- where it cannot fork, the process is started by exec, and the journal says so;
- a process that ended by a fault of its memory is started again from another fork server, with another layout of its memory.

`docs/decisions/0032-doors-are-forked-from-one-parent.md` says why, and who is not forked.
"""
