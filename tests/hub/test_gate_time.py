"""When it was by the hub's time what a gate tells whose own time of day is wrong."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from cloud_sync.link.v1.facts import GatePassed
from cloud_sync.link.v1.messages import Sent
from domain.fact import Fact
from domain.now import Now, Trust
from hub.gate_time import GateTime
from tests.hub.riverside import MINUTE_MS, NOW, at
from tests.parts import EXIT

FLOOR = at(-48)
"""All that the gate knew."""


def told(when: datetime, trust: Trust, *, boot: str = "boot-g", mono_ms: int = 500_000) -> Fact:
    return Fact(EXIT, 1, 1, GatePassed.kind, when, boot, mono_ms, trust, {}, "")


@pytest.fixture
def time() -> GateTime:
    """A message has just come that was sent 10 minutes after `told`."""
    time = GateTime()
    time.heard(Sent(boot="boot-g", mono_ms=500_000 + 10 * MINUTE_MS), NOW)
    return time


class TestInTheSameBoot:
    @pytest.mark.parametrize("trust", [Trust.NONE, Trust.RTC])
    @pytest.mark.parametrize("when", [FLOOR, at(5_000)])
    def test_it_is_as_long_ago_as_the_monotonic_clock_says(self, time: GateTime, when: datetime, trust: Trust) -> None:
        assert time.placed(told(when, trust), NOW).at == NOW.utc - timedelta(minutes=10)

    def test_also_a_little_after_the_message_has_come(self, time: GateTime) -> None:
        assert time.placed(told(FLOOR, Trust.NONE), NOW.later(1_500)).at == NOW.utc - timedelta(minutes=10)

    def test_also_after_the_hubs_own_time_was_set(self, time: GateTime) -> None:
        stepped = Now(NOW.mono_ms + MINUTE_MS, at(24))
        assert time.placed(told(FLOOR, Trust.NONE), stepped).at == at(24) - timedelta(minutes=11)

    def test_nothing_happens_after_it_is_told(self, time: GateTime) -> None:
        assert time.placed(told(FLOOR, Trust.NONE, mono_ms=500_000 + 11 * MINUTE_MS), NOW).at == NOW.utc


class TestTheGatesOwnInstantStays:
    def test_where_a_time_server_had_set_its_clock(self, time: GateTime) -> None:
        fact = told(at(-1), Trust.NTP)
        assert time.placed(fact, NOW) is fact

    def test_where_the_hub_does_not_know_the_time_either(self, time: GateTime) -> None:
        fact = told(FLOOR, Trust.NONE)
        assert time.placed(fact, replace(NOW, trust=Trust.NONE)) is fact

    @pytest.mark.parametrize("trust", [Trust.NONE, Trust.RTC])
    def test_of_an_earlier_boot(self, time: GateTime, trust: Trust) -> None:
        assert time.placed(told(FLOOR, trust, boot="boot-f"), NOW).at == FLOOR

    def test_but_is_never_later_than_the_telling(self, time: GateTime) -> None:
        assert time.placed(told(at(5_000), Trust.NONE, boot="boot-f"), NOW).at == NOW.utc

    def test_before_anything_was_heard_of_when_it_was_sent(self) -> None:
        assert GateTime().placed(told(FLOOR, Trust.NONE), NOW).at == FLOOR
