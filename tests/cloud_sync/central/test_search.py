"""What central's copy says of the spots, straight from its rows."""

from datetime import datetime, timedelta

import httpx
import pytest
from sqlmodel import Session

from cloud_sync.central import search
from cloud_sync.central.database import Database
from cloud_sync.central.search import Counts, SpotState
from cloud_sync.central.tables import SpotCopy
from cloud_sync.link.v1.facts import SpotChanged
from domain.now import rfc3339
from domain.reservation import HOLDS_SPOT, Status
from domain.spot import FITS, SpotKind, VehicleType
from domain.window import Window
from tests.cloud_sync.central.rows import reservation, stay
from tests.cloud_sync.central.site import Site
from tests.cloud_sync.central.street import END, LOT, SPOT, START
from tests.parts import NOON

MINUTE = timedelta(minutes=1)
WINDOW = Window(START, END)


def spot(spot_id: str = SPOT, kind: SpotKind = SpotKind.STANDARD, *, in_service: bool = True) -> SpotCopy:
    return SpotCopy(spot_id=spot_id, lot_id=spot_id.partition(".")[0], kind=kind.value, in_service=in_service)


def free(
    database: Database,
    window: Window = WINDOW,
    now: datetime = NOON,
    vehicle: VehicleType = VehicleType.STANDARD,
) -> list[str]:
    with database.reading() as session:
        return [found.spot_id for found in search.available(session, LOT, vehicle, window, now)]


def how(session: Session, now: datetime) -> tuple[SpotState, Counts]:
    return search.state_of(session, SPOT, now), search.counts(session, LOT, now)


def add(database: Database, *rows: object) -> None:
    with database.transaction() as session:
        session.add_all(rows)


@pytest.mark.parametrize(
    ("start", "end", "is_free"),
    [
        (-60, 0, True),  # ends as the booking begins
        (-60, 1, False),
        (0, 120, False),
        (30, 60, False),
        (-60, 180, False),
        (119, 180, False),
        (120, 180, True),  # begins as it ends
    ],
)
def test_windows_that_touch_do_not_overlap(database: Database, start: int, end: int, is_free: bool) -> None:
    add(database, spot(), reservation())
    assert free(database, Window(START + start * MINUTE, START + end * MINUTE)) == [SPOT] * is_free


@pytest.mark.parametrize("status", Status)
def test_only_who_has_a_right_holds_the_spot(database: Database, status: Status) -> None:
    add(database, spot(), reservation(status=status))
    held = status in HOLDS_SPOT
    assert free(database) == [SPOT] * (not held)
    with database.reading() as session:
        assert how(session, START)[0] is (SpotState.RESERVED if held else SpotState.AVAILABLE)


@pytest.mark.parametrize("status", [Status.HELD, Status.CONFIRMED])
def test_a_hold_ends_at_its_instant_and_nothing_else_does(database: Database, status: Status) -> None:
    ends = NOON + 10 * MINUTE
    add(database, spot(), reservation(status=status, hold_expires_at=ends))
    assert free(database, now=ends - timedelta(milliseconds=1)) == []
    assert free(database, now=ends) == [SPOT] * (status is Status.HELD)


def test_a_hold_whose_end_is_not_known_holds(database: Database) -> None:
    add(database, spot(), reservation(status=Status.HELD))
    assert free(database) == []


@pytest.mark.parametrize("vehicle", VehicleType)
def test_each_vehicle_is_offered_what_fits_the_tightest_first(database: Database, vehicle: VehicleType) -> None:
    add(database, *(spot(f"{LOT}.{n}", kind) for n, kind in enumerate(SpotKind)))
    kinds = list(SpotKind)
    assert [kinds[int(found[-1])] for found in free(database, vehicle=vehicle)] == list(FITS[vehicle])


OFFERED = {
    "motorcycle": ["motorcycle", "compact", "standard", "large"],
    "compact": ["compact", "standard", "large"],
    "standard": ["standard", "large"],
    "suv": ["large"],
    "ev": ["ev", "standard", "large"],
}
"""Spelt out here, so that a change of the table in `domain/spot.py` is noticed by drivers' eyes too."""


@pytest.mark.parametrize("vehicle", OFFERED)
async def test_over_http_each_type_is_offered_and_sold_only_what_fits(site: Site, vehicle: str) -> None:
    """A charger is kept for who can use it."""
    spots = {kind.value: f"{LOT}.9-{number:03}" for number, kind in enumerate(SpotKind)}
    for kind, spot_id in spots.items():
        site.street.tell(SpotChanged(spot_id=spot_id, spot_kind=SpotKind(kind), in_service=True))
    site.take_in()
    driver = await site.driver()
    car = await driver.post(f"/users/{driver.user_id}/vehicles", {"plate": "B-XY 77", "type": vehicle})
    driver.vehicle_id = car.json()["vehicle_id"]
    window = {"start_time": rfc3339(START), "end_time": rfc3339(END)}
    query = httpx.QueryParams({"lot_id": LOT, "vehicle_type": vehicle, **window})
    offered = (await driver.get(f"/spots/available?{query}")).json()["spots"]
    assert [one["kind"] for one in offered if one["spot_id"] in spots.values()] == OFFERED[vehicle]
    for kind, spot_id in spots.items():
        answer = await driver.book(spot_id)
        assert answer.status_code == (201 if kind in OFFERED[vehicle] else 422), kind


def test_out_of_service_and_other_lots_are_not_offered_or_counted(database: Database) -> None:
    add(database, spot(), spot(f"{LOT}.2", in_service=False), spot("hillside.1"))
    assert free(database) == [SPOT]
    with database.reading() as session:
        assert search.counts(session, LOT, NOON) == Counts(spots=1, available=1, reserved=0, occupied=0)


def test_a_spot_out_of_service_is_not_to_be_had_and_a_car_may_stand_on_it(database: Database) -> None:
    add(database, spot(in_service=False))
    with database.reading() as session:
        assert search.state_of(session, SPOT, NOON) is SpotState.RESERVED
    add(database, stay("s1"))
    with database.reading() as session:
        assert search.state_of(session, SPOT, NOON) is SpotState.OCCUPIED


def test_a_car_on_the_spot_matters_from_now_on_not_later(database: Database) -> None:
    add(database, spot(), stay("s1"))
    late = END + 60 * MINUTE
    assert free(database, Window(late, late + MINUTE), now=late) == []
    assert free(database, Window(late + MINUTE, late + 2 * MINUTE), now=late) == [SPOT]


@pytest.mark.parametrize("gone", [{"left_at": END}, {"entered_at": None}, {"spot_id": None}])
def test_a_car_that_left_or_never_came_in_or_is_nowhere_occupies_nothing(
    database: Database, gone: dict[str, object]
) -> None:
    """Not even in SQL, where one NULL in a list leaves nothing that is not in it."""
    add(database, spot(), stay("s1", **gone))
    assert free(database, Window(END, END + MINUTE), now=END) == [SPOT]
    with database.reading() as session:
        assert how(session, END) == (SpotState.AVAILABLE, Counts(1, 1, 0, 0))


def test_a_spot_with_a_car_counts_once_also_while_it_is_reserved(database: Database) -> None:
    add(database, spot(), spot(f"{LOT}.2"), reservation(status=Status.CHECKED_IN), stay("s1"), stay("s2"))
    with database.reading() as session:
        assert how(session, START) == (SpotState.OCCUPIED, Counts(spots=2, available=1, reserved=0, occupied=1))


def test_a_window_covers_its_first_moment_and_not_its_last(database: Database) -> None:
    add(database, spot(), reservation())
    with database.reading() as session:
        seen = [how(session, at)[0].value for at in (START - MINUTE, START, END - MINUTE, END)]
    assert seen == ["available", "reserved", "reserved", "available"]


def test_an_answer_is_bounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "SPOTS_MAX", 2)
    add(database, spot(f"{LOT}.1", SpotKind.LARGE), spot(f"{LOT}.2"), spot(f"{LOT}.3"))
    assert free(database) == [f"{LOT}.2", f"{LOT}.3"], "cut after the best ones, not before"
