"""How far a unit's time may be trusted, on machines whose clocks are set, stepped and lost."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloud_sync.link.clock import EARLIEST, RTC_ASKED_EVERY_MS, RTC_BEHIND_MAX, UnitClock
from cloud_sync.link.floor import FloorFile
from domain.now import Now, Trust
from tests.cloud_sync.link.machine import Machine, had_the_time

NOON = datetime(2026, 5, 14, 12, tzinfo=UTC)
DAY = timedelta(days=1)
FAKE = NOON - timedelta(hours=1)
"""What a machine without a battery has remembered on its disk."""


@pytest.fixture
def floor(tmp_path: Path) -> Path:
    return tmp_path / "gate.floor"


def started(machine: Machine, floor: Path) -> tuple[UnitClock, Now]:
    clock = UnitClock(machine, floor)
    return clock, clock()


class TestWithATimeServer:
    def test_the_time_of_day_is_trusted_as_it_is(self, floor: Path) -> None:
        assert started(Machine(NOON, disciplined=True), floor)[1] == Now(5_000, NOON, Trust.NTP)

    def test_a_step_changes_the_time_and_never_the_monotonic_clock(self, floor: Path) -> None:
        had_the_time(floor, NOON)
        machine = Machine(FAKE)
        clock, before = started(machine, floor)
        assert before == Now(5_000, NOON, Trust.NONE)
        machine.shows, machine.disciplined = NOON + 3 * DAY, True
        assert clock() == Now(5_000, NOON + 3 * DAY, Trust.NTP)

    def test_it_lowers_the_floor(self, floor: Path) -> None:
        had_the_time(floor, NOON + 300 * DAY)
        clock, now = started(Machine(NOON, disciplined=True), floor)
        assert now.utc == NOON
        clock.keep()
        assert started(Machine(FAKE, boot="boot-2"), floor)[1].utc == NOON

    def test_once_it_is_lost_this_boots_own_clock_carries_the_time_on(self, floor: Path) -> None:
        machine = Machine(NOON, disciplined=True)
        clock, _ = started(machine, floor)
        machine.disciplined = False
        machine.goes_on(90_000)
        machine.shows += DAY  # somebody sets it by hand
        assert clock() == Now(95_000, NOON + timedelta(seconds=90), Trust.RTC)

    def test_and_does_so_across_a_restart_of_the_process(self, floor: Path) -> None:
        machine = Machine(NOON, disciplined=True)
        clock, _ = started(machine, floor)
        clock.keep()
        machine.disciplined = False
        machine.goes_on(60_000)
        assert started(machine, floor)[1] == Now(65_000, NOON + timedelta(seconds=60), Trust.RTC)


class TestWithABatteryBackedClock:
    def test_the_time_is_trusted_as_carried_over(self, floor: Path) -> None:
        had_the_time(floor, NOON)
        assert started(Machine(NOON + DAY, rtc=True), floor)[1] == Now(5_000, NOON + DAY, Trust.RTC)

    def test_and_carried_on_by_the_monotonic_clock_without_asking_again(self, floor: Path) -> None:
        machine = Machine(NOON, rtc=True)
        clock, _ = started(machine, floor)
        machine.goes_on(60_000)
        machine.shows, machine.rtc = NOON - DAY, False
        assert clock() == Now(65_000, NOON + timedelta(seconds=60), Trust.RTC)
        assert machine.rtc_asked == 1

    def test_that_is_a_little_slow_the_floor_is_shown(self, floor: Path) -> None:
        had_the_time(floor, NOON)
        assert started(Machine(NOON - RTC_BEHIND_MAX, rtc=True), floor)[1] == Now(5_000, NOON, Trust.RTC)

    def test_that_is_far_below_the_floor_has_lost_its_time(self, floor: Path) -> None:
        had_the_time(floor, NOON)
        slow = NOON - RTC_BEHIND_MAX - timedelta(seconds=1)
        assert started(Machine(slow, rtc=True), floor)[1] == Now(5_000, NOON, Trust.NONE)

    @pytest.mark.parametrize("year", [1970, 2000])
    def test_that_was_never_set_is_not_trusted_without_a_floor_either(self, floor: Path, year: int) -> None:
        now = started(Machine(datetime(year, 1, 1, tzinfo=UTC), rtc=True), floor)[1]
        assert now == Now(5_000, EARLIEST, Trust.NONE)

    def test_that_comes_late_is_found_and_seldom_asked_for(self, floor: Path) -> None:
        machine = Machine(NOON)
        clock, before = started(machine, floor)
        machine.rtc = True
        machine.goes_on(RTC_ASKED_EVERY_MS - 1)
        assert (before.trust, clock().trust, machine.rtc_asked) == (Trust.NONE, Trust.NONE, 1)
        machine.goes_on(1)
        assert clock().trust is Trust.RTC


class TestWithNeither:
    @pytest.mark.parametrize("shows", [datetime(1970, 1, 1, tzinfo=UTC), FAKE, NOON + 5_000 * DAY])
    def test_only_the_floor_is_known_whatever_the_clock_shows(self, floor: Path, shows: datetime) -> None:
        had_the_time(floor, NOON)
        machine = Machine(shows)
        clock, now = started(machine, floor)
        assert now == Now(5_000, NOON, Trust.NONE)
        machine.goes_on(2_500)
        assert clock() == Now(7_500, NOON + timedelta(seconds=2.5), Trust.NONE)

    def test_the_floor_on_disk_moves_with_the_monotonic_clock(self, floor: Path) -> None:
        had_the_time(floor, NOON)
        machine = Machine(FAKE)
        clock, _ = started(machine, floor)
        machine.goes_on(60_000)
        clock.keep()
        assert started(Machine(FAKE, boot="boot-2"), floor)[1].utc == NOON + timedelta(seconds=60)
        machine.goes_on(1_000)  # and in the same boot it moves also while no process runs
        assert started(machine, floor)[1] == Now(66_000, NOON + timedelta(seconds=61), Trust.NONE)

    def test_without_a_floor_the_clock_is_all_there_is_and_makes_none(self, floor: Path) -> None:
        clock, now = started(Machine(NOON), floor)
        assert now == Now(5_000, NOON, Trust.NONE)
        clock.keep()
        assert FloorFile(floor).read() is None


class TestWhatTheOperatorSays:
    def test_ntp(self) -> None:
        assert UnitClock(Machine(NOON), said=Trust.NTP)() == Now(5_000, NOON, Trust.NTP)

    def test_rtc_is_still_held_against_the_floor(self, floor: Path) -> None:
        machine = Machine(NOON)
        assert UnitClock(machine, floor, Trust.RTC)() == Now(5_000, NOON, Trust.RTC)
        had_the_time(floor, NOON + DAY)
        assert UnitClock(machine, floor, Trust.RTC)() == Now(5_000, NOON + DAY, Trust.NONE)
        assert machine.rtc_asked == 0

    def test_none_whatever_is_measured(self, floor: Path) -> None:
        assert UnitClock(Machine(NOON, disciplined=True, rtc=True), floor, Trust.NONE)() == Now(5_000, NOON, Trust.NONE)
        had_the_time(floor, NOON + DAY)
        assert UnitClock(Machine(NOON, boot="boot-0"), floor, Trust.NONE)() == Now(5_000, NOON + DAY, Trust.NONE)
