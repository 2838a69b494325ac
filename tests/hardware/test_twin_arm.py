"""The simulated arm: how it jams, and how a controller that closes by itself does it."""

from hardware.twin import LaneTwin
from hardware.twin_arm import CLOSE_PAUSE_MS, CLOSE_WAIT_MS, TICK_MS, ArmTwin
from hardware.twin_events import Happening


class Bench:
    """An arm that is moved tick by tick; what it notes comes with its millisecond."""

    def __init__(self, *, closes_itself: bool) -> None:
        self.now_ms = 0
        self.under = False
        self.seen: list[tuple[int, Happening]] = []
        self.arm = ArmTwin(1_500, closes_itself, lambda happening: self.seen.append((self.now_ms, happening)))

    def head(self, heading: int) -> None:
        self.arm.head(heading, self.now_ms)

    def pass_ms(self, ms: int) -> None:
        for _ in range(0, ms, TICK_MS):
            self.now_ms += TICK_MS
            self.arm.tick(self.now_ms, under=self.under)


def test_a_jammed_arm_stops_half_way_in_either_direction_until_it_is_mended() -> None:
    bench = Bench(closes_itself=False)
    bench.arm.jammed = True
    bench.head(1)
    bench.pass_ms(5_000)
    assert not bench.arm.up
    assert not bench.arm.down
    bench.head(-1)
    bench.pass_ms(1_000)
    assert bench.seen == [
        (0, Happening.ARM_MOVING),
        (760, Happening.ARM_STUCK),
        (5_000, Happening.ARM_MOVING),
        (5_020, Happening.ARM_STUCK),
    ]
    bench.arm.jammed = False
    bench.head(-1)
    bench.pass_ms(2_000)
    assert bench.arm.down


def test_with_nothing_under_it_it_closes_after_the_wait() -> None:
    bench = Bench(closes_itself=True)
    bench.head(1)
    bench.pass_ms(1_500 + CLOSE_WAIT_MS)
    assert bench.seen == [
        (0, Happening.ARM_MOVING),
        (1_500, Happening.ARM_UP),
        (1_500 + CLOSE_WAIT_MS, Happening.ARM_MOVING),
    ]
    bench.pass_ms(1_500)
    assert bench.arm.down


def test_asked_to_open_again_it_waits_anew() -> None:
    bench = Bench(closes_itself=True)
    bench.head(1)
    bench.pass_ms(1_500 + CLOSE_WAIT_MS - 1_000)
    bench.head(1)
    bench.pass_ms(CLOSE_WAIT_MS - TICK_MS)
    assert bench.arm.up
    bench.pass_ms(2_000)
    assert bench.arm.down


def test_once_what_was_under_it_has_left_it_closes() -> None:
    bench = Bench(closes_itself=True)
    bench.head(1)
    bench.pass_ms(2_000)
    bench.under = True
    bench.pass_ms(CLOSE_WAIT_MS * 2)
    assert bench.arm.up
    bench.under = False
    bench.pass_ms(CLOSE_PAUSE_MS + 1_500)
    assert bench.arm.down


def test_on_its_way_down_it_goes_up_from_what_it_meets() -> None:
    bench = Bench(closes_itself=True)
    bench.head(1)
    bench.pass_ms(1_500 + CLOSE_WAIT_MS + 700)
    bench.under = True
    bench.pass_ms(800)
    assert bench.arm.up


def test_a_controller_of_two_contacts_never_closes_by_itself_and_spares_nobody() -> None:
    bench = Bench(closes_itself=False)
    bench.head(1)
    bench.pass_ms(CLOSE_WAIT_MS * 2)
    assert bench.arm.up
    bench.head(-1)
    bench.under = True
    bench.pass_ms(2_000)
    assert bench.arm.down


def test_how_time_is_cut_up_makes_no_difference_to_a_lane_that_closes_itself() -> None:
    lanes = [LaneTwin(arm_travel_ms=1_500, car_speed_mm_per_s=2_500, now_ms=0, closes_itself=True) for _ in range(2)]
    for lane, step in zip(lanes, (50_000, 7), strict=True):
        lane.arrive("c1", 0)
        lane.raise_arm(0)
        for now in range(0, 200_001, step):
            lane.advance(now)
        lane.touch("photocell", True, 200_000)
        lane.raise_arm(200_000)
        lane.advance(250_000)
        lane.touch("photocell", False, 250_000)
        lane.advance(300_000)
        assert lane.arm_down
        assert lane.broken == []
    coarse, fine = lanes
    assert coarse.take_events() == fine.take_events()
