"""A barrier and its fire contact: open, and nothing closes."""

import pytest

from domain.errors import Refused
from tests.hardware.bench import FIRE, WIRING, Bench, NoTimer
from tests.hardware.moved_time import MovedTime


def test_a_fire_alarm_raises_the_arm_before_anybody_hears_of_it(bench: Bench) -> None:
    heard: list[tuple[bool, int]] = []
    bench.fire.when_changed = lambda alarmed: heard.append((alarmed, len(bench.history)))
    bench.occupy(True)
    bench.set(FIRE, active=True)
    assert bench.history == [(0, "open", True)]
    assert heard == [(True, 1)]


def test_a_fire_alarm_cuts_a_close_pulse(bench: Bench) -> None:
    bench.barrier.lower_arm()
    bench.time.pass_ms(100)
    bench.set(FIRE, active=True)
    bench.time.pass_ms(1_000)
    assert bench.history == [(0, "close", True), (100, "close", False), (160, "open", True), (560, "open", False)]


def test_while_there_is_a_fire_alarm_nothing_closes_and_its_end_moves_nothing(bench: Bench) -> None:
    bench.set(FIRE, active=True)
    bench.time.pass_ms(1_000)
    with pytest.raises(Refused) as refused:
        bench.barrier.lower_arm()
    assert refused.value.code == "fire_alarm"
    bench.set(FIRE, active=False)
    bench.time.pass_ms(10_000)
    assert bench.history == [(0, "open", True), (400, "open", False)]
    bench.barrier.lower_arm()
    assert bench.history[-1] == (11_000, "close", True)


def test_an_alarm_that_is_on_at_the_start_raises_the_arm_then(time: MovedTime) -> None:
    bench = Bench(time, fire=True)
    assert bench.history == []
    bench.barrier.start()
    assert bench.history == [(0, "open", True)]


def test_without_an_alarm_the_start_moves_nothing(bench: Bench) -> None:
    bench.barrier.start()
    bench.time.pass_ms(1_000)
    assert bench.history == []


@pytest.mark.parametrize("alarm", [True, False])
def test_during_a_fire_an_arm_that_comes_down_by_itself_is_raised_again(bench: Bench, alarm: bool) -> None:
    if alarm:
        bench.set(FIRE, active=True)
    bench.set(WIRING.limit_up, active=True)
    bench.time.pass_ms(20_000)
    before = len(bench.history)
    bench.set(WIRING.limit_up, active=False)
    assert bench.history[before:] == ([(20_000, "open", True)] if alarm else [])


def test_an_alarm_that_cannot_raise_the_arm_is_still_heard(
    starved: Bench, timers: NoTimer, caplog: pytest.LogCaptureFixture
) -> None:
    """Who hears of it raises the arm too; an error in the pins' own thread would make every input deaf."""
    heard: list[bool] = []
    starved.fire.when_changed = heard.append
    timers.may = False
    starved.set(FIRE, active=True)
    assert (heard, starved.history) == ([True], [])
    assert "open the barrier by hand" in caplog.text


def test_an_alarm_at_the_very_end_finds_no_relay(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Its thread was waiting for the barrier's lock while the barrier was released."""
    guards = (bench.fire, bench.loop, bench.photocell)
    late = [guard.when_activated for guard in guards]
    bench.set(WIRING.limit_up, active=True)
    bench.set(WIRING.limit_up, active=False)
    bench.barrier.release()
    for raises in late:
        assert raises is not None
        raises()
    assert [guard.when_activated for guard in guards] == [None] * 3
    assert (bench.history, bench.time.calls, caplog.text) == ([], [], "")
