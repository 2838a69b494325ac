"""A gate's disk late in a busy week: the bookings that it expects, and a long log of its own. The hub's log beside it.

The bookings are the hub's own work: held and confirmed by a lot's core, and its log taken in by the gate, fact by fact.
The gate's log is written in bulk, through the same tables and chained as ever: one fact at a time, each with a commit,
it would take the better part of an hour.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from cloud_sync.link.fact_rows import keep_facts
from cloud_sync.link.host import this_machine
from cloud_sync.link.journal import Journal
from cloud_sync.link.log import Cursor, Position
from cloud_sync.link.receiving import Receiver
from cloud_sync.link.seal import Seal
from cloud_sync.link.store import Store
from cloud_sync.link.ticket import TicketKey
from cloud_sync.link.v1.facts import Direction, GateDecided, GatePassed, Payload
from cloud_sync.link.v1.messages import BATCH_MAX, AckState, ConfirmRequest, HoldRequest
from domain.admission import Evidence, Reason, Verdict
from domain.errors import OperatorError
from domain.fact import GENESIS, Fact, link
from domain.ids import reservation_id
from domain.money import Money
from domain.now import Now, Trust
from domain.spot import SpotKind, VehicleType
from gate_firmware.replica import Replica
from hub.lot import Lot
from simulator.street.plates import NumberPlate, draw_plate

LOT, ENTRY, EXIT = "riverside", "riverside.entry-1", "riverside.exit-1"
GATES = {ENTRY: Direction.ENTRY, EXIT: Direction.EXIT}
SEED = 1
BEGIN_IN = timedelta(minutes=12)
"""As early as the policy lets the first of them in: nobody of these is missed while it is measured."""
LENGTH, EVERY = timedelta(hours=3), timedelta(hours=4)
AT_ONCE = 500
"""Requests, or facts, in one transaction."""
DAYS = 6
"""How far back the gate's own log goes."""


@dataclass(frozen=True, slots=True)
class Scale:
    """`told` of the gate's facts the hub has not heard: the last ones, of cars that came in on the first bookings."""

    bookings: int = 10_000
    spots: int = 2_000
    facts: int = 500_000
    told: int = 4_000


@dataclass(frozen=True, slots=True)
class Booking:
    """A booking, its ticket's text, and the plate as it hangs on the car."""

    reservation_id: str
    number: NumberPlate
    spot_id: str
    ticket: str


def book(path: Path, seal: Seal, key: TicketKey, scale: Scale, now: Now) -> list[Booking]:
    """Have a lot's core hold and confirm all bookings, in its store at `path`; `scale.spots` at a time can be entered
    on at once, and they come first."""
    rng = random.Random(SEED)  # noqa: S311  a bench, not a secret
    numbers = list(islice(_different(rng), scale.bookings))
    made: list[Booking] = []
    with closing(Store(path)) as store:
        store.claim(LOT)
        lot = Lot(store, Journal(store, LOT, "bench"), key)
        spots = [f"{LOT}.1-{number + 1:03}" for number in range(scale.spots)]
        lot.lay_out(dict.fromkeys(spots, SpotKind.STANDARD), GATES, now)
        for begin in range(0, scale.bookings, AT_ONCE):
            with store.transaction():
                for index in range(begin, min(begin + AT_ONCE, scale.bookings)):
                    start = now.utc + BEGIN_IN + index // scale.spots * EVERY
                    request = _hold(index, spots[index % scale.spots], numbers[index], seal, start, now)
                    lot.reservations.hold(request, now)
                    confirmed = lot.reservations.confirm(ConfirmRequest(reservation_id=request.reservation_id), now)
                    made.append(Booking(request.reservation_id, numbers[index], request.spot_id, confirmed.ticket))
    return made


def lay_down(
    path: Path, hub: Path, gate_id: str, bookings: list[Booking], seal: Seal, scale: Scale, now: Now,
    say: Callable[[str], None],
) -> None:  # fmt: skip
    """The gate's store at `path`: the log of the hub at `hub`, taken in, and a log of its own until there are
    `scale.facts` in all. The hub has it all but the last `scale.told`."""
    with closing(Store(path)) as store, closing(Store(hub)) as hub_store:
        store.claim(gate_id)
        journal, of_hub = Journal(store, gate_id, "bench"), Journal(hub_store, LOT, "bench")
        _take_in(journal, Replica(store), of_hub)
        [heard] = store.connection.execute("SELECT count(*) FROM fact").fetchone()
        told = Cursor()
        own = _own_log(gate_id, bookings, seal, scale.facts - heard, scale.told, now)
        count = 0
        while some := list(islice(own, AT_ONCE)):
            with store.transaction():
                keep_facts(store.connection, some)
            for fact in some:
                count += 1
                if count == scale.facts - heard - scale.told:
                    told = Cursor.at(fact)
            if count % 100_000 < AT_ONCE:
                say(f"{heard + count:,} facts on {gate_id}'s disk")
        journal.acknowledge(LOT, told.position)
        with hub_store.transaction():
            place = (gate_id, told.position.epoch, told.position.seq, told.chain)
            hub_store.connection.execute("INSERT OR REPLACE INTO applied VALUES (?, ?, ?, ?)", place)
        store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def clock() -> Now:
    """This machine's, believed."""
    return this_machine(Trust.NTP).clock()


def _take_in(journal: Journal, replica: Replica, of_hub: Journal) -> None:
    receiver, place = Receiver(LOT, journal, replica.apply), Position()
    while some := of_hub.after(place, BATCH_MAX):
        if receiver.receive(some).state is not AckState.OK:
            raise OperatorError("bench_failed", "the gate did not take the hub's log in")
        place = Position(some[-1].epoch, some[-1].seq)


def _own_log(gate_id: str, bookings: list[Booking], seal: Seal, count: int, told: int, now: Now) -> Iterator[Fact]:
    """Decisions and passages: the last `told` of cars that came in on the first bookings, the others of strangers."""
    chain, before = GENESIS, timedelta(days=DAYS)
    told -= told % 2
    strange = seal.seal(bookings[-1].number.plate)
    for index in range(count):
        at = now.utc - before * ((count - index) / count)
        car, rest = divmod(index - (count - told), 2) if index >= count - told else (None, index % 2)
        booking = None if car is None else bookings[car]
        plate = strange if booking is None else seal.seal(booking.number.plate)
        payload: Payload
        if rest == 0:
            payload = GateDecided(
                passage_id=f"{index // 2:016x}",
                direction=GATES[gate_id],
                verdict=Verdict.ADMIT if booking else Verdict.REFUSE,
                reason=Reason.BOOKED if booking else Reason.NO_BOOKING,
                evidence=Evidence.PLATE if booking else Evidence.NONE,
                reservation_id=None if booking is None else booking.reservation_id,
                spot_id=None if booking is None else booking.spot_id,
                plate=plate,
                score=-0.123,
                frames=3,
                took_ms=400,
            )
        else:
            payload = GatePassed(
                passage_id=f"{index // 2:016x}",
                direction=GATES[gate_id],
                reservation_id=None if booking is None else booking.reservation_id,
                plate=plate,
                evidence=Evidence.PLATE if booking else Evidence.NONE,
                spot_id=None if booking is None else booking.spot_id,
            )
        fact = Fact(gate_id, 1, index + 1, payload.kind, at, "bench", index, Trust.NTP, payload.to_json(), chain="")
        chain = link(chain, fact)
        yield replace(fact, chain=chain)


def _hold(index: int, spot_id: str, number: NumberPlate, seal: Seal, start: datetime, now: Now) -> HoldRequest:
    return HoldRequest(
        reservation_id=reservation_id(index + 1),
        spot_id=spot_id,
        user_id=f"u{index}",
        vehicle_id=f"v{index}",
        driver_name="Ada",
        vehicle_type=VehicleType.STANDARD,
        plate=seal.seal(number.plate),
        start_time=start,
        end_time=start + LENGTH,
        price=Money(1250, "EUR"),
        answer_by=now.utc + timedelta(minutes=1),
    )


def _different(rng: random.Random) -> Iterator[NumberPlate]:
    seen: set[str] = set()
    while True:
        number = draw_plate(rng)
        if number.plate.folded not in seen:
            seen.add(number.plate.folded)
            yield number
