"""The words every room speaks: messages, tool calls, sessions, events, errors, protocols.

Standard library only, no I/O. A name is admitted when at least two rooms need it.

Read first: types.py
May import: nothing
"""
