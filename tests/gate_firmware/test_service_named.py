"""A whole gate process on a simulated lane, with cars that are named: by a phone, at the keypad, and by the hub."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from cloud_sync.link import topics
from cloud_sync.link.journal import Journal
from cloud_sync.link.mqtt import Link
from cloud_sync.link.pipe import FactReceiver, FactSender
from cloud_sync.link.receiving import Receiver
from cloud_sync.link.sending import Sender
from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import Direction, GateDecided, GatePassed, WithdrawalNoted
from cloud_sync.link.v1.messages import AdmitAnswer, AdmitRequest, Reply, Sent, UnitStatus
from domain.admission import Evidence, Reason, Verdict
from domain.errors import OperatorError
from domain.fact import Fact
from domain.now import Now
from domain.plate import Plate
from domain.reservation import Status
from gate_firmware import process, service
from hardware.barrier import Position as Arm
from hardware.twin_camera import CameraMode
from lpr.qr import QrChain
from lpr.reader import PlateReader, engine
from simulator.street.frames import approach
from simulator.street.held import Held
from simulator.street.phone import held_up
from tests.gate_firmware.gate import KEY_KNOWN, OTHER, PLATE, rid, ticket
from tests.gate_firmware.test_service import Site, booked, frames, hours, serving
from tests.parts import ENTRY, LOT, BrokerSite, linked, running, soon


@pytest.fixture(scope="module")
def reader() -> PlateReader:
    return engine("rapidocr", threads=1)


@pytest.fixture(autouse=True)
def loaded(reader: PlateReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real reader, which is loaded once for all of these tests."""
    monkeypatch.setattr(process, "engine", lambda *_, **__: reader)


def valid_now(**claims: object) -> str:
    """A ticket from an hour ago until in an hour, by this machine's clock."""
    return ticket(start=hours() - 1, end=hours() + 1, **claims)  # type: ignore[arg-type]


def phone(text: str, plate: Plate) -> list[bytes]:
    """A phone that is held up before the car that has this plate."""
    car = approach(7, plate, 3)[-1].pixels
    return [held_up(seed, text, held=Held(yaw_deg=12, module_px=4.0), behind=car).jpeg for seed in range(2)]


def decisions(site: Site) -> list[GateDecided]:
    return [said for said in site.facts() if isinstance(said, GateDecided)]


class TestPhone:
    @pytest.mark.usefixtures("few_frames_will_do")
    async def test_a_booking_that_was_made_after_the_gate_was_cut_off_opens_it(self, tmp_path: Path) -> None:
        """By its ticket alone, which is held up after a refusal."""
        async with serving(tmp_path, Direction.ENTRY, KEY_KNOWN) as site:
            await site.street.arrive("c1", frames(OTHER), patience_ms=60_000)
            await site.until(lambda state: state.display == ("NO BOOKING FOUND", "SHOW YOUR QR CODE"))
            await site.street.show(phone(valid_now(plate=OTHER), OTHER))
            await site.until(lambda state: state.arm is not Arm.DOWN)
            await site.until(lambda state: state.passages == 1 and state.arm is Arm.DOWN)
            said = decisions(site)
            assert [one.reason for one in said] == [Reason.NO_BOOKING, Reason.BOOKED]
            assert said[-1].evidence is Evidence.TICKET_AND_PLATE
            passed = site.facts()[-1]
            assert isinstance(passed, GatePassed)
            assert (passed.reservation_id, passed.ticket_id) == (rid(1), "t1")

    async def test_a_ticket_lets_in_once(self, tmp_path: Path) -> None:
        async with serving(tmp_path, Direction.ENTRY, KEY_KNOWN) as site:
            await site.street.arrive("c1", phone(valid_now(), PLATE), patience_ms=60_000)
            await site.until(lambda state: state.passages == 1 and state.arm is Arm.DOWN)
            await site.street.arrive("c2", phone(valid_now(), PLATE), patience_ms=60_000)
            await site.until(lambda state: state.display == ("THIS TICKET WAS", "USED, CALL HELP"))
            assert [one.reason for one in decisions(site)] == [Reason.BOOKED, Reason.TICKET_USED]

    async def test_without_libzbar_it_is_said_once_and_codes_are_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Halved(QrChain):
            def __init__(self) -> None:
                super().__init__()
                self.missing = OperatorError("zbar_missing", "install libzbar0")

        monkeypatch.setattr(service, "QrChain", Halved)
        async with serving(tmp_path, Direction.ENTRY, KEY_KNOWN) as site:
            await site.street.arrive("c1", phone(valid_now(), PLATE), patience_ms=60_000)
            await site.until(lambda state: state.passages == 1 and state.arm is Arm.DOWN)
        assert caplog.text.count("gate.zbar_missing") == 1


class TestWhileThePlateReaderLoads:
    """However long that takes: nobody who holds up a ticket, or types an id, waits for it."""

    @pytest.fixture(autouse=True)
    async def never_loaded(self, loaded: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
        over = threading.Event()

        def loads_without_end(*_: object, **__: object) -> PlateReader:
            over.wait()
            raise OperatorError("engine_missing", "the test is over")

        monkeypatch.setattr(process, "engine", loads_without_end)
        yield
        over.set()

    async def test_a_ticket_opens(self, tmp_path: Path) -> None:
        async with serving(tmp_path, Direction.ENTRY, KEY_KNOWN) as site:
            await site.street.arrive("c1", phone(valid_now(), PLATE), patience_ms=60_000)
            await site.until(lambda state: state.passages == 1 and state.arm is Arm.DOWN)
            assert [(one.reason, one.evidence) for one in decisions(site)] == [(Reason.BOOKED, Evidence.TICKET)]

    async def test_a_typed_id_opens(self, tmp_path: Path) -> None:
        async with serving(tmp_path, Direction.ENTRY, booked()) as site, httpx.AsyncClient() as keypad:
            await site.street.arrive("c1", frames(PLATE), patience_ms=60_000)
            await site.until(lambda state: state.arrival_loop)
            there = f"http://127.0.0.1:{site.settings.api.port}/check-in"
            assert (await keypad.post(there, json={"reservation_id": rid(1)})).json()["decision"] == "admit"
            await site.until(lambda state: state.passages == 1 and state.arm is Arm.DOWN)


class TestKeypad:
    async def test_a_typed_id_opens(self, tmp_path: Path) -> None:
        async with serving(tmp_path, Direction.ENTRY, booked(OTHER)) as site, httpx.AsyncClient() as keypad:
            there = f"http://127.0.0.1:{site.settings.api.port}/check-in"
            answer = await keypad.post(there, json={"reservation_id": rid(1)})
            assert (answer.status_code, answer.json()["code"]) == (409, "no_car")
            await site.street.arrive("c1", frames(OTHER)[:1], patience_ms=60_000)
            await site.until(lambda state: state.arrival_loop)
            answer = await keypad.post(there, json={"reservation_id": rid(1)})
            assert answer.json()["decision"] == "admit"
            await site.until(lambda state: state.passages == 1 and state.arm is Arm.DOWN)

    async def test_at_an_exit_it_names_the_car(self, tmp_path: Path) -> None:
        inside = booked(status=Status.CHECKED_IN)
        async with serving(tmp_path, Direction.EXIT, inside) as site, httpx.AsyncClient() as keypad:
            await site.street.arrive("c1", [], patience_ms=60_000, dwell_ms=1_500)
            await site.until(lambda state: state.arm is Arm.UP)
            there = f"http://127.0.0.1:{site.settings.api.port}/check-out"
            answer = (await keypad.post(there, json={"reservation_id": rid(1)})).json()
            assert (answer["decision"], answer["reservation_id"]) == ("release", rid(1))
            await site.until(lambda state: state.passages == 1 and state.arm is Arm.DOWN)
            passed = site.facts()[-1]
            assert isinstance(passed, GatePassed)
            assert passed.reservation_id == rid(1)


class TestStoreThatFails:
    """While somebody names a car: the unit ends, as on everything else that a lane does."""

    async def test_at_the_keypad(self, tmp_path: Path) -> None:
        with pytest.raises(ExceptionGroup) as ended:
            async with serving(tmp_path, Direction.ENTRY, booked()) as site, httpx.AsyncClient() as keypad:
                await a_car_that_is_not_read(site)
                drop_the_log(tmp_path)
                there = f"http://127.0.0.1:{site.settings.api.port}/check-in"
                with suppress(httpx.HTTPError):
                    await keypad.post(there, json={"reservation_id": rid(1)})
                await soon(asyncio.Event().wait())
        assert ended.group_contains(sqlite3.OperationalError)

    async def test_by_the_hub(self, tmp_path: Path, lot_broker: BrokerSite) -> None:
        with pytest.raises(ExceptionGroup) as ended:
            async with with_its_hub(lot_broker, tmp_path) as (site, hub):
                challenge = await soon(hub.challenges.get())
                await a_car_that_is_not_read(site)
                drop_the_log(tmp_path)
                async with asyncio.TaskGroup() as asking:
                    asking.create_task(hub.asks(challenge))
                    await soon(asyncio.Event().wait())
        assert ended.group_contains(sqlite3.OperationalError)


async def a_car_that_is_not_read(site: Site) -> None:
    await site.street.set_camera(CameraMode.BLACK)
    await site.street.arrive("c1", [], patience_ms=60_000)
    await site.until(lambda state: state.display == ("CAMERA OUT OF ORDER", "TYPE YOUR BOOKING ID"))


def drop_the_log(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "gate.db")) as other:
        other.execute("DROP TABLE fact")


class Hub:
    """The hub's end of the lot's link: it hears the gate's status and facts, asks it, and tells it."""

    def __init__(self, broker: BrokerSite, gate: str, journal: Journal) -> None:
        self._gate = gate
        self.journal = journal
        self.link = Link(broker.seen_by(LOT), "riverside@1", replies=topics.gate_replies("riverside.+", "riverside@1"))
        self.challenges: asyncio.Queue[str] = asyncio.Queue()
        self.noted: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
        self.sent: list[Sent] = []
        self.link.subscribe(topics.gate_status(gate), self._status)
        self.teller = FactSender(self.link, topics.gate_facts(gate, "down"), Sender(journal, gate), _clock)
        receiver = Receiver(gate, journal, self._fact, grants=journal, sent=self.sent.append)
        FactReceiver(self.link, topics.gate_facts(gate, "up"), receiver)

    async def _status(self, _topic: str, payload: bytes) -> None:
        status = UnitStatus.decode(payload)
        assert status.online is (status.challenge is not None)
        if status.challenge is not None:
            self.challenges.put_nowait(status.challenge)

    async def another_challenge(self, than: str) -> str:
        """The next that the gate says: with its grant it says once more what it said before."""
        while (challenge := await self.challenges.get()) == than:
            pass
        return challenge

    def _fact(self, fact: Fact) -> None:
        if fact.kind == WithdrawalNoted.kind:
            self.noted.put_nowait((fact.payload["reservation_id"], fact.payload["revision"]))

    async def asks(self, challenge: str, **said: object) -> Reply:
        fields: dict[str, object] = {
            "request_id": f"r-{challenge}-{len(said)}",
            "gate_id": self._gate,
            "direction": Direction.ENTRY,
            "reservation_id": rid(1),
            "car_required": False,
            "answer_by": datetime.now(UTC) + timedelta(seconds=10),
            "challenge": challenge,
        }
        request = AdmitRequest.model_validate(fields | said)
        replies = topics.gate_replies(self._gate, "riverside@1")
        return await self.link.request(topics.gate_requests(self._gate, "admit"), request, replies, timeout_s=10)


@asynccontextmanager
async def with_its_hub(broker: BrokerSite, folder: Path) -> AsyncIterator[tuple[Site, Hub]]:
    with closing(Store(folder / "hub.db")) as store:
        hub = Hub(broker, ENTRY, Journal(store, LOT, "boot-h"))
        gate = serving(folder, Direction.ENTRY, booked(), broker=broker.seen_by(ENTRY))
        async with linked(hub.link), gate as site:
            yield site, hub


class TestHub:
    async def test_lets_a_car_in_once_for_each_challenge(self, tmp_path: Path, lot_broker: BrokerSite) -> None:
        async with with_its_hub(lot_broker, tmp_path) as (site, hub):
            first = await soon(hub.challenges.get())
            no_car = await hub.asks(first, car_required=True)
            assert (no_car.ok, no_car.code, no_car.final) == (False, "no_car", True)
            again = await hub.asks(first)
            assert (again.ok, again.code, again.final) == (False, "challenge_wrong", False)
            second = await soon(hub.another_challenge(first))
            reply = await hub.asks(second)
            assert reply.result is not None
            answer = AdmitAnswer.model_validate(reply.result)
            assert (answer.verdict, answer.reservation_id) == (Verdict.ADMIT, rid(1))
            await site.until(lambda state: state.arm is not Arm.DOWN)
            assert decisions(site)[-1].evidence is Evidence.ID
            third = await soon(hub.another_challenge(second))
            assert third != first

    async def test_says_at_the_wrong_lane_so(self, tmp_path: Path, lot_broker: BrokerSite) -> None:
        async with with_its_hub(lot_broker, tmp_path) as (_site, hub):
            reply = await hub.asks(await soon(hub.challenges.get()), direction=Direction.EXIT)
            assert (reply.code, reply.final) == ("wrong_direction", True)

    async def test_hears_that_a_withdrawn_right_is_known_at_this_gate(
        self, tmp_path: Path, lot_broker: BrokerSite
    ) -> None:
        async with with_its_hub(lot_broker, tmp_path) as (_site, hub):
            await soon(hub.challenges.get())
            with hub.journal.transaction():
                hub.journal.append(booked(status=Status.CANCELLED).model_copy(update={"revision": 3}), _clock())
            async with running(hub.teller.run()):
                hub.teller.nudge()
                assert await soon(hub.noted.get()) == (rid(1), 3)
            told = hub.journal.latest(WithdrawalNoted.kind, 1)[0]
            assert hub.sent[-1].boot == told.boot
            assert hub.sent[-1].mono_ms >= told.mono_ms


def _clock() -> Now:
    return Now(time.monotonic_ns() // 1_000_000, datetime.now(UTC))
