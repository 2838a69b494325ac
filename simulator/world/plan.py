"""What a seed draws before the first virtual second: the lots, and everybody who will come to them."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from cloud_sync.link.seal import KEY_BYTES
from cloud_sync.link.v1.facts import Direction, Listing
from domain.plate import Plate
from domain.policy import Policy, Tariff
from domain.spot import FITS, SpotKind, VehicleType
from simulator.street.plates import draw_plate
from simulator.world.provider import Card
from simulator.world.seen import LotPlan

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_H = 24

NAMES = ("riverside", "harbour", "station")
LAST_START = 0.85
"""Of the run: nobody's window begins later."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large a world is; each field is drawn where it is None."""

    lots: int | None = None
    entries: int | None = None
    exits: int | None = None
    cars_a_day: int | None = None


@dataclass(frozen=True, slots=True)
class Trip:
    """What one driver is going to do, in true time since the run began."""

    driver: str
    lot_id: str
    plate: Plate
    vehicle: VehicleType
    card: Card
    agrees: bool  # where their bank asks whether it is them
    books_ms: int | None  # None: comes without a booking
    start_ms: int
    end_ms: int
    cancels_ms: int | None
    comes_ms: int | None  # None: never
    leaves_ms: int
    has_phone: bool
    knows_id: bool
    second_car: Plate | None  # somebody else's, that comes on the same booking

    @property
    def listing(self) -> Listing | None:
        """The list that this plate is put on: of every three who come without a booking one is staff, one denied."""
        if self.books_ms is not None:
            return None
        return (Listing.STAFF, Listing.DENIED, None)[int(self.driver.rpartition("-")[2]) % 3]


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole world as drawn."""

    seed: int
    hours: float
    lots: tuple[LotPlan, ...]
    trips: tuple[Trip, ...]

    @property
    def plates(self) -> list[Plate]:
        """Of all cars there are."""
        return [plate for trip in self.trips for plate in (trip.plate, trip.second_car) if plate is not None]

    @property
    def ends_ms(self) -> int:
        """When the faults and the drivers' plans end."""
        return int(self.hours * HOUR_MS)

    def __str__(self) -> str:
        lots = ", ".join(f"{lot.lot_id} ({len(lot.gates)} gates, {len(lot.spots)} spots)" for lot in self.lots)
        return f"seed {self.seed}: {self.hours:g} h at {lots}; {len(self.trips)} drivers"


def draw_plan(seed: int, hours: float, size: Size, dice: random.Random) -> Plan:
    """A world of about `size`."""
    lots = [_lot(name, size, dice) for name in NAMES[: size.lots or dice.randint(1, 3)]]
    plates: set[Plate] = set()
    trips: list[Trip] = []
    for lot in lots:
        cars = size.cars_a_day or dice.randint(30, 80)
        for number in range(max(round(cars * hours / DAY_H), 1)):
            trips.append(_trip(f"{lot.lot_id}-{number:03}", lot, hours, plates, dice))
    return Plan(seed, hours, tuple(lots), tuple(trips))


def _lot(lot_id: str, size: Size, dice: random.Random) -> LotPlan:
    kinds = {SpotKind.STANDARD: dice.randint(6, 24), SpotKind.LARGE: dice.randint(2, 6), SpotKind.EV: 2}
    kinds |= {SpotKind.MOTORCYCLE: 2, SpotKind.COMPACT: dice.randint(1, 5)}
    spots: dict[str, SpotKind] = {}
    for level, (kind, count) in enumerate(kinds.items(), 1):
        spots |= {f"{lot_id}.{level}-{number:03}": kind for number in range(1, count + 1)}
    gates: dict[str, Direction] = {}
    for direction, wanted in ((Direction.ENTRY, size.entries), (Direction.EXIT, size.exits)):
        for number in range(1, (wanted or dice.randint(1, 2)) + 1):
            gates[f"{lot_id}.{direction.value}-{number}"] = direction
    policy = Policy(no_show_fee_percent=dice.choice((100, 60)), minimum_fee_minor=dice.choice((0, 100)))
    tariff = Tariff("EUR", 30, dice.choice((100, 250)), dice.choice((None, 2_800)))
    return LotPlan(lot_id, spots, gates, policy, tariff, plate_key=dice.randbytes(KEY_BYTES).hex())


def spots_for(vehicle: VehicleType, spots: Mapping[str, SpotKind]) -> list[str]:
    """The spots that such a vehicle fits on."""
    return [spot_id for spot_id, kind in spots.items() if kind in FITS[vehicle]]


def _trip(driver: str, lot: LotPlan, hours: float, plates: set[Plate], dice: random.Random) -> Trip:
    run_ms = int(hours * HOUR_MS)
    start_ms = dice.randrange(10, max(int(run_ms * LAST_START) // MINUTE_MS, 11)) * MINUTE_MS
    end_ms = start_ms + dice.randint(2, 16) * 15 * MINUTE_MS
    books = dice.random() >= WITHOUT_BOOKING
    on_time_ms = start_ms + int(dice.uniform(-12, 13) * MINUTE_MS)
    comes_ms: int | None = on_time_ms
    leaves_ms = end_ms - int(dice.uniform(1, 20) * MINUTE_MS)
    cancels_ms: int | None = None
    match dice.choices([name for name, _ in HABITS], [weight for _, weight in HABITS])[0]:
        case "early":
            comes_ms = start_ms - int(dice.uniform(16, 45) * MINUTE_MS)
        case "late":
            comes_ms = start_ms + int(dice.uniform(16, 100) * MINUTE_MS)
        case "never":
            comes_ms = None
        case "cancels":
            cancels_ms, comes_ms = start_ms - int(dice.uniform(-5, 150) * MINUTE_MS), None
        case "cancels, and comes":
            cancels_ms = min(on_time_ms, start_ms) - int(dice.uniform(0.1, 4) * MINUTE_MS)  # on their way already
        case "stays":
            leaves_ms = end_ms + int(dice.uniform(3, 60) * MINUTE_MS)
        case "leaves early":
            leaves_ms = start_ms + int((end_ms - start_ms) * dice.uniform(0.1, 0.7))
    lead_ms = int(dice.choice((dice.uniform(1, 20), dice.uniform(20, 480))) * MINUTE_MS)
    return Trip(
        driver=driver,
        lot_id=lot.lot_id,
        plate=_new_plate(plates, dice),
        vehicle=dice.choices(list(VehicleType), (4, 8, 3, 1, 2))[0],
        card=Card.draw(dice),
        agrees=dice.random() < 0.7,
        books_ms=max(start_ms - lead_ms, MINUTE_MS) if books else None,
        start_ms=start_ms,
        end_ms=end_ms,
        cancels_ms=cancels_ms,
        comes_ms=comes_ms,
        leaves_ms=max(leaves_ms, (comes_ms or 0) + 3 * MINUTE_MS),
        has_phone=dice.random() < 0.92,
        knows_id=dice.random() < 0.7,
        second_car=_new_plate(plates, dice) if dice.random() < 0.03 else None,
    )


WITHOUT_BOOKING = 0.04

HABITS = (
    ("ordinary", 42),
    ("early", 5),
    ("late", 10),
    ("never", 8),
    ("cancels", 8),
    ("cancels, and comes", 9),
    ("stays", 8),
    ("leaves early", 10),
)
"""How many of a hundred drivers do what."""


def _new_plate(plates: set[Plate], dice: random.Random) -> Plate:
    while True:
        plate = draw_plate(dice).plate
        if plate not in plates:
            plates.add(plate)
            return plate
