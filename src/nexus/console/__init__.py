"""The console: the platform in a browser, in French and English, for keyboard and screen reader.

Promises: it does nothing that the API cannot, because each thing it does is an operation that goes down the same path
(`web.dispatch`) under the door's name `console`; it knows a person by a session cookie that no script can read and no
other site can use; every form proves that it came from a page of ours; nothing is loaded from anywhere else, and no page
holds a script or a style of its own; pages work without script.

Words: a *page* answers at a path (`page.py`); a *visit* is one request to a page, with who is signed in, in which
language (`visit.py`); a *menu* is the list of pages that everybody sees at the side; *texts* are what people read, each in
both languages (`language.py`). A page of its own is one file in `pages/` and one template in `templates/`.
"""
