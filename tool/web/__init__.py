"""The web as a tool meets it: an address that is vetted, a request that reaches only that address, a page made readable.

A URL is parsed once (`target.py`), every address of its host is vetted (`addresses.py`), the request goes to a vetted
address itself (`request.py`), and what comes back is unpacked within limits (`body.py`) and turned into text (`page.py`).

Read first: request.py
May import: core
"""
