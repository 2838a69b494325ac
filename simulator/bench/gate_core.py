"""The gate's core on a full disk: how long a decision takes, and how long from a credential to the relay command."""

import itertools
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from cloud_sync.link.journal import Journal
from cloud_sync.link.seal import Seal
from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import Direction
from domain.errors import OperatorError
from gate_firmware.deciding import Judge, Judgement
from gate_firmware.events import (
    ArmMoved,
    ArrivalLoop,
    ById,
    ByTicket,
    CodeSeen,
    Event,
    Identified,
    Inputs,
    Look,
    Looked,
    RaiseArm,
    SafetyLoop,
    Sight,
)
from gate_firmware.lane import Lane
from gate_firmware.replica import Replica
from gate_firmware.settings import Timing
from hardware.barrier import Position
from hardware.wiring import BarrierWiring
from simulator.bench.gate_disk import ENTRY, LOT, Booking, clock

BY = ("plate", "ticket", "id")


@dataclass(slots=True)
class Times:
    """In milliseconds, by what the car was known by."""

    deciding: dict[str, list[float]] = field(default_factory=lambda: {by: [] for by in BY})
    to_relay: dict[str, list[float]] = field(default_factory=lambda: {by: [] for by in BY})


def measure(path: Path, bookings: list[Booking], seal: Seal, decisions: int, cars: int) -> Times:
    """Take `decisions`, and let `cars` in, by plate, ticket and id in turn. Raises OperatorError for one not let in."""
    times = Times()
    with closing(Store(path)) as store:
        journal, replica = Journal(store, ENTRY, "bench"), Replica(store)
        journal.begin_run()
        judge = Judge(Direction.ENTRY, LOT, replica, seal)
        numbers = itertools.count()
        lane = Lane(
            direction=Direction.ENTRY,
            journal=journal,
            boot="bench",
            replica=replica,
            judge=judge,
            timing=Timing(),
            barrier=BarrierWiring(),
            new_passage=lambda: f"bench-{next(numbers)}",
        )
        lane.start(Inputs(arrival=False, safety=False, arm=Position.DOWN), clock())
        for index, booking in zip(range(cars), bookings, strict=False):
            by = BY[index % len(BY)]
            times.to_relay[by].append(_let_in(lane, booking, by))
        for index, booking in zip(range(decisions), itertools.cycle(bookings[cars:]), strict=False):
            by = BY[index % len(BY)]
            times.deciding[by].append(_decide(judge, booking, by))
    return times


def _decide(judge: Judge, booking: Booking, by: str) -> float:
    now, seen = clock(), _seen("", booking) if by == "plate" else Looked("", Sight.UNSURE, None, None, 0)
    began_s = time.perf_counter()
    judgement: Judgement
    match by:
        case "plate":
            judgement = judge.looked(seen, seen, now)
        case "ticket":
            judgement = judge.named(ByTicket(booking.ticket), seen, now)
        case _:
            judgement = judge.named(ById(booking.reservation_id), seen, now)
    took_ms = 1_000 * (time.perf_counter() - began_s)
    if judgement.reservation_id != booking.reservation_id:
        raise OperatorError("bench_failed", f"{booking.reservation_id} by {by}: {judgement.decision.reason.value}")
    return took_ms


def _let_in(lane: Lane, booking: Booking, by: str) -> float:
    """One car from the loop to an arm that is down again; what its credential took until the relay command."""
    [passage_id] = [one.passage_id for one in lane.handle(ArrivalLoop(True), clock()) if isinstance(one, Look)]
    events: dict[str, Event] = {
        "plate": _seen(passage_id, booking),
        "ticket": CodeSeen(passage_id, booking.ticket),
        "id": Identified(ById(booking.reservation_id)),
    }
    event, now = events[by], clock()
    began_s = time.perf_counter()
    commands = lane.handle(event, now)
    took_ms = 1_000 * (time.perf_counter() - began_s)
    if not any(isinstance(command, RaiseArm) for command in commands):
        raise OperatorError("bench_failed", f"{booking.reservation_id} was not let in by {by}: {lane.told.line1}")
    for happens in _through():
        lane.handle(happens, clock())
    return took_ms


def _through() -> Iterator[Event]:
    yield ArmMoved(Position.UP)
    yield SafetyLoop(True)
    yield ArrivalLoop(False)
    yield SafetyLoop(False)
    yield ArmMoved(Position.BETWEEN)
    yield ArmMoved(Position.DOWN)


def _seen(passage_id: str, booking: Booking) -> Looked:
    return Looked(passage_id, Sight.KNOWN, booking.number.plate, -0.1, 3)
