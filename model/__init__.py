"""Model profiles, as data: what a family of models wants of its client, and the GGUF files to try.

No code lives here; the clients are in `gate/`, the data types in `core/types.py`. A GGUF file put into this folder is
yours and stays out of git.

Read first: README.md
May import: nothing
"""
