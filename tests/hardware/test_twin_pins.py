"""The twin on its pins: which way each contact is wired, and that time reaches every pin in order."""

import asyncio
import threading
from collections.abc import Callable
from functools import partial

import pytest

from hardware.twin import LaneTwin
from hardware.twin_events import Happening, LaneEvent
from hardware.twin_pins import TwinPins
from hardware.wiring import InputName, Wiring
from tests.hardware.conftest import MORE
from tests.hardware.moved_time import MovedTime
from tests.parts import PATIENCE_S, running, soon


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


def test_an_input_is_what_it_is_when_it_is_read_also_where_nobody_has_let_time_pass(lane: Lane) -> None:
    loop, told = lane.wiring.arrival_loop.pin, list[Happening]()
    lane.pins.act(lambda now: lane.twin.arrive("c1", now))
    free = lane.level(loop)
    lane.time.pass_ms(4_000)
    lane.pins.when_happened = lambda event: told.append(event.happening)
    assert lane.level(loop) is not free
    assert told == [Happening.CAR_ARRIVED], "and everybody is told as ever"


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


def test_every_input_that_is_wired_has_its_pin_and_every_output_its_coil(time: MovedTime) -> None:
    lane = Lane(time, Wiring.model_validate({"kind": "simulated"} | MORE))
    names: tuple[InputName, ...] = ("photocell", "fire", "cabinet", "call_button")
    for name in names:
        contact = lane.wiring.inputs[name]
        before = lane.level(contact.pin)
        lane.pins.act(partial(lane.twin.touch, name, True))
        assert lane.level(contact.pin) is not before
        lane.pins.act(partial(lane.twin.stick, name, False))
        assert lane.level(contact.pin) is before
    assert lane.wiring.buzzer is not None
    lane.relay(lane.wiring.buzzer.pin, on=True)
    lane.relay(lane.wiring.buzzer.pin, on=False)
    assert lane.happenings() == [(0, Happening.BUZZED)]


def test_a_coil_does_not_wait_for_who_moves_the_lane(lane: Lane) -> None:
    """In a fire one thread has the lane and wants the barrier, another has the barrier and energises a coil."""
    barrier = lane.wiring.barrier
    order: list[str] = []

    def energise(event: LaneEvent) -> None:
        lane.events.append(event)
        if event.happening is Happening.CAR_ARRIVED:
            other = threading.Thread(target=lane.relay, args=(barrier.open_relay, True))
            other.start()
            other.join(PATIENCE_S)
            assert not other.is_alive(), "it waits for the lane, which waits for it"
            order.append("energised")
        elif event.happening is Happening.ARM_MOVING:
            order.append("moving")

    lane.pins.when_happened = energise
    lane.pins.act(lambda now: lane.twin.arrive("c1", now))
    lane.time.pass_ms(5_000)
    lane.pins.settle()
    assert order == ["energised", "moving"]


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
