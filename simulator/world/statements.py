"""What SQLAlchemy makes of central's statements, kept for all of its lives in this process.

It keeps that for each engine, and each life of central opens an engine of its own: a world in which central dies now
and then would spend a tenth of its time on making the same SQL again.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import sqlalchemy
from sqlalchemy import Engine

from cloud_sync.central import database

OPENS = "create_engine"


@contextmanager
def compiled_once() -> Iterator[None]:
    """Have central's engines for SQLite share their statements while this lasts. It is the text of SQL that they share,
    never a connection or a value."""
    create_engine: Callable[..., Engine] = vars(database)[OPENS]

    def create_sharing(url: Any, **options: Any) -> Engine:
        engine = create_engine(url, **options)
        if engine.dialect.name == "sqlite":
            # A statement is found again by its dialect, of which each engine otherwise has one of its own.
            engine.dialect, engine._compiled_cache = _first().dialect, _first()._compiled_cache
        return engine

    vars(database)[OPENS] = create_sharing
    try:
        yield
    finally:
        vars(database)[OPENS] = create_engine


@cache
def _first() -> Engine:
    """Whose statements they share: its dialect has seen SQLite."""
    engine = sqlalchemy.create_engine("sqlite://")
    engine.connect().close()
    engine.dispose()
    return engine
