"""Backups: made of a running platform, checked before they are restored, and honest about what a restore means.

Promises:
- a backup is as encrypted as the platform: it holds wrapped keys only, and is useless without passphrase or shares;
- it is consistent: every object that its database knows has its bytes and its keys in it;
- it never brings a destroyed key back: the register of anchors is outside every backup;
- a restored log that is shorter than what witnesses remember is found out; going on is an explicit act, and recorded.

Words: a *backup* is a directory with a *manifest*; a *restore* makes a new data directory from it; *accepting* a restore
begins a new *generation* of the audit log.
"""
