"""From when an arm is up."""

import pytest

from simulator.soak.street.waits import raised_ms
from simulator.world.seen import Arm

ARMS = [(10, Arm.RAISE), (20, Arm.UP), (40, Arm.DOWN), (50, Arm.RAISE), (60, Arm.UP)]


@pytest.mark.parametrize(
    ("from_ms", "up_ms"), [(0, 20), (10, 20), (20, 20), (30, 30), (40, 60), (45, 60), (60, 60), (90, 90)]
)
def test_the_first_instant_at_which_it_is_up(from_ms: int, up_ms: int) -> None:
    assert raised_ms(ARMS, from_ms) == up_ms


def test_an_arm_that_is_not_seen_to_rise_is_not_up() -> None:
    assert raised_ms([], 0) is None
    assert raised_ms(ARMS[:4], 45) is None
