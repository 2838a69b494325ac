"""A gate whose disk fails: it goes on in memory, tells its hub all the same, and comes home to a disk that works."""

import asyncio
import errno
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from cloud_sync.link.log import Position
from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import AlarmRaised, Direction, GateDecided, GatePassed, Payload, payload_of
from domain.errors import OperatorError
from domain.fact import Fact
from gate_firmware import process
from gate_firmware.spare import Spare
from hardware.barrier import Position as Arm
from hardware.camera import Pixels
from hardware.twin_camera import CameraMode
from hardware.wiring import CameraWiring, RegionWiring, Wiring
from hub.service import HubService
from hub.settings import GateEntry
from lpr.reader import PlateReader, Sighting, engine
from tests.gate_firmware.gate import KEY_KNOWN, OTHER, PLATE
from tests.gate_firmware.test_service import Site, booked, frames, gate_settings, serving, serving_as_it_is
from tests.gate_firmware.test_service_named import phone, valid_now
from tests.hub.test_runs import Runs
from tests.parts import ENTRY, EXIT, BrokerSite, linked, soon

EXIT_S_MAX = 5.0


@pytest.fixture
async def runs(tmp_path: Path, lot_broker: BrokerSite, central_broker: BrokerSite) -> AsyncIterator[Runs]:
    gates = [GateEntry(name=f"{direction.value}-1", direction=direction) for direction in Direction]
    runs = Runs(tmp_path, lot_broker, central_broker, *gates)
    async with linked(runs.central.link):
        yield runs
    runs.central.store.close()


@pytest.fixture(scope="module")
def reader() -> PlateReader:
    return engine("rapidocr", threads=1)


@pytest.fixture
def loaded(reader: PlateReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "engine", lambda *_, **__: reader)


@pytest.fixture
def nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> PlateReader:
        raise OperatorError("engine_missing", "whoever is inside gets out without one")

    monkeypatch.setattr(process, "engine", missing)


def is_full(wal: Path) -> int:
    """Every write is refused for want of space, and nothing is read any more."""
    return os.open("/dev/full", os.O_WRONLY)


def is_read_only(wal: Path) -> int:
    """Every write is an error, and what is there can be read."""
    return os.open(wal, os.O_RDONLY)


def breaks(store: Path, how: Callable[[Path], int] = is_read_only) -> None:
    """What this process has open of the store's disk fails from now on; a file that is opened anew works."""
    wal = store.with_name(f"{store.name}-wal")
    held = [int(fd) for fd in os.listdir("/proc/self/fd") if _is(wal, fd)]
    assert held, "the gate has it open"
    broken = how(wal)
    for fd in held:
        os.dup2(broken, fd)
    os.close(broken)


def _is(path: Path, fd: str) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{fd}") == str(path)
    except OSError:
        return False  # it was this listing's own


def log_of(hub: HubService, gate_id: str) -> list[Fact]:
    """What the hub has taken in of a gate's log, as it stands."""
    return hub.lot.journal.kept(gate_id, Position(), 1_000)


def told(hub: HubService, gate_id: str) -> list[Payload]:
    return [payload_of(fact) for fact in log_of(hub, gate_id)]


def passages(facts: list[Payload]) -> list[GatePassed]:
    return [said for said in facts if isinstance(said, GatePassed)]


def alarms(facts: list[Payload]) -> list[str]:
    return [said.alarm for said in facts if isinstance(said, AlarmRaised)]


async def true(what: Callable[[], bool]) -> None:
    while not what():  # noqa: ASYNC110  a store that says nothing by itself
        await asyncio.sleep(0.02)


async def drives_out(gate: Site, number: int) -> float:
    """A car that no camera sees; how many seconds it stood before the arm went up."""
    await gate.street.set_camera(CameraMode.NONE)
    came = time.monotonic()
    await gate.street.arrive(f"c{number}", [], patience_ms=20_000)
    await gate.until(lambda state: state.arm is not Arm.DOWN)
    waited = time.monotonic() - came
    await gate.until(lambda state: state.passages == number and state.arm is Arm.DOWN)
    return waited


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("how", [is_full, is_read_only])
async def test_who_may_come_in_comes_in_and_the_hub_hears_of_all_of_it_once(
    runs: Runs, tmp_path: Path, lot_broker: BrokerSite, how: Callable[[Path], int]
) -> None:
    card, broker = tmp_path / "card", lot_broker.seen_by(ENTRY)
    card.mkdir()
    async with runs.hub("hub") as hub:
        async with serving(card, Direction.ENTRY, booked(), KEY_KNOWN, broker=broker) as gate:
            await gate.passes(PLATE)
            await soon(true(lambda: len(passages(told(hub, ENTRY))) == 1))
            breaks(card / "gate.db", how)
            await gate.street.arrive("c2", phone(valid_now(plate=OTHER), OTHER), patience_ms=20_000)
            await gate.until(lambda state: state.passages == 2 and state.arm is Arm.DOWN)
            await soon(true(lambda: len(passages(told(hub, ENTRY))) == 2))
            assert alarms(told(hub, ENTRY)) == ["store-failed"]
        known = log_of(hub, ENTRY)
        assert passages(gate.facts()) == passages(told(hub, ENTRY))[:1], "no more was written to the disk"
        async with serving(card, Direction.ENTRY, broker=broker) as gate:
            await soon(true(lambda: len(log_of(hub, ENTRY)) > len(known)))  # it has lost, for now, what is its own
            await soon(true(lambda: gate.facts() == told(hub, ENTRY)))
        assert log_of(hub, ENTRY)[: len(known)] == known
        assert len(passages(gate.facts())) == 2


@pytest.mark.usefixtures("loaded")
async def test_a_booked_car_gets_in_by_the_copy_that_was_made_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the disk gives nothing back at all; and no hub is there either."""
    store, made = tmp_path / "gate.db", asyncio.Event()

    async def copy_ahead(ahead: Spare) -> None:
        await copy(ahead)
        made.set()

    copy = Spare._copy_ahead
    monkeypatch.setattr(Spare, "_copy_ahead", copy_ahead)
    async with serving(tmp_path, Direction.ENTRY, booked()) as gate:
        await soon(made.wait())
        for path in (store, Path(f"{store}-wal")):
            path.write_bytes(b"nothing " * 4096)
        breaks(store, is_full)
        await gate.street.arrive("c1", frames(PLATE), patience_ms=20_000)
        await gate.until(lambda state: state.passages == 1)


@pytest.mark.usefixtures("nothing_is_read")
@pytest.mark.parametrize("readable", [True, False])
async def test_what_was_written_since_that_copy_may_be_lost_and_the_hub_is_told_so(
    runs: Runs, tmp_path: Path, lot_broker: BrokerSite, monkeypatch: pytest.MonkeyPatch, readable: bool
) -> None:
    """Whoever came in then must not pay for not coming. Where the disk can be read all is there, and it is not told."""
    card, made = tmp_path / "card", asyncio.Event()
    card.mkdir()

    async def copy_ahead(ahead: Spare) -> None:
        await copy(ahead)
        made.set()

    copy = Spare._copy_ahead
    monkeypatch.setattr(Spare, "_copy_ahead", copy_ahead)
    async with serving(card, Direction.EXIT, broker=lot_broker.seen_by(EXIT)) as gate:
        await soon(made.wait())
        await drives_out(gate, 1)  # no hub hears of it
        if not readable:
            for path in (card / "gate.db", card / "gate.db-wal"):
                path.write_bytes(b"nothing " * 4096)
        breaks(card / "gate.db", is_read_only if readable else is_full)
        await drives_out(gate, 2)
        async with runs.hub("hub") as hub:
            await soon(true(lambda: len(passages(told(hub, EXIT))) == 1 + readable))
            assert alarms(told(hub, EXIT)).count("log-lost") == (not readable)


@pytest.mark.usefixtures("nothing_is_read")
async def test_an_exit_opens_in_time_and_comes_home_once_the_disk_works_again(
    runs: Runs, tmp_path: Path, lot_broker: BrokerSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an alarm that anything was lost: for such a gap nobody pays who has not come."""
    monkeypatch.setattr(process, "QUIET_EVERY_S", 0.05)
    card, store = tmp_path / "card", tmp_path / "card" / "gate.db"
    card.mkdir()
    async with (
        runs.hub("hub") as hub,
        serving(card, Direction.EXIT, broker=lot_broker.seen_by(EXIT)) as gate,
    ):
        await drives_out(gate, 1)
        await soon(true(lambda: len(passages(told(hub, EXIT))) == 1))
        monkeypatch.setattr(process, "TRY_EVERY_S", 3.0)
        breaks(store)
        assert await drives_out(gate, 2) < EXIT_S_MAX
        await soon(true(lambda: len(passages(gate.facts())) == 2))
        await drives_out(gate, 3)
        await soon(true(lambda: gate.facts() == told(hub, EXIT)))
        assert len(passages(gate.facts())) == 3
        assert alarms(gate.facts()).count("store-failed") == 1
        assert "log-lost" not in alarms(gate.facts())


@pytest.mark.usefixtures("nothing_is_read")
async def test_a_gate_starts_from_a_disk_that_is_broken_already(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = tmp_path / "gate.db"
    settings = gate_settings(tmp_path, Direction.EXIT)
    store.write_bytes(b"no database " * 1_000)
    async with serving_as_it_is(tmp_path, settings) as gate:
        assert await drives_out(gate, 1) < EXIT_S_MAX
    assert store.read_bytes() == b"no database " * 1_000, "whoever looks at it finds it as it was"
    assert not settings.store.frames.exists(), "and no pictures beside it: their disk is the same"
    assert "gate.store_failed" in caplog.text


@pytest.mark.usefixtures("nothing_is_read")
async def test_a_gate_starts_with_a_log_that_is_damaged(runs: Runs, tmp_path: Path, lot_broker: BrokerSite) -> None:
    """SQLite finds nothing wrong with it."""
    card, broker = tmp_path / "card", lot_broker.seen_by(EXIT)
    card.mkdir()
    async with runs.hub("hub") as hub:
        async with serving(card, Direction.EXIT, broker=broker) as gate:
            await drives_out(gate, 1)
            await soon(true(lambda: len(passages(told(hub, EXIT))) == 1))
        with closing(Store(card / "gate.db")) as store:
            store.connection.execute("UPDATE fact SET payload = '{}' WHERE kind = ?", (GateDecided.kind,))
        async with serving_as_it_is(card, gate.settings) as gate:
            assert await drives_out(gate, 1) < EXIT_S_MAX
            await soon(true(lambda: len(passages(told(hub, EXIT))) == 2))
            assert "store-failed" in alarms(told(hub, EXIT))


@pytest.mark.usefixtures("nothing_is_read")
async def test_a_store_that_was_deleted_while_it_is_in_use_is_one_that_has_failed(
    runs: Runs, tmp_path: Path, lot_broker: BrokerSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite goes on without a word with files that nobody finds again."""
    monkeypatch.setattr(process, "LOOK_EVERY_S", 0.02)
    monkeypatch.setattr(process, "QUIET_EVERY_S", 0.05)
    card = tmp_path / "card"
    card.mkdir()
    async with runs.hub("hub") as hub:
        async with serving(card, Direction.EXIT, broker=lot_broker.seen_by(EXIT)) as gate:
            await drives_out(gate, 1)
            await soon(true(lambda: len(passages(told(hub, EXIT))) == 1))
            monkeypatch.setattr(process, "TRY_EVERY_S", 1.0)
            for path in card.glob("gate.db*"):
                path.unlink()
            await soon(true(lambda: "store-failed" in alarms(told(hub, EXIT))))
            await drives_out(gate, 2)
            await soon(true((card / "gate.db").exists))
            await soon(true(lambda: gate.facts() == told(hub, EXIT)))
            await drives_out(gate, 3)
            await soon(true(lambda: len(passages(gate.facts())) == 3))
        await soon(true(lambda: gate.facts() == told(hub, EXIT)))


async def test_what_fails_beside_the_store_ends_the_gate() -> None:
    """A display that is gone is no disk that is."""

    async def serving() -> None:
        async with asyncio.TaskGroup():
            raise OSError(errno.EIO, "the display has been unplugged")

    with pytest.raises(ExceptionGroup) as raised:
        await process._until_it_fails(serving())
    assert raised.group_contains(OSError)


def halves(height: int, width: int) -> Pixels:
    """Something can be seen in it."""
    frame: Pixels = np.zeros((height, width, 3), np.uint8)
    frame[:, : width // 2] = 200
    return frame


class TestReaderOfTheLane:
    """What the wiring says of the camera holds for whoever reads its pictures."""

    class Engine:
        def read(self, frame: Pixels) -> Sequence[Sighting]:
            self.shape = frame.shape
            return []

    @pytest.mark.parametrize(("region", "shape"), [(None, (100, 200, 3)), (RegionWiring(top=0.4), (60, 200, 3))])
    def test_reads_in_its_region(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, region: RegionWiring | None, shape: tuple[int, ...]
    ) -> None:
        plate_engine = self.Engine()
        monkeypatch.setattr(process, "engine", lambda *_, **__: plate_engine)
        wiring = Wiring(kind="gpiozero", camera=CameraWiring(source=0, region=region))
        settings = gate_settings(tmp_path, Direction.ENTRY).model_copy(update={"hardware": wiring})
        process._lane_reader(settings).read(halves(100, 200))
        assert plate_engine.shape == shape

    def test_reads_nothing_where_nothing_can_be_seen(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        class Engine:
            def read(self, _frame: Pixels) -> Sequence[Sighting]:
                raise AssertionError("it has nothing to read")

        monkeypatch.setattr(process, "engine", lambda *_, **__: Engine())
        reader = process._lane_reader(gate_settings(tmp_path, Direction.ENTRY))
        assert reader.read(np.full((100, 200, 3), 90, np.uint8)) == []

    def test_knows_where_cars_come_from(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        class Engine:
            def read(self, _frame: Pixels) -> Sequence[Sighting]:
                return [Sighting("RK896A0", 0.99, (0, 0, 9, 9), np.zeros((1, 37), np.float32))]

        monkeypatch.setattr(process, "engine", lambda *_, **__: Engine())
        settings = gate_settings(tmp_path, Direction.ENTRY)
        settings = settings.model_copy(update={"reader": settings.reader.model_copy(update={"countries": ("sk",)})})
        [plate] = process._lane_reader(settings).read(halves(90, 90))
        assert plate.text == "RK896AO"
