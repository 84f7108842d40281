"""The reasoning loop and what steers it: the only room that decides what happens next.

`loop.py` answers pending calls and asks the model again, until a reply ends the turn; `policies/` may refuse a call,
ask a person, advise the model or end the run; `context.py` turns a session into a request. Models, tools and the
store come in as the protocols of `core`.

Read first: loop.py
May import: core
"""
