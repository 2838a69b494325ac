"""One gate in a folder: a real store with its log and its replica, a judge and a lane, on moved time."""

import itertools
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.link.journal import Journal
from cloud_sync.link.log import Position
from cloud_sync.link.receiving import Receiver
from cloud_sync.link.seal import Seal
from cloud_sync.link.store import Store
from cloud_sync.link.ticket import Ticket, TicketKey
from cloud_sync.link.v1.facts import (
    AlarmRaised,
    Direction,
    GateDecided,
    GatePassed,
    LaneNoted,
    Mode,
    Noted,
    Payload,
    PolicyChanged,
    ReservationChanged,
    SpotChanged,
    StayChanged,
    TicketKeyPublished,
    payload_of,
)
from cloud_sync.link.v1.messages import AckState
from domain.admission import Evidence, Reason
from domain.fact import GENESIS, Fact, FactRef, link
from domain.ids import reservation_id
from domain.money import Money
from domain.now import Now, Trust
from domain.plate import Plate
from domain.policy import Policy, Tariff
from domain.reservation import Status
from domain.spot import SpotKind, VehicleType
from domain.window import Window
from gate_firmware.arrival_watch import MOMENT_MS
from gate_firmware.deciding import Judge
from gate_firmware.events import (
    ArmMoved,
    ArrivalLoop,
    CodeSeen,
    Command,
    Credential,
    Event,
    FireAlarm,
    Identified,
    Inputs,
    Look,
    Looked,
    ModeSet,
    SafetyLoop,
    Sight,
)
from gate_firmware.lane import Lane
from gate_firmware.lane_states import State
from gate_firmware.replica import Replica
from gate_firmware.settings import Timing
from hardware.barrier import Position as Arm
from hardware.wiring import BarrierWiring
from tests.parts import ENTRY, EXIT, LOT, NOON

P = TypeVar("P", bound=Payload)

NOW = Now(1_000_000, NOON)
UNTRUSTED = Now(1_000_000, NOON, Trust.NONE)
HOUR_MS = 3_600_000
PLATE, OTHER = Plate("HHAB123"), Plate("MXYZ987")
SEAL = Seal(bytes(range(32)))
SPOT = "riverside.1-042"
TICKET_KEY = TicketKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER_KEY = TicketKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
TIMING = Timing()
BARRIER = BarrierWiring()
MOTION_MS_MAX = BARRIER.motion_ms_max


def rid(number: int) -> str:
    """The reservation id of a number."""
    return reservation_id(number)


def at(hours: float) -> datetime:
    """So many hours after noon."""
    return NOON + timedelta(hours=hours)


def right(
    number: int = 1,
    status: Status = Status.CONFIRMED,
    *,
    revision: int = 2,
    start: float = 0,
    end: float = 1,
    plate: Plate = PLATE,
    spot_id: str = SPOT,
    seal: Seal = SEAL,
) -> ReservationChanged:
    """What the hub says of a reservation from `start` to `end` hours after noon."""
    return ReservationChanged(
        reservation_id=rid(number),
        revision=revision,
        status=status,
        spot_id=spot_id,
        user_id="u1",
        vehicle_id="v1",
        vehicle_type=VehicleType.STANDARD,
        plate=seal.seal(plate),
        start_time=at(start),
        end_time=at(end),
        price=Money(1250, "EUR"),
        hold_expires_at=None,
        cause="test",
    )


def stay(
    number: int | None = 1,
    *,
    left: bool = False,
    stay_id: str = "s1",
    spot_id: str | None = SPOT,
    evidence: Evidence = Evidence.PLATE,
    ticket_id: str | None = None,
    origin: FactRef | None = None,
) -> StayChanged:
    """What the hub says of a car that came in, or went out again."""
    return StayChanged(
        stay_id=stay_id,
        reservation_id=None if number is None else rid(number),
        spot_id=spot_id,
        entered_at=NOON,
        left_at=at(0.5) if left else None,
        conflict=None,
        origin=origin or FactRef("riverside.entry-2", 1, 1),
        evidence=evidence,
        ticket_id=ticket_id,
    )


def spot(number: int, kind: SpotKind = SpotKind.STANDARD, *, in_service: bool = True) -> SpotChanged:
    """What the hub says of the spot riverside.1-<number>."""
    return SpotChanged(spot_id=spot_id(number), spot_kind=kind, in_service=in_service)


def spot_id(number: int) -> str:
    return f"{LOT}.1-{number:03}"


KEY_KNOWN = TicketKeyPublished(key_id=TICKET_KEY.key_id, public_key=TICKET_KEY.public_key)


def ticket(
    number: int = 1,
    *,
    revision: int = 2,
    start: float = 0,
    end: float = 1,
    plate: Plate = PLATE,
    ticket_id: str = "t1",
    lot_id: str = LOT,
    key: TicketKey = TICKET_KEY,
) -> str:
    """The ticket that the hub signs for the reservation of `right` with the same arguments, as a code's text."""
    window = Window(at(start), at(end))
    mark = SEAL.mark(plate)
    return key.sign(Ticket(ticket_id, lot_id, rid(number), revision, SPOT, window, VehicleType.STANDARD, mark))


def policy(**said: int) -> PolicyChanged:
    return PolicyChanged(policy=Policy(**said), tariff=Tariff("EUR", 30, 250))  # type: ignore[arg-type]


@cache
def _new_stores() -> TemporaryDirectory[str]:
    """A store with nothing in it but its tables: made once, because every commit waits for the disk."""
    made = TemporaryDirectory()
    with closing(Store(Path(made.name) / "gate.db")) as store:
        Journal(store, ENTRY, "boot-1")
        Replica(store)
    return made


class Gate:
    """The gate's core with its commands as they come, and its log to look into."""

    def __init__(self, folder: Path, direction: Direction = Direction.ENTRY, barrier: BarrierWiring = BARRIER) -> None:
        self.folder = folder
        self.barrier = barrier
        self.direction = direction
        self.unit = ENTRY if direction is Direction.ENTRY else EXIT
        self.now = NOW
        self.boot = "boot-1"
        self._numbers = itertools.count(1)
        self._hub_facts: list[Fact] = []
        copytree(_new_stores().name, folder, dirs_exist_ok=True)
        self._open()

    def close(self) -> None:
        self.store.close()

    def crash(self) -> None:
        """The process ends and is started anew, on its store: what it knew and had not written down is gone.

        The store is closed in order; what a cut of the power leaves of one is in test_power_cut.py.
        """
        self.store.close()
        self._open()

    def _open(self) -> None:
        self.store = Store(self.folder / "gate.db")
        self.journal = Journal(self.store, self.unit, self.boot)
        self.replica = Replica(self.store, self._withdrawn if self.direction is Direction.ENTRY else None)
        self.judge = Judge(self.direction, LOT, self.replica, SEAL)
        self.lane = Lane(
            direction=self.direction,
            journal=self.journal,
            boot=self.boot,
            replica=self.replica,
            judge=self.judge,
            timing=TIMING,
            barrier=self.barrier,
            new_passage=lambda: f"p{next(self._numbers)}",
        )

    def _withdrawn(self, reservation_id: str, revision: int) -> None:
        self.lane.withdrawn(reservation_id, revision, self.now)

    def hub_says(self, *payloads: Payload) -> None:
        """Facts of the hub, taken in as they come over the link."""
        receiver = Receiver(LOT, self.journal, self.replica.apply)
        for payload in payloads:
            seq, chain = len(self._hub_facts) + 1, self._hub_facts[-1].chain if self._hub_facts else GENESIS
            now = self.now
            fact = Fact(
                LOT, 1, seq, payload.kind, now.utc, "boot-h", now.mono_ms, now.trust, payload.to_json(), chain=""
            )
            self._hub_facts.append(replace(fact, chain=link(chain, fact)))
            assert receiver.receive([self._hub_facts[-1]]).state is AckState.OK

    def set_aside(self) -> list[str]:
        """Why facts of the hub could not be applied."""
        rows = self.store.connection.execute("SELECT set_aside FROM fact WHERE set_aside IS NOT NULL")
        return [row["set_aside"] for row in rows]

    def start(
        self,
        *,
        arrival: bool = False,
        safety: bool = False,
        arm: Arm = Arm.DOWN,
        photocell: bool = False,
        fire: bool = False,
        cabinet_open: bool = False,
    ) -> list[Command]:
        return self.lane.start(Inputs(arrival, safety, arm, photocell, fire, cabinet_open), self.now)

    def happens(self, *events: Event) -> list[Command]:
        """Events one after the other; what the last of them led to."""
        commands: list[Command] = []
        for event in events:
            commands = self.lane.handle(event, self.now)
        return commands

    def recovered(self, *payloads: Payload) -> list[Command]:
        """These facts of its own are in its log again; what it does."""
        with self.journal.transaction():
            for payload in payloads:
                self.journal.append(payload, self.now)
        return self.lane.recovered(self.now)

    def passes_ms(self, ms: int) -> list[Command]:
        """Let time pass, waking the lane each time it asks to be; what it did meanwhile."""
        end, commands = self.now.mono_ms + ms, []
        while (wakeup := self.lane.next_wakeup_ms()) is not None and wakeup <= end:
            self.now = self.now.later(max(wakeup - self.now.mono_ms, 0))
            commands += self.lane.woken(self.now)
        self.now = self.now.later(end - self.now.mono_ms)
        return commands

    def car_comes(self) -> str:
        """A car on the arrival loop; the passage that it is looked at for."""
        commands = self.happens(ArrivalLoop(True))
        return next(command.passage_id for command in commands if isinstance(command, Look))

    def seen(
        self,
        passage_id: str,
        sight: Sight = Sight.KNOWN,
        plate: Plate | None = PLATE,
        frames: int = 3,
        code: str | None = None,
    ) -> list[Command]:
        """The look at a car has come to its end."""
        score = -0.2 if sight is Sight.KNOWN else None
        return self.happens(Looked(passage_id, sight, plate, score, frames, code))

    def shown(self, passage_id: str, code: str) -> list[Command]:
        """The driver of a car that is held back has held up a code."""
        return self.happens(CodeSeen(passage_id, code))

    def named(self, by: Credential, *, car_required: bool = True) -> list[Command]:
        """Somebody says which car this is."""
        return self.happens(Identified(by, car_required))

    def car_leaves(self) -> None:
        """It is off the arrival loop, and stays off for longer than a loop loses a car."""
        self.happens(ArrivalLoop(False))
        self.passes_ms(MOMENT_MS)

    def admitted(self) -> str:
        """A car that has come, was read, and may pass: the arm is going up."""
        passage_id = self.car_comes()
        self.seen(passage_id)
        return passage_id

    def through(self) -> list[Command]:
        """The arm goes up, the car drives under it and away; the commands from its leaving the safety loop."""
        self.happens(ArmMoved(Arm.BETWEEN), ArmMoved(Arm.UP), SafetyLoop(True), ArrivalLoop(False))
        return self.happens(SafetyLoop(False))

    def told(self, kind: type[P]) -> list[P]:
        """What this gate has written into its own log, of one kind."""
        facts = map(payload_of, self.journal.after(Position(), 10_000))
        return [said for said in facts if isinstance(said, kind)]

    @property
    def decisions(self) -> list[GateDecided]:
        return self.told(GateDecided)

    @property
    def passages(self) -> list[GatePassed]:
        return self.told(GatePassed)

    @property
    def reasons(self) -> list[Reason]:
        return [said.reason for said in self.decisions]

    @property
    def noted(self) -> list[tuple[Noted, str]]:
        """What else has happened, and in which passage."""
        return [(said.what, said.passage_id) for said in self.told(LaneNoted)]

    @property
    def alarms(self) -> list[str]:
        return [said.alarm for said in self.told(AlarmRaised)]

    @property
    def alarm_details(self) -> list[str]:
        return [said.detail for said in self.told(AlarmRaised)]

    def stored(self) -> list[str]:
        """The kinds of facts on disk, as another process sees them: only what was committed."""
        with closing(Store(self.folder / "gate.db")) as other:
            rows = other.connection.execute("SELECT kind FROM fact WHERE unit = ? ORDER BY epoch, seq", (self.unit,))
            return [row["kind"] for row in rows]


def brought_to(gate: Gate, state: State) -> None:
    """The lane in this state, by what leads there on a street; the arm is between its limits where it moves."""
    gate.hub_says(right())
    match state:
        case State.LOOKING:
            gate.car_comes()
        case State.HELD_BACK:
            gate.seen(gate.car_comes(), Sight.STRANGER, OTHER)
        case State.OPENING | State.OPEN | State.PASSING | State.CLOSING | State.FAULT:
            gate.admitted()
            gate.happens(ArmMoved(Arm.BETWEEN))
            if state is State.FAULT:
                gate.passes_ms(MOTION_MS_MAX)
            if state in (State.OPEN, State.PASSING, State.CLOSING):
                gate.happens(ArmMoved(Arm.UP))
            if state in (State.PASSING, State.CLOSING):
                gate.happens(SafetyLoop(True), ArrivalLoop(False))
            if state is State.CLOSING:
                gate.happens(SafetyLoop(False), ArmMoved(Arm.BETWEEN))
        case State.FIRE:
            gate.happens(FireAlarm(True))
        case State.HELD_OPEN:
            gate.happens(ModeSet(Mode.HELD_OPEN, "Anna"))
    assert gate.lane.state is state
