"""The bastion: the one administrative way into the machine, over SSH, for one person and one elevation at a time.

Promises:

- Who enters holds a certificate of five minutes, made for her signed-in session and her network address, used once. The
  gate is asked again at the door, and twice a second while the shell is open.
- Nothing runs before the log has its entry, and never more than one chunk (a second, 64 KiB) is ahead of the log.
- What happened can be replayed and proved: each chunk of a recording is sealed, chained by hashes, and named in the log.
- A second person may watch, and cut.

Words: a **session** (`bas_…`) is one shell or one command from its opening to its end; its **recording** is what went
over its terminal (asciicast v3), in sealed **chunks**; the **sign-in** is the session of identity that it came from.
"""
