"""The tables, as an ordered list of scripts: number N turns a file of version N - 1 into one of version N.

A released script is never edited; a change is a new one at the end, with a fixture of the version it makes.
"""

from __future__ import annotations

# The head stands apart from its session because SQLite rewrites a row whole, and `updated` changes with every entry.
# An output has no foreign key to a session: tools may be made before their session begins.
# A fork has handles of its own for the same outputs, so that forking does not copy them.
_SESSIONS_AND_OUTPUTS = """
CREATE TABLE session (
    id TEXT PRIMARY KEY,
    created REAL NOT NULL,
    updated REAL NOT NULL,
    title TEXT NOT NULL,
    workspace TEXT NOT NULL,
    model TEXT NOT NULL,
    parent TEXT REFERENCES session (id) ON DELETE SET NULL
) WITHOUT ROWID;
CREATE TABLE head (
    session_id TEXT PRIMARY KEY REFERENCES session (id) ON DELETE CASCADE,
    system TEXT NOT NULL,
    tools TEXT NOT NULL
);
CREATE TABLE entry (
    session_id TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    created REAL NOT NULL,
    PRIMARY KEY (session_id, seq)
) WITHOUT ROWID;
CREATE TABLE started (
    session_id TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    call_id TEXT NOT NULL,
    PRIMARY KEY (session_id, call_id)
) WITHOUT ROWID;
CREATE TABLE output (
    id INTEGER PRIMARY KEY,
    created REAL NOT NULL
);
CREATE TABLE output_handle (
    session_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    output_id INTEGER NOT NULL REFERENCES output (id),
    PRIMARY KEY (session_id, number)
) WITHOUT ROWID;
CREATE TABLE output_chunk (
    output_id INTEGER NOT NULL REFERENCES output (id) ON DELETE CASCADE,
    start INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (output_id, start)
) WITHOUT ROWID;
"""

# `kind` is empty for a run without a sandbox, `path` for all kinds but "path".
_PERMISSIONS = """
CREATE TABLE permission (
    number INTEGER PRIMARY KEY,
    workspace TEXT NOT NULL,
    tool TEXT NOT NULL,
    command TEXT NOT NULL,
    kind TEXT NOT NULL,
    path TEXT NOT NULL,
    allowed INTEGER NOT NULL,
    created REAL NOT NULL,
    UNIQUE (workspace, tool, command, kind, path)
);
"""

MIGRATIONS = (_SESSIONS_AND_OUTPUTS, _PERMISSIONS)
SCHEMA_VERSION = len(MIGRATIONS)
