"""The lot riverside in a folder: a real store, its book and its stays, and what its gates and drivers say."""

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.link.journal import Journal
from cloud_sync.link.log import Position
from cloud_sync.link.receiving import Receiver
from cloud_sync.link.seal import Seal
from cloud_sync.link.store import Store
from cloud_sync.link.ticket import TicketKey
from cloud_sync.link.v1.facts import (
    AlarmRaised,
    Direction,
    GateDecided,
    GatePassed,
    Payload,
    StayChanged,
    WithdrawalNoted,
    payload_of,
)
from cloud_sync.link.v1.messages import (
    AckState,
    CancelAnswer,
    CancelRequest,
    ConfirmAnswer,
    ConfirmRequest,
    HoldAnswer,
    HoldRequest,
    ReleaseRequest,
)
from domain.admission import Reason, Verdict
from domain.fact import Fact
from domain.ids import reservation_id
from domain.money import Money
from domain.now import Now
from domain.plate import Plate
from domain.reservation import Status, Step
from domain.spot import SpotKind, VehicleType
from hub.book import Reservation
from hub.lot import Lot
from tests.parts import ENTRY, EXIT, LOT, NOON

P = TypeVar("P", bound=Payload)

NOW = Now(1_000_000, NOON)
HOUR_MS, MINUTE_MS = 3_600_000, 60_000
PLATE = Plate("HHAB123")
SEAL = Seal(bytes(range(32)))
KEY = TicketKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
SPOT, OTHER_SPOT, LARGE_SPOT = "riverside.1-001", "riverside.1-002", "riverside.2-001"
SPOTS = {SPOT: SpotKind.STANDARD, OTHER_SPOT: SpotKind.STANDARD, LARGE_SPOT: SpotKind.LARGE}
GATES = {ENTRY: Direction.ENTRY, EXIT: Direction.EXIT}
DIRECTIONS = {**GATES, "riverside.entry-2": Direction.ENTRY}


def rid(number: int) -> str:
    """The reservation id of a number."""
    return reservation_id(number)


def at(hours: float) -> datetime:
    """So many hours after noon."""
    return NOON + timedelta(hours=hours)


def hold_request(
    number: int = 1,
    *,
    spot_id: str = SPOT,
    start: float = 0,
    end: float = 1,
    vehicle_type: VehicleType = VehicleType.STANDARD,
    plate: Plate = PLATE,
    user_id: str = "u1",
    answer_by: datetime | None = None,
    driver_name: str = "Ada",
) -> HoldRequest:
    """A hold from `start` to `end` hours after noon."""
    return HoldRequest(
        reservation_id=rid(number),
        spot_id=spot_id,
        user_id=user_id,
        vehicle_id="v1",
        driver_name=driver_name,
        vehicle_type=vehicle_type,
        plate=SEAL.seal(plate),
        start_time=at(start),
        end_time=at(end),
        price=Money(1250, "EUR"),
        answer_by=answer_by or at(100),
    )


def decided(**said: Any) -> GateDecided:
    """A refusal, or whatever else is said."""
    refusal = {
        "passage_id": "p1",
        "direction": Direction.ENTRY,
        "verdict": Verdict.REFUSE,
        "reason": Reason.NO_BOOKING,
        "evidence": "none",
        "reservation_id": None,
        "spot_id": None,
        "plate": SEAL.seal(PLATE),
        "score": None,
        "frames": 3,
        "took_ms": 412,
    }
    return GateDecided.model_validate(refusal | said)


@cache
def _new_stores() -> TemporaryDirectory[str]:
    """Stores with nothing in them but their tables: made once, because every commit waits for the disk."""
    made = TemporaryDirectory()
    for name in ("riverside.db", "gates.db"):
        with closing(Store(Path(made.name) / name)) as store:
            lot = Lot(store, Journal(store, LOT, "boot-1"), KEY)
            if name == "riverside.db":
                lot.lay_out(SPOTS, GATES, NOW)
    return made


class Riverside:
    """The lot, long on its own link, its requests in short words, and what it has told."""

    def __init__(self, folder: Path) -> None:
        copytree(_new_stores().name, folder, dirs_exist_ok=True)
        self.store = Store(folder / "riverside.db")
        self.journal = Journal(self.store, LOT, "boot-1")
        self.lot = Lot(self.store, self.journal, KEY)
        self.listens(now=NOW.later(-HOUR_MS))
        self._gates = Store(folder / "gates.db")  # one file for all their logs: each has its own numbers in it
        self._logs: dict[str, Journal] = {}

    def close(self) -> None:
        self.store.close()
        self._gates.close()

    def log_of(self, unit: str) -> Journal:
        """A gate's own log, or central's."""
        if unit not in self._logs:
            self._logs[unit] = Journal(self._gates, unit, "boot-g")
        return self._logs[unit]

    def hold(self, request: HoldRequest | None = None, now: Now = NOW) -> HoldAnswer:
        return self.lot.reservations.hold(request or hold_request(), now)

    def confirm(self, number: int = 1, now: Now = NOW) -> ConfirmAnswer:
        return self.lot.reservations.confirm(ConfirmRequest(reservation_id=rid(number)), now)

    def cancel(
        self, number: int = 1, now: Now = NOW, cause: str = "driver", requested_at: datetime | None = None
    ) -> CancelAnswer:
        """Requested just now, or at another instant."""
        request = CancelRequest(reservation_id=rid(number), cause=cause, requested_at=requested_at or now.utc)
        return self.lot.reservations.cancel(request, now)

    def release(self, number: int = 1, now: Now = NOW) -> None:
        self.lot.reservations.release(ReleaseRequest(reservation_id=rid(number)), now)

    def booked(self, number: int = 1, request: HoldRequest | None = None, now: Now = NOW) -> None:
        """A hold, confirmed."""
        self.hold(request or hold_request(number), now)
        self.confirm(number, now)

    def reservation(self, number: int = 1) -> Reservation:
        found = self.lot.book.find(rid(number))
        assert found is not None
        return found

    def status(self, number: int = 1) -> Status:
        return self.reservation(number).status

    def brought_to(self, status: Status) -> None:
        """Reservation 1 is in this status, its car not in the lot."""
        self.hold()
        if status is Status.EXPIRED:
            self.lot.woken(NOW.later(HOUR_MS))
            return
        if status is not Status.HELD:
            self.confirm()
        match status:
            case Status.CANCELLED:
                self.cancel()
            case Status.NO_SHOW:
                self.lot.book.change(self.reservation(), Step.NO_SHOW, "no_show", NOW)
            case Status.CHECKED_IN | Status.COMPLETED:
                self.came_in(hours=0)
                if status is Status.COMPLETED:
                    self.went_out(hours=0.1)
        assert self.status() is status

    def listens(self, *, up: bool = True, now: Now = NOW) -> None:
        """The hub comes onto the lot's link, or goes."""
        self.lot.link_is(up=up, now=now)

    def heard(self, *gates: str, online: bool = True, now: Now = NOW) -> None:
        """These gates are on the lot's link, or are not."""
        for gate_id in gates:
            self.lot.gate_heard(gate_id, online=online, now=now)

    def woken(self, hours: float) -> bool:
        """The lot is woken so many hours after noon."""
        return self.lot.woken(NOW.later(round(hours * HOUR_MS)))

    def noted(self, number: int = 1, *, unit: str = ENTRY, revision: int | None = None, hours: float = 0) -> Fact:
        """An entry gate answers that it knows of a withdrawal; the hub takes it in."""
        revision = self.reservation(number).revision if revision is None else revision
        now = NOW.later(round(hours * HOUR_MS))
        return self.tells(unit, WithdrawalNoted(reservation_id=rid(number), revision=revision), now)

    def crossed(
        self, unit: str, when: datetime, *, number: int | None = None, plate: Plate | None = None, **said: Any
    ) -> Fact:
        """A passage that a gate writes into its own log; the hub does not know of it yet."""
        log = self.log_of(unit)
        passed = GatePassed(
            passage_id="p1",
            direction=DIRECTIONS[unit],
            reservation_id=None if number is None else rid(number),
            plate=None if plate is None else SEAL.seal(plate),
            **said,
        )
        with log.transaction():
            return log.append(passed, Now(0, when))

    def tells(self, unit: str, payload: Payload, now: Now = NOW) -> Fact:
        """A fact of a gate, or of central, that the hub takes in."""
        log = self.log_of(unit)
        with log.transaction():
            fact = log.append(payload, now)
        self.take(fact, now=now)
        return fact

    def take(self, *facts: Fact, now: Now = NOW) -> None:
        """The hub takes facts in as they come over the link."""
        for fact in facts:
            receiver = Receiver(fact.unit, self.journal, lambda one: self.lot.apply(one, now))
            assert receiver.receive([fact]).state is AckState.OK

    def came_in(
        self,
        number: int | None = 1,
        *,
        hours: float = 0,
        unit: str = ENTRY,
        plate: Plate | None = None,
        sent_to: str | None = None,
    ) -> Fact:
        fact = self.crossed(unit, at(hours), number=number, plate=plate, spot_id=sent_to)
        self.take(fact, now=NOW.later(round(hours * HOUR_MS)))
        return fact

    def went_out(self, number: int | None = 1, *, hours: float = 0.5, plate: Plate | None = None) -> Fact:
        fact = self.crossed(EXIT, at(hours), number=number, plate=plate)
        self.take(fact, now=NOW.later(round(hours * HOUR_MS)))
        return fact

    def facts(self) -> Sequence[Fact]:
        """Everything that the hub has told, in order."""
        return self.journal.after(Position(), 10_000)

    def told(self, kind: type[P]) -> list[P]:
        """What it has told of one kind."""
        return [said for said in map(payload_of, self.facts()) if isinstance(said, kind)]

    def alarms(self) -> list[str]:
        """The names of the alarms that it has raised."""
        return [alarm.alarm for alarm in self.told(AlarmRaised)]

    def set_aside(self) -> list[str]:
        """Why facts could not be applied."""
        rows = self.store.connection.execute("SELECT set_aside FROM fact WHERE set_aside IS NOT NULL")
        return [row["set_aside"] for row in rows]

    def stays(self) -> list[StayChanged]:
        """The stays as they were last told, oldest first."""
        return list({stay.stay_id: stay for stay in self.told(StayChanged)}.values())
