"""What is broken at any moment, and was: who judges a run by what drivers saw asks it what excuses a wait."""

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from simulator.soak.street.plan import AT_LANES, Breaks

AFTER_MS = 10_000
"""So long after it was mended a fault may still be felt: a lane asks its arm again, a gate is told what it missed."""

CAMERA = frozenset({Breaks.CAMERA_BLACK, Breaks.CAMERA_NONE, Breaks.CAMERA_FROZEN})
LANE = frozenset(AT_LANES) - CAMERA
"""With one of these a lane cannot do what it should, whoever comes."""
DOWN = frozenset({Breaks.KILLED, Breaks.STOPPED})


def now_ms() -> int:
    """Of the clock that the lanes go by, too."""
    return time.monotonic_ns() // 1_000_000


@dataclass(slots=True)
class Span:
    """One fault as it happened; `until_ms` is None while it lasts. A killed process is down until it serves again."""

    unit: str
    breaks: Breaks
    from_ms: int
    until_ms: int | None = None

    def felt(self, at_ms: int, after_ms: int = AFTER_MS) -> bool:
        return self.from_ms <= at_ms and (self.until_ms is None or at_ms <= self.until_ms + after_ms)


class Trouble:
    """All faults of a run so far."""

    def __init__(self, clock: Callable[[], int] = now_ms) -> None:
        self.spans: list[Span] = []
        self._clock = clock

    def begin(self, unit: str, breaks: Breaks) -> Span:
        span = Span(unit, breaks, self._clock())
        self.spans.append(span)
        return span

    def end(self, span: Span) -> None:
        span.until_ms = self._clock()

    def of(self, unit: str, breaks: Collection[Breaks]) -> list[Span]:
        return [span for span in self.spans if span.unit == unit and span.breaks in breaks]

    def felt(self, unit: str, breaks: Collection[Breaks], at_ms: int, after_ms: int = AFTER_MS) -> bool:
        """Whether a unit had such a fault at that instant, or has just had one."""
        return any(span.felt(at_ms, after_ms) for span in self.of(unit, breaks))

    def at_lane(self, gate_id: str) -> list[Span]:
        """What keeps a lane from letting cars through."""
        return self.of(gate_id, LANE | DOWN)

    def for_credentials(self, gate_id: str) -> list[Span]:
        """What keeps a lane from knowing a booking that was paid for, whatever its driver shows.

        A frozen camera may show another car's plate; a dark one leaves the id, which the gate may not have been told.
        """
        lot_id = gate_id.partition(".")[0]
        untold = [*self.of(lot_id, DOWN), *self.of(f"{lot_id}.broker", DOWN)]
        blind = self.of(gate_id, CAMERA)
        frozen = [span for span in blind if span.breaks is Breaks.CAMERA_FROZEN]
        return [*self.at_lane(gate_id), *frozen, *(untold if blind else [])]


def clear_ms(from_ms: int, until_ms: int, spans: Iterable[Span], after_ms: int = AFTER_MS) -> int:
    """How much of this time none of the spans was felt."""
    clear, at_ms = 0, from_ms
    for span in sorted(spans, key=lambda span: span.from_ms):
        clear += max(min(span.from_ms, until_ms) - at_ms, 0)
        ends_ms = until_ms if span.until_ms is None else span.until_ms + after_ms
        at_ms = max(at_ms, ends_ms)
    return clear + max(until_ms - at_ms, 0)
