"""A disk that takes what is written, and whose file is damaged where nobody has looked yet."""

from pathlib import Path

import pytest

from cloud_sync.link.store import Store
from domain.errors import OperatorError
from gate_firmware.spare import tried
from tests.gate_firmware.gate import Gate
from tests.gate_firmware.test_spare import at, tell
from tests.parts import ENTRY


def test_waits_for_one_of_which_nothing_is_damaged(entry: Gate) -> None:
    """In an index that no start reads: only a look at the whole file finds it."""
    tell(entry.journal, 400)
    sql = entry.store.connection
    root = sql.execute("SELECT rootpage FROM sqlite_master WHERE name = 'rights_by_window'").fetchone()[0]
    size = sql.execute("PRAGMA page_size").fetchone()[0]
    entry.close()
    path: Path = at(entry)
    with path.open("r+b") as file:
        file.seek((root - 1) * size + 3)
        file.write(b"\x00\x63")  # so many entries are said to be on a page that has none
    with pytest.raises(OperatorError, match="damaged"):
        tried(path, ENTRY)
    Store(path).close()
