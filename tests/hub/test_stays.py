"""What the gates saw becomes stays, whatever the rights say and in whatever order it arrives."""

import itertools

import pytest

from cloud_sync.link.v1.facts import AlarmRaised, GatePassed, ReservationChanged, StayChanged
from domain.admission import Evidence
from domain.fact import Fact, FactRef
from domain.now import Now
from domain.plate import Plate
from domain.reservation import Status
from domain.stay import OUTCOMES, Conflict, SpotOutcome
from tests.hub.riverside import HOUR_MS, MINUTE_MS, NOW, OTHER_SPOT, PLATE, SPOT, Riverside, at, hold_request, rid
from tests.parts import ENTRY, EXIT

SECOND_ENTRY = "riverside.entry-2"


class TestEntryAndExit:
    def test_entry_checks_in_and_exit_completes(self, riverside: Riverside) -> None:
        riverside.booked()
        entry = riverside.came_in(hours=0.1)
        assert riverside.status() is Status.CHECKED_IN
        [stay] = riverside.stays()
        assert (stay.reservation_id, stay.spot_id, stay.conflict) == (rid(1), SPOT, None)
        assert (stay.entered_at, stay.left_at, stay.origin) == (at(0.1), None, FactRef(ENTRY, 1, entry.seq))
        exit_ = riverside.went_out(hours=0.5)
        assert riverside.status() is Status.COMPLETED
        [stay] = riverside.stays()
        assert (stay.entered_at, stay.left_at, stay.origin) == (at(0.1), at(0.5), FactRef(EXIT, 1, exit_.seq))
        assert not riverside.alarms()

    def test_every_step_is_told(self, riverside: Riverside) -> None:
        riverside.booked()
        riverside.came_in()
        riverside.went_out()
        statuses = [(told.status, told.revision) for told in riverside.told(ReservationChanged)]
        assert statuses[2:] == [(Status.CHECKED_IN, 3), (Status.COMPLETED, 4)]
        assert len(riverside.told(StayChanged)) == 2

    def test_the_same_fact_again_makes_no_second_stay(self, riverside: Riverside) -> None:
        riverside.booked()
        entry = riverside.came_in()
        before = len(riverside.facts())
        riverside.take(entry)
        riverside.take(entry)
        assert len(riverside.facts()) == before
        assert len(riverside.stays()) == 1

    @pytest.mark.parametrize(("unseen", "left"), [(True, 0.2), (True, 0.29), (False, 0.29)])
    def test_a_car_that_a_gate_has_not_seen_come_in_may_have_left_before_that_was_written(
        self, riverside: Riverside, unseen: bool, left: float
    ) -> None:
        """The gate was started anew as the car crossed, and waited for it first."""
        riverside.booked()
        riverside.went_out(hours=left)
        riverside.take(riverside.crossed(ENTRY, at(0.3), number=1, unseen=unseen), now=NOW.later(HOUR_MS))
        stays = [(stay.entered_at, stay.left_at) for stay in riverside.stays()]
        assert stays == ([(at(left), at(left))] if unseen else [(None, at(left)), (at(0.3), None)])
        assert riverside.status() is (Status.COMPLETED if unseen else Status.CHECKED_IN)

    def test_times_are_those_of_the_gates(self, riverside: Riverside) -> None:
        """Facts that were buffered for hours keep their own instants."""
        riverside.booked()
        facts = [riverside.crossed(ENTRY, at(0.1), number=1), riverside.crossed(EXIT, at(0.7), number=1)]
        riverside.take(*facts, now=NOW.later(9 * HOUR_MS))
        [stay] = riverside.stays()
        assert (stay.entered_at, stay.left_at, stay.conflict) == (at(0.1), at(0.7), None)

    def test_an_exit_is_matched_by_the_plate_where_the_gate_knew_no_reservation(self, riverside: Riverside) -> None:
        riverside.booked()
        riverside.came_in(plate=PLATE)
        riverside.went_out(None, plate=Plate("HHAB999"))
        assert riverside.status() is Status.CHECKED_IN
        riverside.went_out(None, plate=PLATE, hours=0.6)
        assert riverside.status() is Status.COMPLETED
        assert riverside.stays()[0].left_at == at(0.6)

    def test_of_two_stays_of_one_plate_the_one_without_a_conflict_ends_first(self, riverside: Riverside) -> None:
        riverside.booked()
        riverside.came_in(None, plate=PLATE, hours=0)
        riverside.came_in(1, plate=PLATE, hours=0.1)
        riverside.went_out(None, plate=PLATE, hours=0.5)
        assert [stay.left_at for stay in riverside.stays()] == [None, at(0.5)]
        assert riverside.status() is Status.COMPLETED

    @pytest.mark.parametrize("first_out", [0, 1])
    def test_of_two_cars_on_one_reservation_the_one_that_was_read_ends(
        self, riverside: Riverside, first_out: int
    ) -> None:
        plates = (PLATE, Plate("XX999"))
        riverside.booked()
        for hours, plate in zip((0, 0.1), plates, strict=True):
            riverside.came_in(hours=hours, plate=plate)
        riverside.went_out(hours=0.5, plate=plates[first_out])
        assert [stay.left_at is not None for stay in riverside.stays()] == [first_out == 0, first_out == 1]
        assert riverside.status() is (Status.COMPLETED if first_out == 0 else Status.CHECKED_IN)

    def test_an_exit_before_a_stay_began_ends_another_first(self, riverside: Riverside) -> None:
        """Although that other is a conflict."""
        riverside.booked(1, hold_request(1, end=9))
        riverside.came_in(1, plate=PLATE, hours=2)
        riverside.take(riverside.crossed(SECOND_ENTRY, at(0), plate=PLATE), now=NOW.later(2 * HOUR_MS))
        riverside.went_out(None, plate=PLATE, hours=1)
        assert [(stay.entered_at, stay.left_at) for stay in riverside.stays()] == [(at(2), None), (at(0), at(1))]
        assert riverside.status() is Status.CHECKED_IN

    def test_a_gate_whose_clock_is_a_little_ahead_still_matches(self, riverside: Riverside) -> None:
        riverside.booked()
        riverside.came_in(hours=0.101)
        riverside.went_out(hours=0.1)
        assert riverside.status() is Status.COMPLETED


ENTRIES = [
    (Status.HELD, Conflict.NO_RIGHT),
    (Status.CHECKED_IN, Conflict.DOUBLE_ENTRY),
    (Status.COMPLETED, Conflict.NO_RIGHT),
    (Status.EXPIRED, Conflict.AFTER_CANCEL),
    (Status.CANCELLED, Conflict.AFTER_CANCEL),
    (Status.NO_SHOW, Conflict.AFTER_NO_SHOW),
]


class TestPaidOnceInside:
    """An attendant lets a driver in who has booked and is still paying: once it is paid for, they came on it."""

    def test_is_checked_in_on_the_booking(self, riverside: Riverside) -> None:
        riverside.hold()
        entry = riverside.came_in(hours=0.05)
        riverside.confirm(now=NOW.later(5 * MINUTE_MS))
        (stay,) = riverside.stays()
        assert (stay.conflict, stay.spot_id, stay.entered_at) == (None, SPOT, at(0.05))
        assert riverside.status() is Status.CHECKED_IN
        riverside.take(entry)
        riverside.went_out(hours=0.5)
        assert riverside.status() is Status.COMPLETED
        assert len(riverside.stays()) == 1

    def test_also_where_they_have_left_by_then(self, riverside: Riverside) -> None:
        riverside.hold()
        riverside.came_in(hours=0.05)
        riverside.went_out(hours=0.1)
        riverside.confirm(now=NOW.later(5 * MINUTE_MS))
        (stay,) = riverside.stays()
        assert (stay.conflict, stay.left_at, riverside.status()) == (None, at(0.1), Status.COMPLETED)

    def test_on_another_spot_where_somebody_stands_on_theirs(self, riverside: Riverside) -> None:
        riverside.booked(2, hold_request(2, start=-2, end=0), now=NOW.later(-3 * HOUR_MS))
        riverside.came_in(2, hours=-1)
        riverside.hold(now=NOW.later(-3 * HOUR_MS))
        riverside.came_in(hours=0.05)
        riverside.confirm(now=NOW.later(-3 * HOUR_MS))
        assert [(stay.spot_id, stay.conflict) for stay in riverside.stays()] == [(SPOT, None), (OTHER_SPOT, None)]
        assert (riverside.status(), riverside.reservation().spot_id) == (Status.CHECKED_IN, OTHER_SPOT)

    def test_one_car_only_and_the_one_that_is_still_there(self, riverside: Riverside) -> None:
        riverside.hold()
        riverside.came_in(hours=0.01)
        riverside.went_out(hours=0.02)
        riverside.came_in(hours=0.05)
        riverside.confirm(now=NOW.later(5 * MINUTE_MS))
        assert [stay.conflict for stay in riverside.stays()] == [Conflict.NO_RIGHT, None]
        assert riverside.status() is Status.CHECKED_IN


class TestConflicts:
    @pytest.mark.parametrize(("status", "conflict"), ENTRIES)
    def test_an_entry_without_the_right_to(self, riverside: Riverside, status: Status, conflict: Conflict) -> None:
        """It is recorded with its conflict, and the reservation stays as it was."""
        riverside.brought_to(status)
        riverside.came_in(unit=SECOND_ENTRY, hours=0.2)
        stay = riverside.stays()[-1]
        assert (stay.conflict, stay.reservation_id, stay.entered_at) == (conflict, rid(1), at(0.2))
        assert riverside.status() is status
        assert riverside.alarms() == [conflict.value] * OUTCOMES[conflict].alarm
        assert (stay.spot_id is None) == (OUTCOMES[conflict].spot is SpotOutcome.NONE)

    @pytest.mark.parametrize(("status", "conflict"), ENTRIES)
    def test_its_exit_ends_the_stay_and_raises_no_second_alarm(
        self, riverside: Riverside, status: Status, conflict: Conflict
    ) -> None:
        riverside.brought_to(status)
        riverside.came_in(unit=SECOND_ENTRY, hours=0.2)
        if status is Status.CHECKED_IN:
            riverside.went_out(hours=0.3)  # whichever of the two it is, the one with the right ends first
        before = riverside.status()
        riverside.went_out(hours=0.4)
        stay = riverside.stays()[-1]
        assert (stay.conflict, stay.left_at) == (conflict, at(0.4))
        assert riverside.status() is before
        assert riverside.alarms() == [conflict.value] * OUTCOMES[conflict].alarm

    @pytest.mark.parametrize("number", [None, 77])
    def test_an_entry_on_no_reservation_or_an_unknown_one(self, riverside: Riverside, number: int | None) -> None:
        riverside.came_in(number, plate=PLATE)
        [stay] = riverside.stays()
        assert (stay.conflict, stay.reservation_id, stay.spot_id) == (Conflict.NO_RIGHT, None, None)
        assert riverside.alarms() == ["no-right"]

    @pytest.mark.parametrize("number", [None, 1, 77])
    def test_an_exit_without_an_entry(self, riverside: Riverside, number: int | None) -> None:
        riverside.booked(1)
        riverside.went_out(number, plate=Plate("XX999"))
        [stay] = riverside.stays()
        assert (stay.conflict, stay.entered_at, stay.left_at) == (Conflict.EXIT_WITHOUT_ENTRY, None, at(0.5))
        assert stay.reservation_id == (rid(1) if number == 1 else None)
        assert stay.spot_id is None
        assert riverside.alarms() == ["exit-without-entry"]
        assert riverside.status() is Status.CONFIRMED

    @pytest.mark.parametrize("status", [Status.EXPIRED, Status.CANCELLED, Status.NO_SHOW])
    def test_a_second_car_on_a_late_right_is_a_double_entry(self, riverside: Riverside, status: Status) -> None:
        riverside.brought_to(status)
        riverside.came_in(hours=0.2)
        late = riverside.alarms()
        riverside.came_in(hours=0.3, unit=SECOND_ENTRY, plate=Plate("XX999"))
        first, second = riverside.stays()
        assert first.conflict is not Conflict.DOUBLE_ENTRY
        assert (second.conflict, second.spot_id, second.reservation_id) == (Conflict.DOUBLE_ENTRY, None, rid(1))
        assert riverside.alarms() == [*late, "double-entry"]

    def test_one_that_comes_again_is_none(self, riverside: Riverside) -> None:
        riverside.brought_to(Status.NO_SHOW)
        for hours in (0.2, 0.6):
            riverside.came_in(hours=hours)
            riverside.went_out(hours=hours + 0.1)
        assert [stay.conflict for stay in riverside.stays()] == [Conflict.AFTER_NO_SHOW] * 2

    def test_nor_one_that_had_left_before_the_other_came(self, riverside: Riverside) -> None:
        """Its entry is told last, and its exit first."""
        riverside.brought_to(Status.NO_SHOW)
        entry, exit_ = riverside.crossed(SECOND_ENTRY, at(0.2), number=1), riverside.crossed(EXIT, at(0.3), number=1)
        riverside.take(exit_, now=NOW.later(HOUR_MS // 2))
        riverside.came_in(hours=0.5)
        riverside.take(entry, now=NOW.later(HOUR_MS // 2))
        assert [stay.conflict for stay in riverside.stays()] == [Conflict.AFTER_NO_SHOW] * 2
        assert "double-entry" not in riverside.alarms()

    def test_a_no_show_whose_own_plate_goes_out_had_come(self, riverside: Riverside) -> None:
        """It pays for what it had, and not for staying away; its spot was given up all the same."""
        riverside.brought_to(Status.NO_SHOW)
        riverside.went_out(1, plate=PLATE)
        [stay] = riverside.stays()
        assert (stay.conflict, stay.entered_at, stay.left_at) == (Conflict.AFTER_NO_SHOW, None, at(0.5))
        assert (stay.reservation_id, stay.spot_id, riverside.status()) == (rid(1), None, Status.NO_SHOW)

    @pytest.mark.parametrize("plate", [None, Plate("XX999")])
    def test_another_plate_on_its_booking_or_none_proves_nothing(
        self, riverside: Riverside, plate: Plate | None
    ) -> None:
        riverside.brought_to(Status.NO_SHOW)
        riverside.went_out(1, plate=plate)
        assert [stay.conflict for stay in riverside.stays()] == [Conflict.EXIT_WITHOUT_ENTRY]
        assert riverside.alarms() == ["exit-without-entry"]

    def test_every_conflict_is_covered_here(self) -> None:
        assert {conflict for _, conflict in ENTRIES} | {Conflict.EXIT_WITHOUT_ENTRY} == set(Conflict)

    def test_the_alarm_names_gate_and_stay_but_no_plate(self, riverside: Riverside) -> None:
        entry = riverside.came_in(None, plate=PLATE)
        [alarm] = riverside.told(AlarmRaised)
        assert alarm.detail == f"{ENTRY}: stay {ENTRY}/1/{entry.seq}, reservation none"


class TestEvidence:
    def test_what_it_was_let_in_on_stays_with_it(self, riverside: Riverside) -> None:
        riverside.booked()
        evidence = Evidence.TICKET_AND_PLATE
        riverside.take(riverside.crossed(ENTRY, at(0.1), number=1, evidence=evidence, ticket_id="0123abcd"))
        riverside.take(riverside.crossed(EXIT, at(0.5), number=1, evidence=Evidence.PLATE))
        assert [(told.evidence, told.ticket_id) for told in riverside.told(StayChanged)] == [
            (Evidence.TICKET_AND_PLATE, "0123abcd")
        ] * 2

    def test_an_exit_alone_has_let_nobody_in(self, riverside: Riverside) -> None:
        riverside.booked()
        exit_ = riverside.crossed(EXIT, at(0.5), number=1, evidence=Evidence.PLATE)
        entry = riverside.crossed(ENTRY, at(0.1), number=1, evidence=Evidence.ID)
        riverside.take(exit_, entry)
        assert [told.evidence for told in riverside.told(StayChanged)] == [Evidence.NONE, Evidence.ID]


def ended(riverside: Riverside, *, with_alarms: bool = True) -> tuple[object, ...]:
    """How it stands in the end, without what tells in which order it came about."""
    stays = sorted(
        (stay.reservation_id or "", str(stay.entered_at), str(stay.left_at), str(stay.conflict), str(stay.spot_id))
        for stay in riverside.stays()
    )
    return stays, riverside.status(), sorted(set(riverside.alarms()) - {"exit-without-entry"}) if with_alarms else None


class TestEitherOrder:
    """Facts of two gates come in any order, and it ends the same."""

    @pytest.mark.parametrize("status", [Status.CONFIRMED, *(status for status, _ in ENTRIES[2:]), Status.HELD])
    @pytest.mark.parametrize("known_at_exit", [True, False])
    def test_exit_first(
        self, riverside: Riverside, tmp_path_factory: pytest.TempPathFactory, status: Status, *, known_at_exit: bool
    ) -> None:
        outcomes = []
        other = Riverside(tmp_path_factory.mktemp("other"))
        for lot, exit_first in ((riverside, False), (other, True)):
            lot.brought_to(status)
            entry = lot.crossed(SECOND_ENTRY, at(0.2), number=1, plate=PLATE)
            exit_ = lot.crossed(EXIT, at(0.4), number=1 if known_at_exit else None, plate=PLATE)
            lot.take(*((exit_, entry) if exit_first else (entry, exit_)), now=NOW.later(HOUR_MS // 2))
            outcomes.append(ended(lot))
        other.close()
        assert outcomes[0] == outcomes[1]

    def test_a_drive_up_known_by_its_plate_alone(self, riverside: Riverside) -> None:
        exit_ = riverside.crossed(EXIT, at(0.4), plate=PLATE)
        entry = riverside.crossed(ENTRY, at(0.2), plate=PLATE)
        riverside.take(exit_, entry)
        [stay] = riverside.stays()
        assert (stay.entered_at, stay.left_at, stay.conflict) == (at(0.2), at(0.4), Conflict.NO_RIGHT)
        assert riverside.alarms() == ["exit-without-entry", "no-right"]

    def test_the_stay_keeps_its_name(self, riverside: Riverside) -> None:
        riverside.booked()
        exit_ = riverside.crossed(EXIT, at(0.4), number=1)
        riverside.take(exit_, riverside.crossed(ENTRY, at(0.2), number=1))
        assert {stay.stay_id for stay in riverside.told(StayChanged)} == {f"{EXIT}/1/{exit_.seq}"}
        assert riverside.status() is Status.COMPLETED

    def test_an_entry_after_the_exit_is_another_stay(self, riverside: Riverside) -> None:
        riverside.booked()
        exit_ = riverside.crossed(EXIT, at(0.1), number=1)
        riverside.take(exit_, riverside.crossed(ENTRY, at(0.2), number=1))
        assert [(stay.entered_at, stay.left_at) for stay in riverside.stays()] == [(None, at(0.1)), (at(0.2), None)]
        assert riverside.status() is Status.CHECKED_IN

    def test_any_order_of_two_cars(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        outcomes = set()
        for order in itertools.permutations(range(4)):
            lot = Riverside(tmp_path_factory.mktemp("order"))
            lot.booked(1)
            lot.booked(2, hold_request(2, spot_id=OTHER_SPOT))
            facts: list[Fact] = [
                lot.crossed(ENTRY, at(0.1), number=1),
                lot.crossed(SECOND_ENTRY, at(0.2), number=2),
            ]
            exits = [lot.crossed(EXIT, at(0.3), number=2), lot.crossed(EXIT, at(0.4), number=1)]
            if order.index(2) > order.index(3):
                lot.close()
                continue  # facts of one gate keep their order
            facts += exits
            lot.take(*(facts[i] for i in order), now=NOW.later(HOUR_MS // 2))
            outcomes.add(str((ended(lot, with_alarms=False), lot.status(2))))
            lot.close()
        assert len(outcomes) == 1


def test_a_change_that_fails_halfway_leaves_nothing(riverside: Riverside) -> None:
    """Stay, step and facts are one transaction with the gate's fact."""
    riverside.booked()
    entry = riverside.crossed(ENTRY, at(0.1), number=1)
    before = riverside.facts()
    append = riverside.journal.append

    def full_disk(payload: GatePassed, now: Now) -> Fact:
        if isinstance(payload, StayChanged):
            raise OSError("disk full")
        return append(payload, now)

    riverside.journal.append = full_disk  # type: ignore[method-assign, assignment]
    with pytest.raises(OSError, match="disk full"):
        riverside.take(entry)
    riverside.journal.append = append  # type: ignore[method-assign]
    assert riverside.facts() == before
    assert riverside.status() is Status.CONFIRMED
    riverside.take(entry)  # and it comes again
    assert riverside.status() is Status.CHECKED_IN
