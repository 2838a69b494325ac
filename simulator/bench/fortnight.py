"""What a lot's hub tells in a fortnight: bookings made a day ahead, cars that come and go, some that do not come."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from cloud_sync.link.seal import Seal
from cloud_sync.link.v1.facts import (
    Payload,
    PolicyChanged,
    ReservationChanged,
    SpotChanged,
    StayChanged,
    WithdrawalSettled,
)
from domain.admission import Evidence
from domain.fact import FactRef
from domain.ids import reservation_id
from domain.money import Money
from domain.plate import Plate
from domain.policy import Policy, Tariff
from domain.reservation import Status
from domain.spot import SpotKind, VehicleType

LOT, GATE = "riverside", "riverside.entry-1"
BEGINS = datetime(2026, 5, 4, tzinfo=UTC)
AHEAD = timedelta(days=1)
STAYS_S = 0.6
"""Of the time between two bookings of a spot, this much is booked."""
NO_SHOW_EVERY = 20
SEAL = Seal(bytes(32))


@dataclass(frozen=True, slots=True)
class Scale:
    """How large the lot is, and for how long it is watched; the last `away` days are what a gate has missed."""

    spots: int = 2_000
    a_day: int = 10_000
    days: int = 14
    away: int = 7


class Step(IntEnum):
    """What happens to a booking, in this order."""

    HELD = 1
    CONFIRMED = 2
    ENTERED = 3
    LEFT = 4
    MISSED = 5


Told = tuple[datetime, Payload]


def layout(scale: Scale) -> Iterator[Told]:
    """What is told before all else."""
    yield BEGINS, PolicyChanged(policy=Policy(), tariff=Tariff("EUR", 30, 250))
    for number in range(scale.spots):
        yield BEGINS, SpotChanged(spot_id=_spot(number), spot_kind=SpotKind.STANDARD, in_service=True)


def days(scale: Scale) -> Iterator[list[Told]]:
    """What is told each day, in order."""
    every = timedelta(days=1) / (scale.a_day / scale.spots)
    steps: list[list[tuple[datetime, int, Step]]] = [[] for _ in range(scale.days)]
    for number in range(scale.days * scale.a_day):
        start = BEGINS + AHEAD + number // scale.spots * every + (number % scale.spots) * timedelta(milliseconds=50)
        minute = timedelta(minutes=1)
        course = [(start - AHEAD, Step.HELD), (start - AHEAD + minute, Step.CONFIRMED)]
        if number % NO_SHOW_EVERY == 0:
            course.append((start + 15 * minute, Step.MISSED))
        else:
            course += [(start + 5 * minute, Step.ENTERED), (start + STAYS_S * every - 5 * minute, Step.LEFT)]
        for at, step in course:
            if (day := (at - BEGINS).days) < scale.days:
                steps[day].append((at, number, step))
    for day_steps in steps:
        told: list[Told] = []
        for at, number, step in sorted(day_steps):
            told += ((at, payload) for payload in _payloads(number, step, at, scale, every))
        yield told


def _payloads(number: int, step: Step, at: datetime, scale: Scale, every: timedelta) -> Iterator[Payload]:
    status = {
        Step.HELD: Status.HELD,
        Step.CONFIRMED: Status.CONFIRMED,
        Step.ENTERED: Status.CHECKED_IN,
        Step.LEFT: Status.COMPLETED,
        Step.MISSED: Status.NO_SHOW,
    }[step]
    start = BEGINS + AHEAD + number // scale.spots * every + (number % scale.spots) * timedelta(milliseconds=50)
    name, revision = reservation_id(number + 1), min(step, 4)
    yield ReservationChanged(
        reservation_id=name,
        revision=revision,
        status=status,
        spot_id=_spot(number % scale.spots),
        user_id=f"driver-{number % 5_000:04}",
        vehicle_id=f"vehicle-{number % 5_000:04}",
        vehicle_type=VehicleType.STANDARD,
        plate=SEAL.seal(Plate(f"HHAB{number % 10_000:04}")),
        start_time=start,
        end_time=start + STAYS_S * every,
        price=Money(1250, "EUR"),
        hold_expires_at=start - AHEAD + timedelta(minutes=10) if step is Step.HELD else None,
        cause="bench",
        ticket_id=f"{number:08x}" if step > Step.HELD else None,
        ticket_revision=2 if step > Step.HELD else None,
    )
    if step is Step.MISSED:
        yield WithdrawalSettled(reservation_id=name, revision=revision, complete=True)
    if step in (Step.ENTERED, Step.LEFT):
        origin = FactRef(GATE, 1, number + 1)
        yield StayChanged(
            stay_id=origin.stay_id,
            reservation_id=name,
            spot_id=_spot(number % scale.spots),
            entered_at=start + timedelta(minutes=5),
            left_at=at if step is Step.LEFT else None,
            conflict=None,
            origin=origin,
            evidence=Evidence.PLATE,
            ticket_id=f"{number:08x}",
        )


def _spot(number: int) -> str:
    return f"{LOT}.1-{number + 1:04}"
