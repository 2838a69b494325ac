"""Who is on the lot's lists, and what became of those who come by them."""

from datetime import timedelta

import pytest

from cloud_sync.link.log import Position
from cloud_sync.link.v1.facts import Listing, PlateListed
from domain.errors import NotFound, Refused
from domain.now import Now
from domain.plate import Plate
from domain.stay import Conflict
from hub import lists
from tests.hub.riverside import NOW, PLATE, SEAL, Riverside, at
from tests.parts import ENTRY, EXIT

OTHER = Plate("MXYZ987")
LATER = NOW.later(60_000)


def put(
    riverside: Riverside,
    listing: Listing = Listing.STAFF,
    plate: Plate = PLATE,
    *,
    until: float | None = None,
    now: Now = NOW,
) -> None:
    """On a list until so many hours after noon."""
    end = None if until is None else at(until)
    riverside.lot.lists.put(SEAL.seal(plate), listing, until=end, by="Anna", note="cleaning", now=now)


def on_lists(riverside: Riverside, now: Now = NOW) -> dict[str, Listing]:
    return {listed.plate.mark: listed.listing for listed in riverside.lot.lists.now(now)}


class TestEntries:
    def test_who_is_put_on_a_list_is_told_to_everybody(self, riverside: Riverside) -> None:
        put(riverside, until=2)
        (listed,) = riverside.lot.lists.now(NOW)
        (told,) = riverside.told(PlateListed)
        assert (listed.listing, listed.by, listed.note, listed.until) == (Listing.STAFF, "Anna", "cleaning", at(2))
        assert (told.mark, told.plate, told.until) == (SEAL.mark(PLATE), listed.plate, at(2))

    def test_a_plate_is_on_one_list_only(self, riverside: Riverside) -> None:
        put(riverside)
        put(riverside, Listing.DENIED, now=LATER)
        assert on_lists(riverside, LATER) == {SEAL.mark(PLATE): Listing.DENIED}

    def test_an_entry_ends(self, riverside: Riverside) -> None:
        put(riverside, until=1)
        assert on_lists(riverside, NOW.later(3_600_000 - 1)) != {}
        assert on_lists(riverside, NOW.later(3_600_000)) == {}

    def test_who_is_taken_off_is_on_it_no_more_and_that_is_told(self, riverside: Riverside) -> None:
        put(riverside)
        riverside.lot.lists.take_off(SEAL.mark(PLATE), by="Bert", now=LATER)
        assert on_lists(riverside, LATER) == {}
        last = riverside.told(PlateListed)[-1]
        assert (last.by, last.until, last.note) == ("Bert", LATER.utc, "cleaning")

    def test_who_is_on_none_cannot_be_taken_off(self, riverside: Riverside) -> None:
        with pytest.raises(NotFound):
            riverside.lot.lists.take_off(SEAL.mark(PLATE), by="Bert", now=NOW)
        assert riverside.told(PlateListed) == []

    def test_an_end_that_is_over_is_refused(self, riverside: Riverside) -> None:
        with pytest.raises(Refused) as refused:
            put(riverside, until=0)
        assert (refused.value.code, riverside.told(PlateListed)) == ("already_over", [])

    def test_no_more_than_a_gate_can_compare(self, riverside: Riverside, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lists, "LISTED_MAX", 1)
        put(riverside)
        with pytest.raises(Refused) as refused:
            put(riverside, plate=OTHER)
        assert refused.value.code == "lists_full"
        put(riverside, Listing.DENIED, now=LATER)  # in the place of what was said before
        assert on_lists(riverside, LATER) == {SEAL.mark(PLATE): Listing.DENIED}


class TestRecovery:
    @pytest.mark.parametrize("insert", [True, False])
    def test_a_list_that_a_disk_had_lost_comes_back(self, riverside: Riverside, insert: bool) -> None:
        put(riverside)
        put(riverside, Listing.DENIED, OTHER, now=LATER)
        told = riverside.journal.after(Position(), 10_000)
        riverside.store.connection.execute("DELETE FROM fact")
        riverside.store.connection.execute("DELETE FROM listed")
        riverside.journal.begin(2)
        riverside.lot.take_back(told, LATER, insert=insert)
        assert on_lists(riverside, LATER) == {SEAL.mark(PLATE): Listing.STAFF, SEAL.mark(OTHER): Listing.DENIED}

    def test_what_was_said_since_counts(self, riverside: Riverside) -> None:
        put(riverside)
        told = riverside.journal.after(Position(), 10_000)
        riverside.store.connection.execute("DELETE FROM fact")
        riverside.journal.begin(2)
        put(riverside, Listing.DENIED, now=LATER)
        riverside.lot.take_back(told, LATER.later(1), insert=False)
        assert on_lists(riverside, LATER) == {SEAL.mark(PLATE): Listing.DENIED}


class TestStays:
    def test_staff_inside_are_no_conflict(self, riverside: Riverside) -> None:
        entered = riverside.crossed(ENTRY, at(0), plate=PLATE, staff=True)
        riverside.take(entered)
        left = riverside.crossed(EXIT, at(1), plate=PLATE, staff=True)
        riverside.take(left, now=NOW.later(3_600_000))
        (stay,) = riverside.stays()
        assert (stay.conflict, stay.entered_at, stay.left_at) == (None, at(0), at(1))
        assert riverside.alarms() == []

    def test_who_is_not_on_the_list_is(self, riverside: Riverside) -> None:
        riverside.take(riverside.crossed(ENTRY, at(0), plate=PLATE))
        assert [stay.conflict for stay in riverside.stays()] == [Conflict.NO_RIGHT]

    def test_staff_who_come_on_a_booking_are_inside_on_it(self, riverside: Riverside) -> None:
        riverside.booked()
        riverside.take(riverside.crossed(ENTRY, at(0), number=1, plate=PLATE))
        assert [stay.reservation_id for stay in riverside.stays()] == [riverside.reservation().reservation_id]


def test_an_entry_that_is_over_for_long_is_no_more_a_row(riverside: Riverside) -> None:
    put(riverside, until=1)
    put(riverside, plate=OTHER, now=NOW.later(int(timedelta(days=30).total_seconds() * 1000)))
    assert riverside.store.connection.execute("SELECT count(*) FROM listed").fetchone()[0] == 1
