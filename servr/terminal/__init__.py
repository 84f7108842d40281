"""The terminal door: the chat, and one file per group of commands.

`main.py` holds the command names with their one-line help, so that `--help` loads none of them; a command's file is
imported when it is called. `draw.py` turns events into lines.

Read first: main.py
May import: core, boot
"""
