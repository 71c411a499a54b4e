"""What every door for browsers does alike: admission of a request, cookies, forms, languages, calls of operations.

Promises: a session cookie that no script reads and no other site can use; every form proves that it came from a page of
ours; a page performs operations only, each down the one path of `web.dispatch`, and only those that it declares.

Words: a *page* answers at a path (`page.py`); a *visit* is one request to a page, with who is signed in (`visit.py`); a
*door* admits requests and turns them into visits (`door.py`). How pages look and what they say is each door's own.
"""
