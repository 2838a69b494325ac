"""`python -m simulator.bench.passages CONFIG CARS`: the gate's service with its reader, and cars that take no time.

Says its memory as JSON, one object a line: `cars, rss_mb`. The lane's devices are stand-ins without inertia, since ten
thousand cars on a simulated lane take hours; the service, its store, its log and the plate reader are the real ones.
"""

import asyncio
import json
import sys
from contextlib import closing
from pathlib import Path

from cloud_sync.link.clock import Clock
from cloud_sync.link.host import this_machine
from cloud_sync.link.seal import Seal
from cloud_sync.link.store import Store
from domain.now import Trust
from domain.plate import Plate
from gate_firmware.events import CodeSeen, Looked, Sight
from gate_firmware.looking import Looker
from gate_firmware.service import GateService
from gate_firmware.settings import GateSettings
from hardware.camera import Frame, Pixels
from lpr.qr import QrChain
from lpr.reader import engine
from simulator.bench.gate_disk import SEED
from simulator.street.frames import approach
from simulator.street.quick_lane import QuickLane

READ_EVERY = 100
"""Cars of which one is really read: the reader has to have worked, and more would take an hour."""
SAY_TIMES = 20
LOOK_MS_MAX = 1_000
STRANGER = Plate("HHAB1234")


class _Picture:
    """A camera that shows one car."""

    def __init__(self, pixels: Pixels, clock: Clock) -> None:
        self._pixels = pixels
        self._clock = clock

    def newest(self) -> Frame:
        return Frame(self._pixels, self._clock().mono_ms)


class _Eyes:
    """Knows every car at once; one in `READ_EVERY` is read first."""

    def __init__(self, looker: Looker) -> None:
        self._looker = looker
        self._looks = 0

    async def look(self, passage_id: str) -> Looked:
        self._looks += 1
        if self._looks % READ_EVERY == 1:
            return await self._looker.look(passage_id)
        return Looked(passage_id, Sight.STRANGER, STRANGER, None, 3)

    async def look_for_code(self, _passage_id: str, _but: frozenset[str] = frozenset()) -> CodeSeen:
        await asyncio.Event().wait()
        raise AssertionError("nobody shows a code")


async def passages(config: Path, cars: int) -> None:
    """Let `cars` out, one after the other, saying the memory as it goes."""
    settings = GateSettings.load(config)
    host = this_machine(Trust.NTP)
    store = Store(settings.store.path)
    service = GateService(settings, host, store)
    devices = QuickLane()
    loading = asyncio.ensure_future(asyncio.to_thread(engine, settings.reader.engine, settings.reader.threads))
    looker = Looker(
        _Picture(approach(SEED, STRANGER, 1)[0].pixels, host.clock),
        loading,
        QrChain(),
        service.replica,
        settings.keys.plate.parse(Seal.from_hex),
        host.clock,
        look_ms_max=LOOK_MS_MAX,
    )
    with closing(store), closing(looker):
        working = asyncio.create_task(service.work(devices, _Eyes(looker)))
        await loading
        await looker.look("the reader is warm")
        for number in range(cars + 1):
            if number % max(cars // SAY_TIMES, 1) == 0:
                print(json.dumps({"cars": number, "rss_mb": _rss_mb()}), flush=True)
            await devices.drive_through()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


def _rss_mb() -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1024, 1)
    raise AssertionError("Linux says so")


if __name__ == "__main__":
    asyncio.run(passages(Path(sys.argv[1]), int(sys.argv[2])))
