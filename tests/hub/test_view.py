"""What the attendants see of the lot, and how fresh it is."""

from datetime import datetime
from typing import Any

import pytest

from cloud_sync.link import topics
from cloud_sync.link.mqtt import Link
from cloud_sync.link.seal import Seal
from cloud_sync.link.settings import Broker
from cloud_sync.link.v1.facts import AlarmRaised, Mode, Payload
from cloud_sync.link.v1.messages import UnitStatus
from domain.admission import Reason, Verdict
from domain.errors import PeerError, Refused
from domain.ids import shown
from domain.now import Now
from domain.plate import Plate
from domain.reservation import Status
from domain.spot import SpotKind
from hub.presence import Presence
from hub.view import LATEST_MAX, RECENT_MAX, LaneRow, LotView
from tests.hub.riverside import (
    GATES,
    HOUR_MS,
    LARGE_SPOT,
    NOW,
    OTHER_SPOT,
    PLATE,
    SEAL,
    SPOT,
    SPOTS,
    Riverside,
    at,
    decided,
    hold_request,
    rid,
)
from tests.hub.units import Clock
from tests.parts import ENTRY, EXIT

AFTER_2H = NOW.later(2 * HOUR_MS)


@pytest.fixture
def presence(clock: Clock) -> Presence:
    return Presence(clock)


def view_of(riverside: Riverside, presence: Presence, seal: Seal = SEAL) -> LotView:
    nowhere = Link(Broker(port=1), "riverside@1")
    return LotView("Riverside Garage", riverside.lot, seal, presence, nowhere)


@pytest.fixture
def view(riverside: Riverside, presence: Presence) -> LotView:
    return view_of(riverside, presence)


def states(view: LotView, now: Now = NOW) -> dict[str, str]:
    return {cell.spot_id: cell.state for cell in view.spots(now)}


class TestSpots:
    def test_each_state(self, riverside: Riverside, view: LotView) -> None:
        assert set(states(view).values()) == {"available"}
        riverside.hold(hold_request(1))
        assert states(view)[SPOT] == "held"
        riverside.confirm(1)
        assert states(view)[SPOT] == "reserved"
        riverside.came_in(1)
        assert states(view)[SPOT] == "occupied"
        assert states(view, NOW.later(HOUR_MS - 1))[SPOT] == "occupied"
        assert states(view, NOW.later(HOUR_MS))[SPOT] == "overstayed"
        riverside.went_out(1, hours=2)
        assert states(view, AFTER_2H)[SPOT] == "available"
        riverside.lot.lay_out({OTHER_SPOT: SpotKind.STANDARD}, GATES, NOW)
        assert states(view) == {SPOT: "closed", OTHER_SPOT: "available", LARGE_SPOT: "closed"}

    def test_a_booking_shows_in_its_window_only(self, riverside: Riverside, view: LotView) -> None:
        riverside.booked(1, hold_request(1, start=1, end=2))
        assert states(view)[SPOT] == "available"
        assert states(view, NOW.later(HOUR_MS))[SPOT] == "reserved"
        assert states(view, AFTER_2H)[SPOT] == "available"

    def test_whose_it_is_and_until_when(self, riverside: Riverside, view: LotView) -> None:
        riverside.booked(1)
        riverside.booked(2, hold_request(2, start=1, end=2))
        riverside.came_in(1)
        cell = next(cell for cell in view.spots(NOW.later(HOUR_MS)) if cell.spot_id == SPOT)
        assert (cell.state, cell.reservation, cell.until) == ("overstayed", shown(rid(1)), at(1))

    def test_two_cars_on_one_spot_are_one_cell(self, riverside: Riverside, view: LotView) -> None:
        """As lots that were run by an earlier version may have them."""
        riverside.booked(1)
        riverside.booked(2, hold_request(2, start=1, end=2))
        riverside.came_in(2, hours=1)
        riverside.came_in(1, hours=0, unit="riverside.entry-2")
        riverside.store.connection.execute("UPDATE stay SET spot_id = ?", (SPOT,))
        cells = [cell for cell in view.spots(NOW.later(HOUR_MS)) if cell.spot_id == SPOT]
        assert [(cell.state, cell.reservation) for cell in cells] == [("overstayed", shown(rid(1)))]
        assert len(view.spots(NOW)) == len(SPOTS)

    def test_a_car_on_a_closed_spot_is_still_seen(self, riverside: Riverside, view: LotView) -> None:
        riverside.booked(1)
        riverside.came_in(1)
        riverside.lot.lay_out({OTHER_SPOT: SpotKind.STANDARD}, GATES, NOW)
        assert states(view)[SPOT] == "occupied"


class TestCars:
    def test_who_is_inside(self, riverside: Riverside, view: LotView) -> None:
        riverside.booked(1)
        riverside.came_in(1, hours=0.1)
        [car] = view.cars()
        assert (car.spot_id, car.reservation, car.driver, car.plate) == (SPOT, shown(rid(1)), "Ada", "••23")
        assert (car.entered_at, car.paid_until, car.conflict) == (at(0.1), at(1), None)
        riverside.went_out(1)
        assert not view.cars()

    def test_one_that_nobody_knows(self, riverside: Riverside, view: LotView) -> None:
        riverside.came_in(None, plate=PLATE)
        [car] = view.cars()
        assert (car.reservation, car.plate, car.driver, car.conflict) == (None, "••23", None, "no-right")

    def test_one_plate_that_does_not_open_takes_nothing_else_away(
        self, riverside: Riverside, presence: Presence
    ) -> None:
        riverside.booked(1, hold_request(1, plate=Plate("HHAB123")))
        riverside.came_in(1)
        [car] = view_of(riverside, presence, Seal(bytes(32))).cars()
        assert (car.plate, car.driver) == (None, "Ada")


class TestRecently:
    def test_a_day_and_no_longer(self, riverside: Riverside, view: LotView) -> None:
        riverside.booked(1)
        riverside.woken(0.5)
        riverside.came_in(1, hours=0.6)
        riverside.went_out(None, hours=0.5, plate=PLATE)
        later = NOW.later(24 * HOUR_MS)
        riverside.went_out(1, hours=0.7)
        assert [row.conflict for row in view.conflicts(later)] == ["after-no-show", "exit-without-entry"]
        assert not view.conflicts(later.later(HOUR_MS))

    def test_a_conflict_as_long_as_its_car_is_inside(self, riverside: Riverside, view: LotView) -> None:
        riverside.came_in(None, plate=PLATE)
        assert [row.inside for row in view.conflicts(NOW.later(99 * HOUR_MS))] == [True]
        riverside.went_out(None, hours=99, plate=PLATE)
        assert [row.inside for row in view.conflicts(NOW.later(100 * HOUR_MS))] == [False]
        assert not view.conflicts(NOW.later(124 * HOUR_MS))

    def test_a_conflict_of_a_gate_that_was_cut_off_counts_from_when_it_was_told(
        self, riverside: Riverside, view: LotView
    ) -> None:
        known = NOW.later(30 * HOUR_MS)
        facts = riverside.crossed(ENTRY, at(0), plate=PLATE), riverside.crossed(EXIT, at(0.2), plate=PLATE)
        riverside.take(*facts, now=known)
        riverside.went_out(None, hours=29, plate=Plate("XYZ987"))
        assert [(row.conflict, row.at) for row in view.conflicts(known)] == [
            ("no-right", at(0)),
            ("exit-without-entry", at(29)),
        ]

    def test_a_no_show_a_day_and_no_longer(self, riverside: Riverside, view: LotView) -> None:
        """Unless its fee waits for a gate still."""
        riverside.booked(1)
        riverside.woken(0.5)
        assert [row.silent for row in view.no_shows(NOW.later(25 * HOUR_MS))] == [(ENTRY,)]
        riverside.noted(1)
        assert [row.reservation for row in view.no_shows(NOW.later(24 * HOUR_MS))] == [shown(rid(1))]
        assert not view.no_shows(NOW.later(25 * HOUR_MS))

    def test_however_many_waits_for_a_gate_come_before_what_is_decided(
        self, riverside: Riverside, view: LotView
    ) -> None:
        """A gate that has been dead for days collects them, and those that run out first are first."""
        for number in range(1, RECENT_MAX + 2):
            start = number / 4 - 20
            riverside.booked(number, hold_request(number, start=start, end=start + 0.25), NOW.later(-21 * HOUR_MS))
            riverside.woken(start + 1)
        riverside.noted(1)
        waits = [shown(rid(number)) for number in range(2, RECENT_MAX + 2)]
        assert [row.reservation for row in view.no_shows(NOW)] == waits
        riverside.noted(RECENT_MAX)
        listed = view.no_shows(NOW)
        assert [row.reservation for row in listed[:-1]] == [*waits[:-2], waits[-1]]
        assert [bool(row.silent) for row in listed] == [True] * (RECENT_MAX - 1) + [False]

    def test_one_that_is_not_among_the_latest_can_be_vouched_for(self, riverside: Riverside, view: LotView) -> None:
        for number in range(1, RECENT_MAX + 3):
            start = number / 4 - 20
            riverside.booked(number, hold_request(number, start=start, end=start + 0.25), NOW.later(-21 * HOUR_MS))
        riverside.woken(0)
        listed = {row.reservation for row in view.no_shows(NOW)}
        for number in range(1, RECENT_MAX + 3):
            row = view.vouchable(rid(number), ENTRY, NOW)
            assert (row.reservation, row.silent) == (shown(rid(number)), (ENTRY,))
        assert len(listed) == RECENT_MAX
        with pytest.raises(Refused, match="any more"):
            view.vouchable(rid(1), EXIT, NOW)

    def test_who_came_late_is_no_no_show_any_more(self, riverside: Riverside, view: LotView) -> None:
        riverside.booked(1)
        riverside.woken(0.5)
        riverside.came_in(1, hours=0.6)
        assert not view.no_shows(NOW.later(HOUR_MS))
        riverside.went_out(1, hours=0.7)
        assert not view.no_shows(NOW.later(HOUR_MS))

    def test_nor_who_was_only_seen_leaving(self, riverside: Riverside, view: LotView) -> None:
        riverside.booked(1)
        riverside.went_out(1, hours=0.1, plate=PLATE)
        riverside.woken(0.5)
        assert riverside.status(1) is Status.NO_SHOW
        assert not view.no_shows(NOW.later(HOUR_MS))

    def test_one_that_turned_out_to_be_cancelled_is_no_no_show(self, riverside: Riverside, view: LotView) -> None:
        riverside.booked(1)
        riverside.woken(0.5)
        riverside.cancel(1, NOW.later(HOUR_MS), requested_at=at(0.1))
        assert not view.no_shows(NOW.later(HOUR_MS))

    def test_a_check_in_on_another_spot_is_a_move_too(self, riverside: Riverside, view: LotView) -> None:
        riverside.booked(1)
        riverside.came_in(1, hours=0.1, sent_to=OTHER_SPOT)
        [row] = view.moves(NOW.later(HOUR_MS))
        assert (row.from_spot_id, row.spot_id, row.at) == (SPOT, OTHER_SPOT, at(0.1))

    def test_the_plate_is_the_one_that_was_read(self, riverside: Riverside, view: LotView) -> None:
        riverside.brought_to(Status.CANCELLED)
        riverside.came_in(1, hours=0.1, plate=Plate("XYZ987"))
        riverside.came_in(1, hours=0.2)
        assert [row.plate for row in view.conflicts(NOW)] == ["••23", "••87"]


def status(unit: str = ENTRY, *, online: bool, at: datetime = NOW.utc, epoch: int = 1, boot: str = "b1") -> bytes:
    return UnitStatus(unit=unit, online=online, epoch=epoch, boot=boot, at=at).encode()


class TestLanes:
    def lane(self, view: LotView) -> LaneRow:
        return next(lane for lane in view.lanes() if lane.gate_id == ENTRY)

    async def test_connected_since(self, view: LotView, presence: Presence) -> None:
        assert self.lane(view) == LaneRow(ENTRY, "entry", None, None, None)
        await presence.heard(topics.gate_status(ENTRY), status(online=True, at=at(-1)))
        assert self.lane(view) == LaneRow(ENTRY, "entry", True, at(-1), None)
        assert next(lane for lane in view.lanes() if lane.gate_id == EXIT).online is None

    async def test_connected_since_does_not_move_with_what_is_said_again(
        self, view: LotView, presence: Presence
    ) -> None:
        """A gate says its status anew with every challenge."""
        for hours in (-3, -2, -1):
            await presence.heard(topics.gate_status(ENTRY), status(online=True, at=at(hours)))
        assert self.lane(view).since == at(-3)
        await presence.heard(topics.gate_status(ENTRY), status(online=True, at=at(-0.5), boot="b2"))
        assert self.lane(view).since == at(-0.5)
        await presence.heard(topics.gate_status(ENTRY), status(online=False, boot="b2"))
        await presence.heard(topics.gate_status(ENTRY), status(online=True, at=at(0), boot="b2"))
        assert self.lane(view).since == at(0)

    async def test_offline_since_it_was_heard_and_not_since_the_will_was_written(
        self, view: LotView, presence: Presence, clock: Clock
    ) -> None:
        await presence.heard(topics.gate_status(ENTRY), status(online=True, at=at(-9)))
        clock.now = AFTER_2H
        await presence.heard(topics.gate_status(ENTRY), status(online=False, at=at(-9)))
        assert self.lane(view) == LaneRow(ENTRY, "entry", False, at(2), None)
        clock.now = NOW.later(3 * HOUR_MS)
        await presence.heard(topics.gate_status(ENTRY), status(online=False, at=at(-9)))
        assert self.lane(view) == LaneRow(ENTRY, "entry", False, at(2), None)

    async def test_offline_before_this_hub_came(self, view: LotView, presence: Presence) -> None:
        await presence.heard(topics.gate_status(ENTRY), status(online=False, at=at(-9)))
        assert self.lane(view) == LaneRow(ENTRY, "entry", False, None, None)

    async def test_a_ghost_of_an_earlier_epoch_is_not_believed(self, view: LotView, presence: Presence) -> None:
        await presence.heard(topics.gate_status(ENTRY), status(online=True, epoch=2))
        await presence.heard(topics.gate_status(ENTRY), status(online=False, epoch=1))
        assert self.lane(view).online

    async def test_without_the_lots_broker_nothing_is_known(self, view: LotView, presence: Presence) -> None:
        """What was heard before must not be shown as if it were so now."""
        await presence.heard(topics.gate_status(ENTRY), status(online=True))
        presence.lost()
        assert self.lane(view).online is None

    async def test_a_gate_speaks_for_itself_only(self, view: LotView, presence: Presence) -> None:
        with pytest.raises(PeerError):
            await presence.heard(topics.gate_status(EXIT), status(ENTRY, online=True))
        assert self.lane(view).online is None

    async def test_its_mode_while_it_says_so_itself(self, view: LotView, presence: Presence) -> None:
        closed = UnitStatus(unit=ENTRY, online=True, epoch=1, boot="b1", at=NOW.utc, mode=Mode.CLOSED)
        await presence.heard(topics.gate_status(ENTRY), closed.encode())
        assert self.lane(view).mode == "closed"
        gone = closed.model_copy(update={"online": False})
        await presence.heard(topics.gate_status(ENTRY), gone.encode())
        assert self.lane(view).mode is None

    def test_a_gate_that_was_taken_away_is_not_shown(self, riverside: Riverside, view: LotView) -> None:
        riverside.lot.lay_out(SPOTS, {ENTRY: GATES[ENTRY]}, NOW)
        assert [lane.gate_id for lane in view.lanes()] == [ENTRY]


class TestDecisionsAndAlarms:
    def test_the_latest_of_all_lanes_newest_first(self, riverside: Riverside, view: LotView) -> None:
        for minute in range(LATEST_MAX + 3):
            unit = (ENTRY, EXIT)[minute % 2]
            riverside.tells(unit, decided(took_ms=minute), NOW.later(minute * 60_000))
        assert [row.took_ms for row in view.decisions()] == list(range(LATEST_MAX + 2, 2, -1))

    def test_a_decision(self, riverside: Riverside, view: LotView) -> None:
        admitted = decided(verdict=Verdict.ADMIT, reason=Reason.BOOKED, reservation_id=rid(1), spot_id=SPOT)
        riverside.tells(ENTRY, admitted)
        [row] = view.decisions()
        assert (row.verdict, row.reason, row.gate_id, row.spot_id) == ("admit", "booked", ENTRY, SPOT)
        assert (row.reservation, row.took_ms, row.at, row.by) == (shown(rid(1)), 412, NOW.utc, None)

    def test_who_has_opened(self, riverside: Riverside, view: LotView) -> None:
        riverside.tells(ENTRY, decided(verdict=Verdict.ADMIT, reason=Reason.ATTENDANT, by="Anna"))
        assert [(row.reason, row.by) for row in view.decisions()] == [("attendant", "Anna")]

    def test_each_alarm_once(self, riverside: Riverside, view: LotView) -> None:
        """A gate's alarm is in the hub's log twice: as the gate told it and as the hub passed it on."""
        riverside.tells(ENTRY, AlarmRaised(alarm="arm-stuck", detail="down"))
        riverside.came_in(None, hours=0.1)
        assert [row.alarm for row in view.alarms()] == ["no-right", "arm-stuck"]
        assert view.alarms()[1].detail == f"{ENTRY}: down"

    def test_a_fact_that_was_set_aside_does_not_take_the_page_away(self, riverside: Riverside, view: LotView) -> None:
        class Broken(Payload):
            kind = "gate.decided/1"
            verdict: Any = "perhaps"

        riverside.tells(ENTRY, decided(took_ms=1))
        riverside.tells(ENTRY, Broken(), NOW.later(1))
        assert riverside.set_aside()
        assert [row.took_ms for row in view.decisions()] == [1]


def test_nothing_is_changed_by_looking(riverside: Riverside, view: LotView) -> None:
    riverside.booked()
    riverside.came_in()
    before = riverside.store.connection.total_changes
    view.spots(NOW), view.cars(), view.lanes(), view.decisions(), view.alarms()
    view.conflicts(NOW), view.moves(NOW), view.no_shows(NOW)
    assert riverside.store.connection.total_changes == before
    assert not view.central_online
