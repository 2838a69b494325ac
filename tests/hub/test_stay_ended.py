"""Somebody of the lot says that a car has left which no exit has known."""

import pytest

from cloud_sync.link.log import Position
from cloud_sync.link.v1.facts import StayEnded
from domain.errors import NotFound, Refused
from domain.fact import Fact
from domain.plate import Plate
from domain.reservation import Status
from domain.stay import Conflict
from tests.hub.riverside import HOUR_MS, NOW, PLATE, SPOT, Riverside, at, hold_request

UNREAD = Plate("XXX99")


@pytest.fixture
def inside(riverside: Riverside) -> Fact:
    """Reservation 1, from noon to one, and its car in the lot since noon."""
    riverside.booked()
    return riverside.came_in(plate=PLATE)


def unmatched(riverside: Riverside, hours: float) -> str:
    """A car has left whose plate nobody could read; the stay that tells of it."""
    return riverside.went_out(None, hours=hours).ref.stay_id


def stay(riverside: Riverside, stay_id: str) -> tuple[object, object, object]:
    found = next(stay for stay in riverside.stays() if stay.stay_id == stay_id)
    return found.entered_at, found.left_at, found.conflict


def test_at_an_exit_that_nobody_knew_the_car_at(riverside: Riverside, inside: Fact) -> None:
    exit_id = unmatched(riverside, 0.5)
    riverside.lot.end_stay(inside.ref.stay_id, exit_id, "Anna", NOW.later(HOUR_MS))
    assert stay(riverside, inside.ref.stay_id) == (at(0), at(0.5), None)
    assert stay(riverside, exit_id) == (None, at(0.5), None), "it is no conflict any more"
    assert riverside.status() is Status.COMPLETED
    assert riverside.told(StayEnded) == [StayEnded(stay_id=inside.ref.stay_id, exit_id=exit_id, by="Anna")]


@pytest.mark.parametrize(("hours", "left"), [(0.5, 0.5), (3, 1)])
def test_unseen_by_now_and_by_the_end_of_what_was_paid_for(
    riverside: Riverside, inside: Fact, hours: float, left: float
) -> None:
    riverside.lot.end_stay(inside.ref.stay_id, None, "Anna", NOW.later(round(hours * HOUR_MS)))
    assert stay(riverside, inside.ref.stay_id) == (at(0), at(left), None)


def test_who_came_in_after_their_window_left_when_they_came(riverside: Riverside) -> None:
    riverside.booked()
    riverside.cancel()
    fact = riverside.came_in(hours=2, plate=PLATE)
    riverside.lot.end_stay(fact.ref.stay_id, None, "Anna", NOW.later(5 * HOUR_MS))
    assert stay(riverside, fact.ref.stay_id) == (at(2), at(2), Conflict.AFTER_CANCEL)


def test_a_stay_without_a_right_ends_too(riverside: Riverside) -> None:
    fact = riverside.came_in(None, plate=UNREAD)
    riverside.lot.end_stay(fact.ref.stay_id, None, "Anna", NOW.later(HOUR_MS))
    assert stay(riverside, fact.ref.stay_id) == (at(0), at(1), Conflict.NO_RIGHT)


def test_the_spot_can_be_booked_again_and_is_occupied_no_more(riverside: Riverside, inside: Fact) -> None:
    assert riverside.lot.spots.is_occupied(SPOT)
    riverside.lot.end_stay(inside.ref.stay_id, None, "Anna", NOW.later(HOUR_MS // 2))
    assert not riverside.lot.spots.is_occupied(SPOT)
    riverside.hold(hold_request(2, start=0.75, end=1), NOW.later(HOUR_MS // 2))


def test_what_is_refused_changes_nothing(riverside: Riverside, inside: Fact) -> None:
    earlier = riverside.went_out(None, hours=-0.5).ref.stay_id
    over = riverside.came_in(None, hours=0.1, plate=UNREAD)
    left = riverside.went_out(None, hours=0.2, plate=UNREAD)
    riverside.booked(2, hold_request(2, start=2, end=3))
    of_another = riverside.went_out(2, hours=0.3)
    assert left.ref.stay_id not in {stay.stay_id for stay in riverside.stays()}, "that exit was matched"
    before = riverside.facts()
    for stay_id, exit_id, code in (
        (over.ref.stay_id, None, "stay_over"),
        (inside.ref.stay_id, over.ref.stay_id, "exit_known"),
        (inside.ref.stay_id, of_another.ref.stay_id, "exit_known"),
        (inside.ref.stay_id, earlier, "exit_too_early"),
    ):
        with pytest.raises(Refused) as refused:
            riverside.lot.end_stay(stay_id, exit_id, "Anna", NOW.later(HOUR_MS))
        assert refused.value.code == code
    with pytest.raises(NotFound):
        riverside.lot.end_stay("nowhere/1/1", None, "Anna", NOW)
    assert riverside.facts() == before


def test_the_car_itself_at_an_exit_later_is_one_that_nobody_knew(riverside: Riverside, inside: Fact) -> None:
    riverside.lot.end_stay(inside.ref.stay_id, None, "Anna", NOW.later(HOUR_MS // 2))
    exit_ = riverside.went_out(hours=0.75, plate=PLATE)
    assert stay(riverside, exit_.ref.stay_id) == (None, at(0.75), Conflict.EXIT_WITHOUT_ENTRY)


@pytest.mark.parametrize("insert", [True, False])
def test_it_comes_back_after_the_loss_of_a_disk(riverside: Riverside, inside: Fact, insert: bool) -> None:
    riverside.lot.end_stay(inside.ref.stay_id, None, "Anna", NOW.later(HOUR_MS // 2))
    *_, told = riverside.facts()
    returned = riverside.journal.after(Position(), 10_000)
    sql = riverside.store.connection
    sql.execute("UPDATE stay SET left_at = NULL")
    sql.execute("DELETE FROM fact WHERE unit = 'riverside'")
    riverside.journal.begin(2)
    riverside.lot.take_back(returned, NOW.later(HOUR_MS), insert=insert)
    assert stay(riverside, inside.ref.stay_id) == (at(0), at(0.5), None)
    assert told.payload["left_at"] is not None
