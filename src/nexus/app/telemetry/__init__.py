"""How the platform shows that it is well: health of each process, metrics, traces.

- **health**: each process looks after the few things that it cannot work without and tells the supervisor every second, on
  the pipe of its handoff; a process that says nothing is not well. Doors answer `/-/live` and `/-/ready`.
- **metrics**: a closed catalogue. Each label has a closed list of values, so that no request can make a series, and no name of
  a person, a patient, a bucket or a key can appear.
- **traces**: off unless a collector is named. Processes keep finished spans in a bounded buffer; the supervisor alone sends them.

What is watched knows nothing of this room: it is given observers (`kernel.observing`), or none.
"""
