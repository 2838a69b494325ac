"""Time that tests move, with its timers."""

from collections.abc import Callable
from dataclasses import dataclass, field

from hardware.twin_arm import TICK_MS


@dataclass
class Call:
    """A call that is due at a millisecond; stands for `threading.Timer`."""

    time: "MovedTime"
    at_ms: float
    function: Callable[[], None]
    started: bool = False
    cancelled: bool = False

    def start(self) -> None:
        self.started = True

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class MovedTime:
    """A monotonic clock and its timers, which pass only by `pass_ms`."""

    now_ms: int = 1_000_000
    calls: list[Call] = field(default_factory=list)
    when_ticked: Callable[[], None] = lambda: None

    def __call__(self) -> int:
        return self.now_ms

    def new_timer(self, delay_s: float, function: Callable[[], None]) -> Call:
        call = Call(self, self.now_ms + delay_s * 1_000, function)
        self.calls.append(call)
        return call

    def pass_ms(self, ms: int) -> None:
        """Let time pass in ticks of the twin, each with its timers and then `when_ticked`."""
        end = self.now_ms + ms
        while self.now_ms < end:
            self.now_ms = min(self.now_ms + TICK_MS, end)
            for call in [call for call in self.calls if call.at_ms <= self.now_ms]:
                self.calls.remove(call)
                if call.started and not call.cancelled:
                    call.function()
            self.when_ticked()
