"""The history of output pins."""

from collections.abc import Mapping

from gpiozero.pins.mock import MockFactory, MockPin

from tests.hardware.moved_time import MovedTime

BEGAN_MS = MovedTime().now_ms


class Watched:
    """Every change of some pins' levels, with its millisecond and the pin's name, from before anything takes them.

    An output must be switched, and not let go of: where it is, that stands in place of its name.
    """

    def __init__(self, factory: MockFactory, pins: Mapping[str, int], time: MovedTime) -> None:
        self.history: list[tuple[int, str, bool]] = []
        self._time = time
        for name, number in pins.items():
            self._watch(name, factory.pin(number))

    def _watch(self, name: str, pin: MockPin) -> None:
        change = pin._change_state

        def noted(value: bool) -> bool:
            changed: bool = change(value)
            if changed:
                left_on = not value and all(other != name for _, other, _ in self.history)  # by who had it before
                what = name if pin.function == "output" or left_on else f"{name} was let go of"
                self.history.append((self._time.now_ms - BEGAN_MS, what, bool(value)))
            return changed

        pin._change_state = noted
