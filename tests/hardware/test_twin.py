"""The physics of the simulated lane, alone on moved time."""

import pytest

from domain.errors import Refused
from hardware.twin import Driving, LaneTwin
from hardware.twin_events import Happening
from hardware.wiring import InputName


def twin() -> LaneTwin:
    return LaneTwin(arm_travel_ms=1_500, car_speed_mm_per_s=2_500, now_ms=0)


def happenings(lane: LaneTwin) -> list[Happening]:
    return [event.happening for event in lane.take_events()]


def test_the_arm_takes_its_time() -> None:
    lane = twin()
    assert lane.next_wakeup() is None
    lane.raise_arm(0)
    lane.advance(1_480)
    assert not lane.arm_down
    assert not lane.arm_up
    lane.advance(1_500)
    assert lane.arm_up
    assert lane.next_wakeup() is None
    lane.lower_arm(5_000)
    lane.advance(5_500)
    lane.raise_arm(5_500)  # reversed after a third of the way
    lane.advance(6_000)
    events = [(event.mono_ms, event.happening) for event in lane.take_events()]
    assert events == [
        (0, Happening.ARM_MOVING),
        (1_500, Happening.ARM_UP),
        (5_000, Happening.ARM_MOVING),
        (5_500, Happening.ARM_MOVING),
        (6_000, Happening.ARM_UP),
    ]


def test_a_car_comes_waits_passes_and_clears() -> None:
    lane = twin()
    lane.arrive("c1", 0)
    lane.advance(20_000)
    assert lane.car is not None
    assert lane.car.driving is Driving.WAITING
    assert lane.arrival_loop
    assert not lane.safety_loop
    lane.raise_arm(20_000)
    lane.advance(23_000)
    assert lane.safety_loop
    lane.advance(30_000)
    assert lane.car is None
    assert (lane.arrival_loop, lane.safety_loop, lane.passages) == (False, False, 1)
    assert happenings(lane) == [
        Happening.CAR_ARRIVED,
        Happening.ARM_MOVING,
        Happening.ARM_UP,
        Happening.CAR_PASSED,
    ]
    assert lane.broken == []


@pytest.mark.parametrize("asked", [True, False])
def test_a_driver_gives_up_and_backs_out(asked: bool) -> None:
    lane = twin()
    lane.arrive("c1", 0, patience_ms=60_000 if asked else 5_000)
    lane.advance(4_000)
    if asked:
        lane.leave(4_000)
    lane.advance(20_000)
    assert lane.car is None
    assert happenings(lane) == [Happening.CAR_ARRIVED, Happening.CAR_BACKED_OUT]
    assert lane.passages == 0


def test_a_driver_stops_for_an_arm_that_falls_before_the_safety_loop() -> None:
    lane = twin()
    lane.raise_arm(0)
    lane.arrive("c1", 2_000)
    while lane.car is not None and lane.car.driving is Driving.APPROACHING:
        lane.advance(lane.next_wakeup() or 0)
    assert lane.car is not None
    lane.lower_arm(lane.next_wakeup() or 0)
    lane.advance(20_000)
    assert lane.arm_down
    assert lane.car.driving is Driving.WAITING
    assert lane.broken == []


@pytest.mark.parametrize("asked", [True, False])
def test_a_tailgater_comes_through_behind_another_car_and_stops_for_nothing(asked: bool) -> None:
    lane = twin()
    lane.raise_arm(0)
    lane.arrive("c1", 2_000, follower="c2")
    while lane.passages == 0:
        lane.advance(lane.next_wakeup() or 0)
    assert lane.car is not None
    assert (lane.car.name, lane.arrival_loop, lane.safety_loop) == ("c2", True, False), "it is seen to come"
    now = lane.next_wakeup() or 0
    if asked:  # as the car before is through
        lane.lower_arm(now)
    lane.advance(now + 400)
    assert lane.safety_loop
    lane.raise_arm(now + 400)
    lane.advance(now + 10_000)
    assert lane.passages == 2
    assert lane.broken == []
    assert [event.car for event in lane.take_events() if event.happening is Happening.CAR_PASSED] == ["c1", "c2"]


def test_an_arm_that_comes_down_on_a_tailgater_is_recorded() -> None:
    lane = twin()
    lane.raise_arm(0)
    lane.arrive("c1", 2_000, follower="c2")
    while lane.passages == 0:
        lane.advance(lane.next_wakeup() or 0)
    now = lane.next_wakeup() or 0
    lane.lower_arm(now)
    lane.advance(now + 10_000)
    assert [(event.happening, event.car) for event in lane.broken] == [(Happening.ARM_HIT_CAR, "c2")]


def test_an_arm_that_comes_down_on_a_car_is_recorded_once() -> None:
    lane = twin()
    lane.raise_arm(0)
    lane.arrive("c1", 2_000, dwell_ms=10_000)
    lane.advance(8_000)
    assert lane.safety_loop
    lane.lower_arm(8_000)
    lane.advance(30_000)
    assert [event.happening for event in lane.broken] == [Happening.CLOSED_ON_CAR, Happening.ARM_HIT_CAR]
    assert {event.car for event in lane.broken} == {"c1"}


def test_what_cannot_be_is_refused_and_changes_nothing() -> None:
    lane = twin()
    with pytest.raises(Refused, match="no car"):
        lane.leave(0)
    lane.arrive("c1", 0)
    with pytest.raises(Refused, match="car c1 is in the lane"):
        lane.arrive("c2", 0)
    lane.raise_arm(0)
    lane.advance(5_000)
    with pytest.raises(Refused, match="driving through"):
        lane.leave(5_000)
    assert lane.car is not None
    assert lane.car.name == "c1"


def test_how_time_is_cut_up_makes_no_difference() -> None:
    coarse, fine = twin(), twin()
    for lane, step in ((coarse, 10_000), (fine, 7)):
        lane.arrive("c1", 0, patience_ms=9_000)
        lane.raise_arm(0)
        for now in range(0, 40_001, step):
            lane.advance(now)
        lane.advance(40_000)
    assert coarse.take_events() == fine.take_events()


@pytest.mark.parametrize("name", ["photocell", "fire", "cabinet", "call_button"])
def test_what_somebody_does_is_so_until_it_ends(name: InputName) -> None:
    lane = twin()
    assert not lane.active(name)
    lane.touch(name, True, 0)
    lane.touch(name, True, 10)
    assert lane.active(name)
    lane.touch(name, False, 20)
    lane.touch(name, False, 30)
    assert not lane.active(name)
    assert lane.next_wakeup() is None


def test_a_car_is_seen_by_both_loops_and_the_photocell_one_after_another() -> None:
    lane = twin()
    lane.raise_arm(0)
    lane.arrive("c1", 0)
    seen: list[tuple[InputName, bool]] = []
    names: tuple[InputName, ...] = ("arrival_loop", "safety_loop", "photocell")
    before = dict.fromkeys(names, False)
    while lane.car is not None:
        lane.advance(lane.next_wakeup() or 0)
        for name in names:
            if lane.says(name) != before[name]:
                before[name] = lane.says(name)
                seen.append((name, before[name]))
    assert seen == [
        ("arrival_loop", True),
        ("safety_loop", True),
        ("photocell", True),
        ("arrival_loop", False),
        ("photocell", False),
        ("safety_loop", False),
    ]


@pytest.mark.parametrize("at", [True, False])
def test_a_stuck_input_says_the_same_whatever_is_true(at: bool) -> None:
    lane = twin()
    lane.stick("safety_loop", at, 0)
    lane.raise_arm(0)
    lane.arrive("c1", 0, dwell_ms=10_000)
    said: set[bool] = set()
    true: set[bool] = set()
    while lane.car is not None:
        lane.advance(lane.next_wakeup() or 0)
        said.add(lane.says("safety_loop"))
        true.add(lane.active("safety_loop"))
    assert (said, true) == ({at}, {True, False})
    lane.stick("safety_loop", None, 60_000)
    assert not lane.says("safety_loop")


@pytest.mark.parametrize(
    ("name", "happening"), [("photocell", Happening.CLOSED_ON_OBSTACLE), ("fire", Happening.CLOSED_IN_FIRE)]
)
def test_a_close_command_that_ought_not_to_be_is_broken(name: InputName, happening: Happening) -> None:
    lane = twin()
    lane.raise_arm(0)
    lane.touch(name, True, 2_000)
    lane.stick(name, False, 2_000)
    lane.lower_arm(3_000)
    assert [event.happening for event in lane.broken] == [happening]
    assert lane.broken[0].car is None


def test_a_jammed_arm_lets_nobody_through() -> None:
    lane = twin()
    lane.jam(True, 0)
    lane.raise_arm(0)
    lane.arrive("c1", 0, patience_ms=5_000)
    lane.advance(60_000)
    assert (lane.car, lane.passages, lane.arm_up) == (None, 0, False)
    assert Happening.ARM_STUCK in happenings(lane)
    lane.jam(False, 60_000)
    lane.raise_arm(60_000)
    lane.advance(62_000)
    assert lane.arm_up


def test_the_buzzer_is_heard() -> None:
    lane = twin()
    lane.buzz(5)
    assert happenings(lane) == [Happening.BUZZED]
