"""Which benches there are, and where each of them happens."""

import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from domain.errors import OperatorError
from simulator.bench.codes import codes
from simulator.bench.figure import Figure
from simulator.bench.gate import gate
from simulator.bench.holds import holds
from simulator.bench.plates import plates
from simulator.bench.replica import replica

Bench = Callable[[Path, Callable[[str], None]], Coroutine[Any, Any, list[Figure]]]

BENCHES: dict[str, Bench] = {"gate": gate, "holds": holds, "replica": replica, "plates": plates, "codes": codes}
"""Each measures in an empty folder, and says how it gets on."""


@contextmanager
def place(folder: Path) -> Iterator[Path]:
    """An empty folder in `folder`, gone afterwards. Raises OperatorError where none can be made."""
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        made = tempfile.TemporaryDirectory(prefix="bench-", dir=folder.resolve())
    except OSError as error:
        raise OperatorError("dir_unusable", f"nothing can be made in {folder}: {error.strerror}; try --dir") from error
    with made as name:
        empty = Path(name)
        empty.chmod(0o711)  # PostgreSQL may run as somebody else, in a folder of its own
        yield empty
    if is_new:
        folder.rmdir()
