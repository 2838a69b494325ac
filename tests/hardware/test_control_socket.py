"""The control socket over real loopback TCP, good input and bad."""

import asyncio
import json
from collections.abc import AsyncIterator

import cv2
import numpy as np
import pytest

from domain.errors import OperatorError, Refused
from hardware import control_socket
from hardware.barrier import Position
from hardware.lane import Lane
from hardware.lights import Signal
from hardware.simulated_lane import SimulatedLane
from hardware.twin_camera import CameraMode
from hardware.wiring import SimulatedWiring, Wiring
from simulator.street.lane_client import StreetClient
from tests.hardware.conftest import MORE
from tests.parts import soon

FAST = SimulatedWiring(arm_travel_ms=100, car_speed_mm_per_s=20_000, frame_interval_ms=10)
JPEG = cv2.imencode(".jpg", np.full((48, 64, 3), 200, np.uint8))[1].tobytes()


@pytest.fixture
async def lane() -> AsyncIterator[Lane]:
    async with Lane.from_wiring(Wiring(kind="simulated", simulated=FAST)) as lane:
        yield lane


@pytest.fixture
async def street(lane: Lane) -> AsyncIterator[StreetClient]:
    assert lane.control_port is not None
    async with StreetClient(lane.control_port) as street:
        yield street


async def test_a_car_comes_in_and_is_watched(lane: Lane, street: StreetClient) -> None:
    names: list[str] = []
    async with street.watch() as events:
        await street.arrive("c1", [JPEG])
        async for event in events:
            names.append(event["event"])
            match event["event"]:
                case "car_arrived":
                    state = await street.state()
                    lane.display.show("Welcome", "Spot 1-042")
                    lane.lights.show(Signal.GREEN)
                    lane.barrier.raise_arm()
                case "car_passed":
                    break
    assert (state.car, state.arm, state.arrival_loop, state.passages) == ("c1", Position.DOWN, True, 0)
    assert names == ["car_arrived", "display", "arm_moving", "arm_up", "car_passed"]
    state = await street.state()
    assert (state.car, state.passages, state.collisions) == (None, 1, 0)
    assert (state.display, state.lights) == (("Welcome", "Spot 1-042"), Signal.GREEN)


async def test_an_impatient_driver_and_one_who_is_sent_away(street: StreetClient) -> None:
    async with street.watch() as events:
        await street.arrive("c1", [], patience_ms=0)
        seen = [await anext(events), await anext(events)]
        await street.arrive("c2", [])
        seen.append(await anext(events))
        await street.leave()
        seen.append(await anext(events))
    assert [(event["event"], event["car"]) for event in seen] == [
        ("car_arrived", "c1"),
        ("car_backed_out", "c1"),
        ("car_arrived", "c2"),
        ("car_backed_out", "c2"),
    ]


async def test_the_camera_breaks_and_is_mended(lane: Lane, street: StreetClient) -> None:
    await street.set_camera(CameraMode.NONE)
    assert lane.camera.newest() is None
    await street.set_camera(CameraMode.OK, empty_lane=JPEG)
    assert isinstance(lane, SimulatedLane)
    assert lane.camera_twin.empty_lane.shape == (48, 64, 3)


@pytest.fixture
async def full_lane() -> AsyncIterator[Lane]:
    wiring = Wiring.model_validate({"kind": "simulated", "simulated": FAST} | MORE)
    async with Lane.from_wiring(wiring) as lane:
        yield lane


async def test_what_somebody_does_and_what_breaks(full_lane: Lane) -> None:
    lane = full_lane
    assert lane.control_port is not None
    assert lane.call_button is not None
    assert lane.cabinet is not None
    async with StreetClient(lane.control_port) as street:
        await street.touch("call_button")
        await street.touch("cabinet")
        await street.touch("photocell")
        await street.stick("arrival_loop", at=True)
        state = await street.state()
        assert (state.call_button, state.cabinet, state.photocell, state.arrival_loop) == (True, True, True, False)
        assert (lane.call_button.pressed, lane.cabinet.open, lane.arrival_loop.occupied) == (True, True, True)
        await street.touch("call_button", active=False)
        await street.stick("arrival_loop", at=None)
        assert not lane.call_button.pressed
        assert not lane.arrival_loop.occupied


async def test_a_fire_is_seen_and_a_jam_and_the_buzzer_heard(full_lane: Lane) -> None:
    assert full_lane.control_port is not None
    async with StreetClient(full_lane.control_port) as street, street.watch() as events:
        await street.jam()
        await street.touch("fire")
        assert [(await soon(anext(events)))["event"] for _ in range(2)] == ["arm_moving", "arm_stuck"]
        await street.jam(jammed=False)
        full_lane.buzzer.beep()
        assert (await soon(anext(events)))["event"] == "buzzed"
        state = await street.state()
        assert (state.fire, state.arm, state.collisions) == (True, Position.BETWEEN, 0)


async def test_what_a_lane_does_not_have_cannot_be_touched(street: StreetClient) -> None:
    for refused_by in (street.touch("fire"), street.stick("photocell", at=True)):
        with pytest.raises(Refused) as refused:
            await refused_by
        assert refused.value.code == "not_wired"


async def test_refusals_reach_the_client(street: StreetClient) -> None:
    with pytest.raises(Refused) as refused:
        await street.show([JPEG])
    assert refused.value.code == "no_car"
    with pytest.raises(Refused) as refused:
        await street.arrive("c1", [b"no picture"])
    assert refused.value.code == "picture_invalid"
    assert (await street.state()).car is None


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{",
        b'{"command": "explode"}',
        b'{"command": "arrive"}',
        b'{"command": "arrive", "car": "", "frames": []}',
        b'{"command": "arrive", "car": "c", "frames": [7]}',
        b'{"command": "arrive", "car": "c", "frames": [], "patience_ms": -1}',
        b'{"command": "leave", "more": 1}',
        b'{"command": "camera", "mode": "upside_down"}',
        b'{"command": "contact", "name": "arrival_loop", "active": true}',
        b'{"command": "stuck", "name": "open_relay", "at": true}',
        b'{"command": "jam"}',
        b"[" * 100_000,
    ],
)
async def test_bad_lines_get_an_error_and_the_connection_lives(lane: Lane, line: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", lane.control_port)
    try:
        writer.write(line + b'\n{"command": "state"}\n')
        answer = json.loads(await reader.readline())
        assert (answer["ok"], answer["error"]["code"]) == (False, "command_invalid")
        assert json.loads(await reader.readline())["ok"] is True
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_line_without_end_costs_only_its_own_connection(
    lane: Lane, street: StreetClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_socket, "LINE_BYTES_MAX", 1_000)
    async with Lane.from_wiring(Wiring(kind="simulated")) as other:
        reader, writer = await asyncio.open_connection("127.0.0.1", other.control_port)
        writer.write(b"x" * 5_000)
        assert json.loads(await reader.readline())["error"]["code"] == "line_too_long"
        assert await reader.read() == b""
        writer.close()
    assert (await street.state()).car is None


async def test_a_busy_port_is_the_operators_error(lane: Lane) -> None:
    assert lane.control_port is not None
    busy = Wiring(kind="simulated", simulated=SimulatedWiring(control_port=lane.control_port))
    with pytest.raises(OperatorError, match="choose another control_port"):
        async with Lane.from_wiring(busy):
            pass


async def test_a_lane_that_stops_ends_its_watchers() -> None:
    async with Lane.from_wiring(Wiring(kind="simulated")) as lane:
        assert lane.control_port is not None
        street = await StreetClient(lane.control_port).__aenter__()
        watch = street.watch()
        events = await watch.__aenter__()
    assert [event async for event in events] == []
    await watch.__aexit__(None, None, None)
    await street.__aexit__(None, None, None)
