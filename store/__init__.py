"""What is remembered: every session and every long tool output, in one SQLite file that survives kill -9.

`database.py` opens and migrates the file, `schema.py` holds its tables, `outputs.py` the long outputs, `lock.py` sees
to it that one process writes a session. Everything that goes wrong on the way is a `StoreError` (`faults.py`).

Read first: journal.py
May import: core
"""
