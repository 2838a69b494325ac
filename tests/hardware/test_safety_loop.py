"""The safety loop's hold, on a mock pin and moved time, with a car that comes at the worst moments."""

from collections.abc import Callable
from types import TracebackType

import pytest
from gpiozero.pins.mock import MockFactory

from hardware.safety_loop import SafetyLoop
from hardware.timer import Timer
from hardware.wiring import SafetyLoopWiring
from tests.hardware.moved_time import MovedTime

WIRING = SafetyLoopWiring(pin=27)


class Bench:
    """A safety loop on a bench; `heard` is what it has told."""

    def __init__(self, time: MovedTime) -> None:
        factory = MockFactory()
        self.loop = SafetyLoop(WIRING, factory, time.new_timer)
        self._pin = factory.pin(WIRING.pin)
        self.occupy(False)
        self.heard: list[bool] = []
        self.loop.when_changed = self.heard.append

    def occupy(self, occupied: bool) -> None:
        if occupied:
            self._pin.drive_high()
        else:
            self._pin.drive_low()


@pytest.fixture
def bench(time: MovedTime) -> Bench:
    return Bench(time)


class Interleaved:
    """A lock at whose every release another thread gets its turn: the first time, it does `meanwhile`."""

    def __init__(self, lock: object, meanwhile: Callable[[], None]) -> None:
        self._lock = lock
        self._meanwhile: Callable[[], None] | None = meanwhile
        self._held = 0

    def __enter__(self) -> None:
        self._lock.__enter__()  # type: ignore[attr-defined]  # of a lock of either kind
        self._held += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.__exit__(kind, error, trace)  # type: ignore[attr-defined]
        self._held -= 1
        meanwhile = self._meanwhile
        if not self._held and meanwhile is not None:
            self._meanwhile = None
            meanwhile()


def test_who_comes_just_as_the_loop_becomes_free_is_told_last(bench: Bench, time: MovedTime) -> None:
    """The timer's thread loses its turn wherever it may, and the pin's has it."""
    bench.occupy(True)
    bench.occupy(False)
    (timer,) = time.calls
    bench.loop._lock = Interleaved(bench.loop._lock, lambda: bench.occupy(True))  # type: ignore[assignment]
    timer.function()
    assert bench.loop.occupied
    assert bench.heard == [True, False, True]


def test_who_comes_just_before_that_was_there_all_the_time(bench: Bench, time: MovedTime) -> None:
    bench.occupy(True)
    bench.occupy(False)
    (timer,) = time.calls
    bench.occupy(True)
    timer.function()  # its thread was already waiting for the lock when it was cancelled
    assert timer.cancelled
    assert bench.heard == [True]


def test_a_listener_may_read_the_loop_and_release_it(bench: Bench, time: MovedTime) -> None:
    def releases(occupied: bool) -> None:
        assert bench.loop.occupied is occupied
        bench.heard.append(occupied)
        if not occupied:
            bench.loop.release()

    bench.loop.when_changed = releases
    bench.occupy(True)
    bench.occupy(False)
    time.pass_ms(WIRING.hold_ms)
    assert bench.heard == [True, False]


def test_one_that_is_released_leaves_no_timer_behind(bench: Bench, time: MovedTime) -> None:
    """The process would not end before it."""
    bench.occupy(True)
    bench.occupy(False)
    (timer,) = time.calls
    bench.loop.release()
    assert timer.cancelled


def test_who_comes_back_before_it_is_free_is_told_to_the_barrier_only(bench: Bench, time: MovedTime) -> None:
    """An arm that closes by itself may have begun to come down since."""
    activated: list[bool] = []
    bench.loop.when_activated = lambda: activated.append(bench.loop.occupied)
    bench.occupy(True)
    bench.occupy(False)
    bench.occupy(True)
    assert (activated, bench.heard) == ([True, True], [True])


def test_where_no_thread_can_be_started_it_is_free_at_once(time: MovedTime) -> None:
    """An error in the thread of the pins would leave all of them unheard."""

    def no_thread(_delay_s: float, _function: Callable[[], None]) -> Timer:
        raise RuntimeError("can't start new thread")

    bench = Bench(time)
    bench.loop._new_timer = no_thread
    bench.occupy(True)
    bench.occupy(False)
    bench.occupy(True)
    bench.occupy(False)
    assert bench.heard == [True, False, True, False]
    assert not bench.loop.occupied
