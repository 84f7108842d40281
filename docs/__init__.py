"""The documentation, and the program that writes its generated pages from the code.

Read first: index.md
May import: boot, core, servr
"""
