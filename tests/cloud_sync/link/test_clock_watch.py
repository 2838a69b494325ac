"""When a clock raises an alarm, and how seldom its floor is written."""

import asyncio
import logging
from datetime import UTC, datetime

import pytest

from cloud_sync.link.clock_watch import ALARM_AFTER_MS, KEEP_EVERY_MS, ClockWatch
from domain.now import Now, Trust

START = Now(0, datetime(2026, 5, 14, 12, tzinfo=UTC), Trust.NONE)


class Unit:
    def __init__(self) -> None:
        self.alarms: list[str] = []
        self.kept = 0
        self.disk_full = False
        self.watch = ClockWatch(lambda: START, self._keep, lambda name, _detail: self.alarms.append(name))

    def at(self, ms: int, trust: Trust) -> None:
        self.watch.look(Now(ms, START.utc, trust))

    def _keep(self) -> None:
        if self.disk_full:
            raise OSError(28, "No space left on device")
        self.kept += 1


@pytest.fixture
def unit() -> Unit:
    return Unit()


class TestTheAlarm:
    def test_a_clock_that_is_set_soon_after_the_start_raises_none(self, unit: Unit) -> None:
        unit.at(0, Trust.NONE)
        unit.at(ALARM_AFTER_MS - 1, Trust.NONE)
        unit.at(ALARM_AFTER_MS, Trust.NTP)
        assert unit.alarms == []

    def test_one_that_is_not_raises_one(self, unit: Unit) -> None:
        for ms in (0, ALARM_AFTER_MS, 2 * ALARM_AFTER_MS, 9 * ALARM_AFTER_MS):
            unit.at(ms, Trust.NONE)
        assert unit.alarms == ["clock-untrusted"]

    def test_and_another_when_it_is_lost_for_long_again(self, unit: Unit) -> None:
        for ms, trust in ((0, Trust.NONE), (1, Trust.NONE), (2, Trust.RTC), (3, Trust.NONE), (4, Trust.NONE)):
            unit.at(ms * ALARM_AFTER_MS, trust)
        assert unit.alarms == ["clock-untrusted", "clock-untrusted"]

    def test_a_clock_that_is_carried_over_raises_none(self, unit: Unit) -> None:
        for ms in (0, ALARM_AFTER_MS):
            unit.at(ms, Trust.RTC)
        assert unit.alarms == []

    def test_each_change_is_logged_once(self, unit: Unit, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        for ms, trust in enumerate((Trust.NONE, Trust.NONE, Trust.NTP, Trust.NTP, Trust.RTC)):
            unit.at(ms, trust)
        assert [vars(record)["trust"] for record in caplog.records] == ["none", "ntp", "rtc"]


class TestTheFloor:
    def test_is_kept_at_the_start_and_then_now_and_then(self, unit: Unit) -> None:
        for ms in range(0, 2 * KEEP_EVERY_MS + 1, 5_000):
            unit.at(ms, Trust.NTP)
        assert unit.kept == 3

    def test_and_at_the_end(self, unit: Unit) -> None:
        async def begun_and_stopped() -> None:
            task = asyncio.create_task(unit.watch.run())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])

        asyncio.run(begun_and_stopped())
        assert unit.kept == 2

    def test_that_is_not_taken_by_the_disk_stops_nothing_and_is_logged_once(
        self, unit: Unit, caplog: pytest.LogCaptureFixture
    ) -> None:
        unit.disk_full = True
        for number in range(3):
            unit.at(number * KEEP_EVERY_MS, Trust.NTP)
        unit.disk_full = False
        unit.at(3 * KEEP_EVERY_MS, Trust.NTP)
        assert (unit.kept, [record.message for record in caplog.records]) == (1, ["clock.floor_not_kept"])
