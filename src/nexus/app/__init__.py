"""Assembly: settings, data directory, wiring, supervisor, worker, the `nexus` command. The only place that builds objects.

Promises:
- only `settings` reads the environment and `nexus.toml`; everybody else is handed what it needs;
- only `wiring` knows which implementation stands behind a port;
- a process that dies is started again; a platform that is killed starts again with nothing acknowledged lost;
- no secret reaches the disk in clear: keys travel between processes through pipes and memory.

Its words: the *supervisor* (`nexus up`) starts and watches the *processes* (`kms`, `s3`, `api`, `worker`); a *door* is a
process that listens to clients (`s3`, `api`); the *control socket* is how commands on this machine reach the supervisor.
"""
