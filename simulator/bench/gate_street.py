"""From the car on the loop to the relay, by its plate: a gate on a simulated lane, rendered cars, 15 frames/s."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import islice

from cloud_sync.link.host import this_machine
from cloud_sync.link.store import Store
from domain.errors import OperatorError
from domain.now import Trust
from gate_firmware.looking import Looker
from gate_firmware.service import GateService
from gate_firmware.settings import GateSettings
from hardware.barrier import Position
from hardware.camera import Pixels
from hardware.lane import Lane as Devices
from lpr.pipeline import pipeline
from lpr.qr import Code, QrChain, any_text
from lpr.reader import PlateReader, Sighting, engine
from simulator.bench.gate_disk import ENTRY, SEED, Booking
from simulator.bench.gate_site import GateBenchSite
from simulator.bench.one_core import Car
from simulator.street.frames import approach
from simulator.street.lane_client import StreetClient

FRAMES = 8
CAR_S_MAX = 30.0
PATIENCE_MS = 6_000
"""Before a closed arm: then a driver whose plate was not read backs out."""


class _Reading:
    """Reads plates and codes, and keeps the account of what that takes of the processor, in the thread that does it."""

    def __init__(self) -> None:
        self.plates: PlateReader | None = None
        self._codes = QrChain()
        self.cpu_s = 0.0

    def read(self, frame: Pixels) -> Sequence[Sighting]:
        assert self.plates is not None, "it is loaded"
        began_s = time.thread_time()
        try:
            return self.plates.read(frame)
        finally:
            self.cpu_s += time.thread_time() - began_s

    def find(self, frame: Pixels, sought: Callable[[str], bool] = any_text) -> Sequence[Code]:
        began_s = time.thread_time()
        try:
            return self._codes.find(frame, sought)
        finally:
            self.cpu_s += time.thread_time() - began_s


class _Stopwatch:
    """Takes the time from the arrival loop's contact to the open command, in the threads in which they happen."""

    def __init__(self, reading: _Reading) -> None:
        self.cars: list[Car] = []
        self._reading = reading
        self._occupied_s: float | None = None
        self._read_s = 0.0

    def watch(self, lane: Devices) -> None:
        change, raise_arm = lane.arrival_loop.when_changed, lane.barrier.raise_arm

        def changed(occupied: bool) -> None:
            if occupied:
                self._occupied_s, self._read_s = time.perf_counter(), self._reading.cpu_s
            if change is not None:
                change(occupied)

        def raised() -> None:
            raise_arm()
            if self._occupied_s is not None:
                took_s, read_s = time.perf_counter() - self._occupied_s, self._reading.cpu_s - self._read_s
                self.cars.append(Car(1_000 * took_s, 1_000 * read_s))
                self._occupied_s = None

        lane.arrival_loop.when_changed = changed
        lane.barrier.raise_arm = raised  # type: ignore[method-assign]


async def loop_to_relay(
    site: GateBenchSite, bookings: list[Booking], cars: int, say: Callable[[str], None]
) -> tuple[list[Car], list[Car]]:
    """The cars that were let in by their plates; and those that were asked for more, as slow as a lane's read may be:
    how long their drivers would have looked for it nobody knows."""
    pictures = [
        [shot.jpeg for shot in approach(SEED + number, booking.number, FRAMES)]
        for number, booking in enumerate(islice(bookings, cars))
    ]
    settings = GateSettings.load(site.gate_config(ENTRY))
    host = this_machine(Trust.NTP)
    store = Store(settings.store.path)
    service, reading, asked = GateService(settings, host, store), _Reading(), 0
    watch, limit_ms = _Stopwatch(reading), settings.timing.decide_ms_max(settings.gate.direction)
    async with Devices.from_wiring(settings.hardware) as lane:
        reading.plates = pipeline(await asyncio.to_thread(engine, settings.reader.engine, settings.reader.threads))
        loaded: asyncio.Future[PlateReader] = asyncio.get_running_loop().create_future()
        loaded.set_result(reading)
        looker = Looker(
            lane.camera,
            loaded,
            reading,
            service.replica,
            site.seal,
            host.clock,
            look_ms_max=settings.timing.look_ms_max(settings.gate.direction),
        )
        with closing(store), closing(looker):
            gate = asyncio.create_task(service.work(lane, looker))
            await asyncio.sleep(0)  # it listens to the lane from here on
            watch.watch(lane)
            await looker.look("no car: the reader is warm")
            async with StreetClient(site.control_port(ENTRY)) as street:
                for number, frames in enumerate(pictures):
                    await street.arrive(f"car-{number}", frames, patience_ms=PATIENCE_MS)
                    asked += not await _gets_in(street)
                    if (number + 1) % 10 == 0:
                        say(f"{number + 1} of {cars} cars at the loop, {asked} asked for more than their plate")
            gate.cancel()
            await asyncio.gather(gate, return_exceptions=True)
    if not watch.cars:
        raise OperatorError("bench_failed", "no car was let in by its plate")
    return watch.cars, [Car(limit_ms, 0)] * asked


async def _gets_in(street: StreetClient) -> bool:
    """Wait until the lane is empty again; a car whose plate does not let it in backs out."""
    passages = (await street.state()).passages  # it has only just turned in
    async with asyncio.timeout(CAR_S_MAX):
        while True:
            state = await street.state()
            if state.passages > passages and state.arm is Position.DOWN:
                return True
            if state.car is None and state.passages == passages:
                return False
            await asyncio.sleep(0.02)
