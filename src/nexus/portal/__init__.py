"""The patient portal: who used my data, and what I decide about it. A door of its own, in French first.

Promises: it knows patients only, by a session of its own that no other door takes; it does nothing but a short list of
operations, each down the one path of `web.dispatch` under the door's name `portal`; every page works without script, on a
telephone, by keyboard and by screen reader; nothing is loaded from anywhere else; what it says is said in plain words.

Words: a *record* (dossier) is what one hospital holds of one patient: a subject that this account decides for, its own or a
child's; *access* is an entry of the audit log about it; *choice* is a decision about it. How requests are admitted says
`web.browser.door`.
"""
