"""From when an arm is up, by what could be seen of it."""

from collections.abc import Sequence

from simulator.world.seen import Arm


def raised_ms(arms: Sequence[tuple[int, Arm]], from_ms: int) -> int | None:
    """The first instant from `from_ms` on at which the arm is up; None where it is not seen to be."""
    is_up = False
    for at_ms, arm in arms:
        if at_ms > from_ms:
            if is_up:
                return from_ms
            if arm is Arm.UP:
                return at_ms
        is_up = arm is Arm.UP
    return from_ms if is_up else None
