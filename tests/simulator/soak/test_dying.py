"""A process that dies at its own boundary has done everything before it, and nothing after it."""

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

STORING = """
import os, sys
from pathlib import Path
from cloud_sync.link.store import Store
from simulator.soak.dying import ARM, Boundary, die_at

die_at(Boundary.AFTER_STORE, int(sys.argv[2]))
store = Store(Path(sys.argv[1]))
with store.transaction():
    store.connection.execute("CREATE TABLE done (number INTEGER)")
os.kill(os.getpid(), ARM)
for number in range(1, 6):
    with store.transaction():
        with store.transaction():
            store.connection.execute("INSERT INTO done VALUES (?)", (number,))
"""


@pytest.mark.parametrize("count", [1, 3])
def test_it_dies_after_the_commit_that_was_named(tmp_path: Path, count: int) -> None:
    path = tmp_path / "unit.db"
    done = subprocess.run([sys.executable, "-c", STORING, str(path), str(count)], check=False)
    assert done.returncode == -signal.SIGKILL
    with sqlite3.connect(path) as left:
        assert left.execute("SELECT count(*) FROM done").fetchone() == (count,)
