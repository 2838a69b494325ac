"""A whole gate process on a simulated lane, with the real reader and with no broker anywhere."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest

from cloud_sync.link.clock_watch import ALARM_AFTER_MS
from cloud_sync.link.floor import FloorFile
from cloud_sync.link.host import this_machine
from cloud_sync.link.journal import Journal
from cloud_sync.link.log import Position
from cloud_sync.link.process import bound_socket
from cloud_sync.link.settings import Broker, ClockSection, Secret
from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import (
    AlarmRaised,
    Direction,
    GateDecided,
    GatePassed,
    LaneNoted,
    Noted,
    Payload,
    ReservationChanged,
    payload_of,
)
from domain.admission import Reason, Verdict
from domain.errors import OperatorError
from domain.fact import Fact
from domain.now import Now, Trust
from domain.plate import Plate
from domain.reservation import Status
from gate_firmware import camera_sight, process
from gate_firmware.camera_watch import WORDS
from gate_firmware.frames import FrameFolder
from gate_firmware.process import GateProcess
from gate_firmware.replica import Replica
from gate_firmware.service import GateService
from gate_firmware.settings import Gate as GateSection
from gate_firmware.settings import GateSettings, GateStore, Keys, LocalApi, Timing
from hardware.barrier import Position as Arm
from hardware.control_protocol import LaneState
from hardware.lights import Signal
from hardware.simulated_lane import SimulatedLane
from hardware.twin_camera import CameraMode
from hardware.wiring import BarrierWiring, ContactWiring, GuardWiring, SimulatedWiring, Wiring
from lpr.blindness import Blindness
from lpr.reader import PlateReader, engine
from simulator.ports import free_port
from simulator.street.conditions import Conditions
from simulator.street.frames import approach
from simulator.street.lane_client import StreetClient
from tests.gate_firmware.gate import OTHER, PLATE, SEAL, SPOT, policy, rid, right
from tests.parts import ENTRY, EXIT, LOT, NOON, PATIENCE_S, running, soon

TIMING = Timing(identify_ms_max=60_000, exit_identify_ms_max=4_000, retry_ms=500, drive_ms_max=3_000, gap_ms_max=3_000)


def gate_settings(folder: Path, direction: Direction) -> GateSettings:
    """A fast arm and fast cars, and a broker that is not there."""
    (folder / "plate.key").write_text(bytes(range(32)).hex(), encoding="ascii")
    return GateSettings(
        gate=GateSection(gate_id=ENTRY if direction is Direction.ENTRY else EXIT, direction=direction),
        store=GateStore(path=folder / "gate.db"),
        clock=ClockSection(trust=Trust.NTP),
        broker=Broker(port=free_port()),
        keys=Keys(plate=Secret(file=folder / "plate.key")),
        hardware=Wiring(
            kind="simulated",
            barrier=BarrierWiring(pulse_ms=60, motion_ms_max=1_000),
            photocell=GuardWiring(pin=5),
            fire=GuardWiring(pin=6),
            cabinet=GuardWiring(pin=12),
            call_button=ContactWiring(pin=13),
            simulated=SimulatedWiring(
                control_port=free_port(), arm_travel_ms=200, car_speed_mm_per_s=20_000, frame_interval_ms=20
            ),
        ),
        timing=TIMING,
        api=LocalApi(port=free_port()),
    )


def frames(plate: Plate) -> list[bytes]:
    """What the camera sees of a car that comes nearer."""
    return [shot.jpeg for shot in approach(7, plate, 3, conditions=Conditions(noise=2.0))]


@pytest.fixture(scope="module")
def reader() -> PlateReader:
    return engine("rapidocr", threads=1)


@pytest.fixture
def loaded(reader: PlateReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real reader, which is loaded once for all of these tests."""
    monkeypatch.setattr(process, "engine", lambda *_, **__: reader)


class Site:
    """A gate that runs, the street before it, and its store as another process reads it."""

    def __init__(self, folder: Path, settings: GateSettings, street: StreetClient) -> None:
        self._folder = folder
        self.settings = settings
        self.street = street

    def facts(self) -> list[Payload]:
        with closing(Store(self._folder / "gate.db")) as store:
            journal = Journal(store, self.settings.gate.gate_id, "elsewhere")
            return [payload_of(fact) for fact in journal.after(Position(), 1_000)]

    async def until(self, what: Callable[[LaneState], bool]) -> LaneState:
        """The lane once it is so; asked again at each of its events."""
        async with asyncio.timeout(PATIENCE_S), self.street.watch() as events:
            while not what(state := await self.street.state()):
                await anext(events)
            return state

    async def passes(self, plate: Plate) -> None:
        """A car comes, is let through, and the arm is down behind it."""
        await self.street.arrive("c1", frames(plate), patience_ms=60_000)
        state = await self.until(lambda state: state.passages == 1 and state.arm is Arm.DOWN)
        assert state.collisions == 0


def booked(plate: Plate = PLATE, status: Status = Status.CONFIRMED) -> ReservationChanged:
    """A booking from an hour ago until in an hour, by this machine's clock: the process has no other."""
    return right(status=status, plate=plate, start=hours() - 1, end=hours() + 1)


def hours() -> float:
    """After the noon that the tests' bookings count from."""
    return (datetime.now(UTC) - NOON) / timedelta(hours=1)


@asynccontextmanager
async def serving(
    folder: Path, direction: Direction, *known: Payload, broker: Broker | None = None
) -> AsyncIterator[Site]:
    """A gate process that has heard this of its hub, until the `with` ends."""
    settings = gate_settings(folder, direction)
    settings = settings if broker is None else settings.model_copy(update={"broker": broker})
    with closing(Store(settings.store.path)) as store:
        store.claim(settings.gate.gate_id)
        replica = Replica(store)
        for seq, said in enumerate(known, 1):
            replica.apply(Fact(LOT, 1, seq, said.kind, NOON, "b", 0, Trust.NTP, said.to_json(), chain=""))
    async with serving_as_it_is(folder, settings) as site:
        yield site


@asynccontextmanager
async def serving_as_it_is(folder: Path, settings: GateSettings) -> AsyncIterator[Site]:
    """A gate process on the disk as it is, until the `with` ends."""
    assert settings.hardware.simulated is not None
    async with running(GateProcess(settings).run()):
        await _listening(settings.hardware.simulated.control_port)
        async with StreetClient(settings.hardware.simulated.control_port) as street:
            yield Site(folder, settings, street)


async def _listening(port: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0)
            else:
                writer.close()
                return


@pytest.mark.usefixtures("loaded")
class TestStreet:
    async def test_a_booked_car_gets_in(self, tmp_path: Path) -> None:
        async with serving(tmp_path, Direction.ENTRY, booked()) as site:
            await site.passes(PLATE)
            async with httpx.AsyncClient() as screen:
                state = (await screen.get(f"http://127.0.0.1:{site.settings.api.port}/state")).json()
            assert (state["lane"], state["hub_connected"]) == ("idle", False)
            assert state["last_decision"]["decision"] == "admit"
            decided, passed = site.facts()
            assert isinstance(decided, GateDecided)
            assert isinstance(passed, GatePassed)
            assert (decided.verdict, decided.reservation_id, decided.spot_id) == (Verdict.ADMIT, rid(1), SPOT)
            assert (passed.reservation_id, passed.passage_id) == (rid(1), decided.passage_id)
            assert 0 < decided.took_ms < TIMING.identify_ms_max
        assert PLATE.open.encode() not in _on_disk(tmp_path)

    async def test_the_frames_that_let_it_in_are_kept_sealed(self, tmp_path: Path) -> None:
        async with serving(tmp_path, Direction.ENTRY, booked()) as site:
            await site.passes(PLATE)
            [decided] = [said for said in site.facts() if isinstance(said, GateDecided)]
            with closing(FrameFolder(site.settings.store.frames, SEAL)) as kept:
                async with asyncio.timeout(PATIENCE_S):
                    while len(kept.kept()) < min(decided.frames, 2):  # noqa: ASYNC110  a thread that says nothing
                        await asyncio.sleep(0.01)
                jpegs = list(kept.jpegs(decided.passage_id))
        assert 0 < len(jpegs) <= 2
        assert all(jpeg.startswith(b"\xff\xd8") for jpeg in jpegs)
        sealed = b"".join(path.read_bytes() for path in (tmp_path / "gate.frames").iterdir())
        assert jpegs[0] not in sealed

    async def test_none_are_where_the_lots_policy_keeps_none(self, tmp_path: Path) -> None:
        async with serving(tmp_path, Direction.ENTRY, booked(), policy(frames_kept_h=0)) as site:
            await site.passes(PLATE)
        assert not list((tmp_path / "gate.frames").glob("*.sealed"))

    async def test_a_fire_alarm_opens_and_everything_else_that_is_wired_is_heard(self, tmp_path: Path) -> None:
        async with serving(tmp_path, Direction.ENTRY) as site:
            await site.street.touch("cabinet")
            await site.street.touch("call_button")
            await site.street.touch("fire")
            await site.until(lambda state: state.arm is Arm.UP and state.display[0] == "FIRE ALARM")
            await site.street.touch("photocell")
            await site.street.touch("fire", active=False)
            await site.until(lambda state: state.display[0] == "WELCOME")
            assert (await site.street.state()).arm is Arm.UP, "somebody is under it"
            await site.street.touch("photocell", active=False)
            state = await site.until(lambda state: state.arm is Arm.DOWN)
            assert state.collisions == 0
        alarms = [said.alarm for said in site.facts() if isinstance(said, AlarmRaised)]
        assert alarms[:3] == ["cabinet-open", "call", "fire"]

    @pytest.mark.usefixtures("few_frames_will_do")
    async def test_a_stranger_is_refused(self, tmp_path: Path) -> None:
        async with serving(tmp_path, Direction.ENTRY, booked()) as site:
            await site.street.arrive("c1", frames(OTHER), patience_ms=60_000)
            state = await site.until(lambda state: state.display == ("NO BOOKING FOUND", "SHOW YOUR QR CODE"))
            assert (state.lights, state.arm) == (Signal.RED, Arm.DOWN)
            await site.street.leave()
            await site.until(lambda state: state.display == ("WELCOME", "PLEASE DRIVE UP"))
            decided, gone = site.facts()
            assert isinstance(decided, GateDecided)
            assert gone == LaneNoted(what=Noted.BACKED_OUT, passage_id=decided.passage_id)
            assert (decided.verdict, decided.reason) == (Verdict.REFUSE, Reason.NO_BOOKING)
            assert decided.plate is not None
            assert SEAL.open(decided.plate) == OTHER

    async def test_a_black_camera_asks_until_it_sees(self, tmp_path: Path) -> None:
        async with serving(tmp_path, Direction.ENTRY, booked()) as site:
            await site.street.set_camera(CameraMode.BLACK)
            await site.street.arrive("c1", frames(PLATE), patience_ms=60_000)
            await site.until(lambda state: state.display == ("CAMERA OUT OF ORDER", "TYPE YOUR BOOKING ID"))
            await site.street.set_camera(CameraMode.OK)
            await site.until(lambda state: state.passages == 1)
            reasons = [said.reason for said in site.facts() if isinstance(said, GateDecided)]
            assert reasons == [Reason.CAMERA_BLIND, Reason.BOOKED]
            assert [said.alarm for said in site.facts() if isinstance(said, AlarmRaised)] == ["camera-blind"]

    async def test_a_camera_that_is_covered_is_noticed_before_a_car_comes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(camera_sight, "SETTLE_MS", 300)
        monkeypatch.setattr(camera_sight, "CHECK_EVERY_S", 0.05)
        async with serving(tmp_path, Direction.ENTRY, booked()) as site:
            await site.street.set_camera(CameraMode.COVERED)
            async with asyncio.timeout(20):
                while not site.facts():  # noqa: ASYNC110  nothing tells of a fact
                    await asyncio.sleep(0.02)
            assert site.facts() == [AlarmRaised(alarm="camera-blind", detail=WORDS[Blindness.COVERED])]

    async def test_a_car_that_is_known_gets_out(self, tmp_path: Path) -> None:
        async with serving(tmp_path, Direction.EXIT, booked(status=Status.CHECKED_IN)) as site:
            await site.passes(PLATE)
            passed = site.facts()[-1]
            assert isinstance(passed, GatePassed)
            assert passed.reservation_id == rid(1)

    async def test_so_does_one_that_no_camera_sees(self, tmp_path: Path) -> None:
        async with serving(tmp_path, Direction.EXIT) as site:
            await site.street.set_camera(CameraMode.NONE)
            await site.passes(OTHER)
            decided = next(said for said in site.facts() if isinstance(said, GateDecided))
            assert decided.reason is Reason.UNKNOWN_CAR
            assert decided.took_ms < 5_000


async def test_everyone_gets_out_without_a_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing(*_: object, **__: object) -> PlateReader:
        raise OperatorError("engine_missing", "no such library")

    monkeypatch.setattr(process, "engine", missing)
    async with serving(tmp_path, Direction.EXIT) as site:
        await site.passes(OTHER)
        alarms = [(said.alarm, said.detail) for said in site.facts() if isinstance(said, AlarmRaised)]
        assert alarms == [("reader-missing", "no plate is read: no such library")]
    [said] = [record for record in caplog.records if "reader" in record.getMessage()]
    assert (said.getMessage(), vars(said)["why"]) == ("gate.reader_missing", "no such library")
    assert not said.exc_info


async def test_a_good_start_says_which_lane_it_is_and_where_it_can_be_asked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where any free port was wanted: nobody else knows which that is."""
    caplog.set_level("INFO")
    settings = gate_settings(tmp_path, Direction.EXIT)
    assert settings.hardware.simulated is not None
    simulated = settings.hardware.simulated.model_copy(update={"control_port": 0})
    hardware = settings.hardware.model_copy(update={"simulated": simulated})
    settings = settings.model_copy(update={"hardware": hardware, "api": LocalApi(port=0)})

    def said() -> list[logging.LogRecord]:
        return [record for record in caplog.records if record.getMessage() == "gate.serving"]

    async with running(GateProcess(settings).run()):
        async with asyncio.timeout(PATIENCE_S):
            while not said():  # noqa: ASYNC110  a log tells nobody that it has a line more
                await asyncio.sleep(0.01)
        [told] = map(vars, said())
        assert told["gate"] == EXIT
        assert told["direction"] is Direction.EXIT
        assert told["store"] == tmp_path / "gate.db"
        assert told["version"] == version("gatehouse")
        async with StreetClient(told["control_port"]) as street, httpx.AsyncClient() as screen:
            assert (await street.state()).arm is Arm.DOWN
            url = f"http://127.0.0.1:{told['api_port']}/state"
            assert (await screen.get(url)).json()["gate_id"] == EXIT


class Relays:
    """What the pins of a lane saw: when each command relay went on, and what was on disk by then."""

    def __init__(self, lane: SimulatedLane, path: Path) -> None:
        self.commands: list[tuple[str, list[str]]] = []
        self._path = path
        barrier = lane.barrier
        self._raise, self._lower = barrier.raise_arm, barrier.lower_arm
        barrier.raise_arm = self.raise_arm  # type: ignore[method-assign]
        barrier.lower_arm = self.lower_arm  # type: ignore[method-assign]

    def raise_arm(self) -> None:
        self.commands.append(("raise", self._stored()))
        self._raise()

    def lower_arm(self) -> None:
        self.commands.append(("lower", self._stored()))
        self._lower()

    def _stored(self) -> list[str]:
        with closing(sqlite3.connect(self._path)) as other:
            return [kind for (kind,) in other.execute("SELECT kind FROM fact ORDER BY epoch, seq")]


@pytest.mark.usefixtures("loaded")
class TestProcess:
    async def test_commands_come_in_order_and_after_the_store(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """By the real barrier's own methods, with the database as another process sees it at that moment."""
        lanes = _lanes(monkeypatch)
        async with serving(tmp_path, Direction.ENTRY, booked()) as site:
            relays = Relays(lanes[0], tmp_path / "gate.db")
            await site.passes(PLATE)
        assert relays.commands == [
            ("raise", ["gate.decided/1"]),
            ("lower", ["gate.decided/1", "gate.passed/1"]),
        ]

    async def test_a_car_that_stood_there_before_the_unit_did(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What there is to do at the start is done in its order: the look begins after the last one has ended."""
        start = SimulatedLane.start

        async def with_a_car(lane: SimulatedLane) -> None:
            await start(lane)
            there = asyncio.Event()
            lane.arrival_loop.when_changed = lambda _occupied: there.set()  # simulated time runs in this thread
            lane.arrive("c1", [shot.pixels for shot in approach(7, PLATE, 1)], patience_ms=60_000)
            await soon(there.wait())

        monkeypatch.setattr(SimulatedLane, "start", with_a_car)
        async with serving(tmp_path, Direction.ENTRY, booked()) as site:
            await site.until(lambda state: state.passages == 1)
        [decided] = [said for said in site.facts() if isinstance(said, GateDecided)]
        assert decided.verdict is Verdict.ADMIT

    async def test_ends_cleanly_in_the_middle_of_a_passage(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lanes = _lanes(monkeypatch)
        before = asyncio.all_tasks()
        async with serving(tmp_path, Direction.EXIT) as site:
            await site.street.set_camera(CameraMode.NONE)
            await site.street.arrive("c1", [], dwell_ms=60_000)
            async with asyncio.timeout(PATIENCE_S):
                while not (await site.street.state()).safety_loop:  # no event tells of it
                    pass
            ports = site.settings.api.port, lanes[0].control_port
        wiring = lanes[0].wiring
        for relay in (wiring.barrier.open_relay, wiring.barrier.close_relay):
            assert not lanes[0].pins.factory.pin(relay).state
        for port in ports:
            with bound_socket("127.0.0.1", port or 0):
                pass
        left = [task for task in asyncio.all_tasks() - before if not task.done()]
        assert left == []
        assert not any(isinstance(said, GatePassed) for said in site.facts())

    async def test_a_store_that_is_not_as_it_should_be_ends_the_unit_with_its_pins_safe(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Not a lane that hangs in a state that is not true: it is started anew. No disk has failed here."""
        lanes = _lanes(monkeypatch)
        with pytest.raises(ExceptionGroup) as ended:
            async with serving(tmp_path, Direction.ENTRY) as site:
                with closing(sqlite3.connect(tmp_path / "gate.db")) as other:
                    other.execute("DROP TABLE fact")
                await site.street.set_camera(CameraMode.NONE)
                await site.street.arrive("c1", [])
                await soon(asyncio.Event().wait())
        assert ended.group_contains(sqlite3.OperationalError)
        assert not lanes[0].pins.factory.pin(lanes[0].wiring.barrier.open_relay).state

    async def test_its_floor_is_on_disk_once_it_has_ended(self, tmp_path: Path) -> None:
        async with serving(tmp_path, Direction.ENTRY) as site:
            floor = site.settings.store.floor
            floor.unlink(missing_ok=True)
        kept = FloorFile(floor).read()
        assert kept is not None
        assert kept.trust is Trust.NTP

    def test_a_clock_that_nobody_trusts_for_long_is_an_alarm(self, tmp_path: Path) -> None:
        gate = GateService(gate_settings(tmp_path, Direction.ENTRY), this_machine(Trust.NTP))
        for ms in (0, ALARM_AFTER_MS):
            gate._clock_watch.look(Now(ms, NOON, Trust.NONE))
        with closing(gate._store):
            told = gate._journal.last_own(AlarmRaised.kind)
        assert told is not None
        assert told.payload["alarm"] == "clock-untrusted"

    async def test_nobody_else_in_the_network_reaches_its_local_interface(self, tmp_path: Path) -> None:
        """127.0.0.2 is another of this machine's addresses: who listens on all of them answers there too."""
        async with serving(tmp_path, Direction.ENTRY) as site, httpx.AsyncClient() as client:
            port = site.settings.api.port
            assert (await client.get(f"http://127.0.0.1:{port}/state")).status_code == 200
            with pytest.raises(httpx.ConnectError):
                await client.get(f"http://127.0.0.2:{port}/state")

    async def test_a_port_that_is_taken_is_the_operators(self, tmp_path: Path) -> None:
        settings = gate_settings(tmp_path, Direction.ENTRY)
        with bound_socket("127.0.0.1", settings.api.port), pytest.raises(OperatorError) as refused:
            await GateProcess(settings).run()
        assert refused.value.code == "port_taken"


def _lanes(monkeypatch: pytest.MonkeyPatch) -> list[SimulatedLane]:
    """The lanes that are made from now on."""
    lanes: list[SimulatedLane] = []
    start = SimulatedLane.start

    async def remembered(lane: SimulatedLane) -> None:
        lanes.append(lane)
        await start(lane)

    monkeypatch.setattr(SimulatedLane, "start", remembered)
    return lanes


def _on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("gate.db*"))
