"""Many more streets than the tests play, and the stories of those in which something was wrong:

python -m tests.gate_firmware.street_of_cars 0..5000 entry
python -m tests.gate_firmware.street_of_cars 0..5000 exit --kind outages
"""

import argparse
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from cloud_sync.link.v1.facts import Direction
from hardware.wiring import BarrierWiring
from tests.gate_firmware.gate import BARRIER, Gate
from tests.gate_firmware.street import Street
from tests.gate_firmware.street_must_hold import MustHold, Seen
from tests.gate_firmware.street_plan import Kind, drawn
from tests.gate_firmware.street_story import Story

IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  a folder of its own is made there
"""Where the stores lie: no street is about a disk, and tens of thousands of commits would wait for it."""


def played(seed: int, direction: Direction, kind: Kind) -> tuple[Seen, list[str]]:
    """The street of a seed: what was seen there, and its story in readable lines."""
    plan, barrier = drawn(seed, direction, kind), BARRIER
    if plan.closes_after_ms is not None:
        barrier = BarrierWiring(kind="single-pulse", closes_after_ms=plan.closes_after_ms)
    with TemporaryDirectory(dir=IN_MEMORY) as folder, closing(Gate(Path(folder), direction, barrier)) as gate:
        story = Story()
        return Street(plan, gate, story).play(), story.lines


def main() -> None:
    """Play the streets of many seeds; the story of each in which something did not hold. Exit status 1 where one is."""
    parser = argparse.ArgumentParser(prog="python -m tests.gate_firmware.street_of_cars", description=main.__doc__)
    parser.add_argument("seeds", type=_seeds, metavar="A..B", help="B excluded")
    parser.add_argument("direction", type=Direction, choices=tuple(Direction), metavar="entry|exit")
    kinds = "|".join(kind.value for kind in Kind)
    parser.add_argument("--kind", type=Kind, choices=tuple(Kind), default=Kind.DISTURBED, metavar=kinds)
    parser.add_argument("--story", action="store_true", help="of every street")
    arguments = parser.parse_args()
    broken: Counter[MustHold] = Counter()
    every = max(len(arguments.seeds) // 20, 1)
    for number, seed in enumerate(arguments.seeds, start=1):
        seen, story = played(seed, arguments.direction, arguments.kind)
        broken.update({one.what for one in seen.broken})
        if seen.broken or arguments.story:
            print(f"seed {seed}", *story, *seen.broken, "", sep="\n")
        if number % every == 0:
            print(
                f"{number} of {len(arguments.seeds)} streets, {broken.total()} times something did not hold", flush=True
            )
    for what, times in broken.most_common():
        print(f"{times:6} {what.name}: {what.value}")
    sys.exit(1 if broken else 0)


def _seeds(text: str) -> range:
    first, _, end = text.partition("..")
    return range(int(first), int(end or int(first) + 1))


if __name__ == "__main__":
    main()
