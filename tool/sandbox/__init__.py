"""The walls around what a model wrote: where commands run so that they cannot reach what is not theirs.

Read first: bubblewrap.py
May import: core
"""
