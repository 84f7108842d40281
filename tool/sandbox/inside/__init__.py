"""What runs inside the sandbox: it raises the inner walls, starts commands and keeps Python warm.

Standard library only, and nothing of ours but this folder: the rest of the program cannot be seen from in there. A file
that is started by its path finds the others as `tool.sandbox.inside`.

Read first: walls.py
May import: nothing
"""
