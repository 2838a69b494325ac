"""plates-sealed: no plate of a car that drove stands in clear in any store, log line, topic or message."""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from simulator.world.checks.scene import Finding, Scene

NAME = "plates-sealed"

SHORT_PLATE = 6
"""Shorter plates turn up by chance inside longer random text; they are looked for as words of their own."""


_WORD = re.compile(rb"[A-Za-z0-9\x80-\xff]{2,}")
"""Plates are of these: what stands between them is in no plate."""


def check(scene: Scene) -> Iterator[Finding]:
    plates = {plate.open for plate in scene.plates.values()}
    if not plates:
        return
    pattern = in_clear(plates)
    for path in _files(scene):
        stands = path.read_bytes()
        found = pattern.search(b" ".join(set(_WORD.findall(stands))))  # most words stand there many times
        if found is not None:
            yield Finding(NAME, path.name, f"a plate stands in clear at byte {stands.find(found[0])}")


def in_clear(plates: Iterable[str]) -> re.Pattern[bytes]:
    """What finds any of these plates; written as a tree, since that is quick for thousands of them."""
    plates = list(plates)
    whole = sorted(plate for plate in plates if len(plate) >= SHORT_PLATE)
    words = sorted(plate for plate in plates if len(plate) < SHORT_PLATE)
    parts = [_tree(whole)] if whole else []
    if words:
        parts.append(f"(?<![A-Za-z0-9]){_tree(words)}(?![A-Za-z0-9])")
    return re.compile("|".join(parts).encode())


def _tree(words: list[str]) -> str:
    """A pattern for sorted words that shares their beginnings."""
    if words == [""]:
        return ""
    branches = [re.escape(first) + _tree([word[1:] for word in group])
                for first, group in groupby((word for word in words if word), key=lambda word: word[0])]  # fmt: skip
    return f"(?:{'|'.join(branches)})" + ("?" if "" in words else "")


def _files(scene: Scene) -> Iterator[Path]:
    for store in scene.stores:
        yield from sorted(store.path.parent.glob(f"{store.path.name}*"))
    yield from (path for path in (scene.seen.log, scene.seen.wire) if path is not None)
