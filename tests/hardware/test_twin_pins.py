"""The twin on its pins: which way each contact is wired, and that time reaches every pin in order."""

import asyncio
from collections.abc import Callable

import pytest

from hardware.twin import Happening, LaneEvent, LaneTwin
from hardware.twin_pins import TwinPins
from hardware.wiring import Wiring
from tests.hardware.conftest import MovedTime
from tests.parts import running, soon


class Lane:
    """A twin on pins, without devices: its inputs are read, its relays driven by hand."""

    def __init__(self, time: MovedTime, wiring: Wiring) -> None:
        self.time, self.wiring = time, wiring
        self.twin = LaneTwin(arm_travel_ms=1_500, car_speed_mm_per_s=2_500, now_ms=time())
        self.pins = TwinPins(wiring, self.twin, clock=time)
        self.events: list[LaneEvent] = []
        self.pins.when_happened = self.events.append
        self.pins.settle()

    def level(self, pin: int) -> bool:
        return bool(self.pins.factory.pin(pin).state)

    def relay(self, pin: int, on: bool) -> None:
        line = self.pins.factory.pin(pin)
        line.function = "output"
        line.state = on

    def happenings(self) -> list[tuple[int, Happening]]:
        return [(event.mono_ms - 1_000_000, event.happening) for event in self.events]


@pytest.fixture
def lane(time: MovedTime) -> Lane:
    return Lane(time, Wiring(kind="simulated"))


@pytest.mark.parametrize("normally", ["open", "closed"])
def test_a_contact_is_low_while_it_is_closed(time: MovedTime, normally: str) -> None:
    plain = Wiring(kind="simulated").arrival_loop
    wiring = Wiring.model_validate({"kind": "simulated", "arrival_loop": {"pin": plain.pin, "normally": normally}})
    lane = Lane(time, wiring)
    assert lane.level(plain.pin) is (normally == "open")
    lane.pins.act(lambda now: lane.twin.arrive("c1", now))
    time.pass_ms(4_000)
    lane.pins.settle()
    assert lane.level(plain.pin) is (normally == "closed")


def test_only_the_moment_a_coil_is_energised_is_a_command(lane: Lane) -> None:
    relay = lane.wiring.barrier.open_relay
    for on in (True, True, False):
        lane.relay(relay, on)
    assert lane.happenings() == [(0, Happening.ARM_MOVING)]
    lane.time.pass_ms(2_000)
    lane.pins.settle()
    lane.relay(lane.wiring.outputs["close_relay"], on=True)
    lane.time.pass_ms(500)
    lane.relay(relay, on=True)  # again, after it was off
    assert [happening for _, happening in lane.happenings()[2:]] == [Happening.ARM_MOVING] * 2


def test_time_that_passed_all_at_once_reaches_the_pins_tick_by_tick(lane: Lane) -> None:
    limits = lane.wiring.barrier
    seen: list[tuple[int, bool, bool]] = []

    def note(event: LaneEvent) -> None:
        lane.events.append(event)
        seen.append((event.mono_ms - 1_000_000, lane.level(limits.limit_up.pin), lane.level(limits.limit_down.pin)))

    lane.pins.when_happened = note
    lane.relay(limits.open_relay, on=True)
    lane.time.pass_ms(60_000)
    lane.pins.settle()
    assert seen == [(0, True, False), (1_500, False, True)], "the pins come before their event"


def test_a_listener_may_move_the_lane_in_turn(lane: Lane) -> None:
    barrier = lane.wiring.barrier

    def reverse(event: LaneEvent) -> None:
        lane.events.append(event)
        if event.happening is Happening.ARM_UP:
            lane.relay(lane.wiring.outputs["close_relay"], on=True)

    lane.pins.when_happened = reverse
    lane.relay(barrier.open_relay, on=True)
    for _ in range(2):
        lane.time.pass_ms(5_000)
        lane.pins.settle()
    assert [happening for _, happening in lane.happenings()] == [
        Happening.ARM_MOVING,
        Happening.ARM_UP,
        Happening.ARM_MOVING,
        Happening.ARM_DOWN,
    ]


async def test_at_rest_it_sleeps_until_somebody_acts_in_whatever_thread(lane: Lane) -> None:
    settled: asyncio.Queue[None] = asyncio.Queue()
    settle: Callable[[], None] = lane.pins.settle

    def settles() -> None:
        settle()
        settled.put_nowait(None)

    lane.pins.settle = settles  # type: ignore[method-assign]
    async with running(lane.pins.run()):
        await soon(settled.get())
        assert settled.empty()
        await asyncio.to_thread(lane.pins.act, lambda now: lane.twin.arrive("c1", now))
        await soon(settled.get())
    assert lane.pins._wake is None, "who acts after the end wakes nobody"
    lane.pins.act(lane.twin.leave)
