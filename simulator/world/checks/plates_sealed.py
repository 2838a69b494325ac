"""plates-sealed: no plate of anybody with a trip to make stands in clear in any store, log line, topic or message."""

from collections.abc import Iterator
from pathlib import Path

from simulator.in_clear import PlatesInClear
from simulator.world.checks.scene import Finding, Scene

NAME = "plates-sealed"


def check(scene: Scene) -> Iterator[Finding]:
    plates = PlatesInClear(plate.open for plate in (*scene.seen.plates, *scene.plates.values()))
    for path in _files(scene):
        at = plates.found(path.read_bytes())
        if at is not None:
            yield Finding(NAME, path.name, f"a plate stands in clear at byte {at}")


def _files(scene: Scene) -> Iterator[Path]:
    for store in scene.stores:
        yield from sorted(store.path.parent.glob(f"{store.path.name}*"))
    yield from (path for path in (scene.seen.log, scene.seen.wire) if path is not None)
