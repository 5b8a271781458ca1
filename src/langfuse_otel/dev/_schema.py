"""The tables of the SQLite file: `schema.sql`, and the index for texts, as far as SQLite has one."""

from __future__ import annotations

import sqlite3
from importlib.resources import files
from typing import Final

VERSION: Final = 1
"""Raised when a derived table changes or is filled in another way."""

_DERIVED: Final = ("traces", "tags", "calls", "texts")
# With three letters or more, LIKE is answered by the index; without it, by reading all texts.
_INDEXED_TEXTS: Final = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS texts"
    " USING fts5 (text, tokenize = 'trigram', detail = 'none')"
)
_PLAIN_TEXTS: Final = "CREATE TABLE IF NOT EXISTS texts (text TEXT NOT NULL)"


def prepare(connection: sqlite3.Connection) -> bool:
    """
    Take a connection, make the tables that are missing, tell whether the derived ones are empty.

    Raises:
        sqlite3.Error: The file is no database, or cannot be written.

    """
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    is_outdated: bool = connection.execute("PRAGMA user_version").fetchone()[0] != VERSION
    if is_outdated:
        for table in _DERIVED:
            connection.execute(f"DROP TABLE IF EXISTS {table}")
    connection.executescript((files(__package__) / "schema.sql").read_text("utf-8"))
    try:
        connection.execute(_INDEXED_TEXTS)
    except sqlite3.OperationalError:
        connection.execute(_PLAIN_TEXTS)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    return is_outdated
