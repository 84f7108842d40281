"""The hands: what a model can do to files, numbers and the shell, and the box that runs one call at a time.

A tool is a typed function; its name, docstring and annotations are the whole contract. `beneath.py` keeps file tools
inside the workspace, `sandbox/` keeps commands inside it, `output.py` keeps what comes back small.

Read first: declare.py
May import: core
"""
