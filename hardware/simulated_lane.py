"""A lane that is not there: the real devices on mock pins, the twin that moves them, and its control socket."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from domain.errors import Refused
from hardware.camera import Pixels, monotonic_ms
from hardware.control_protocol import (
    Arrive,
    Command,
    GetState,
    Jam,
    LaneState,
    Leave,
    SetCamera,
    Show,
    Stick,
    Touch,
    Watch,
)
from hardware.control_socket import ControlSocket
from hardware.display import Display
from hardware.lane import Lane
from hardware.picture import decoded
from hardware.timer import TimerFactory
from hardware.twin import LaneTwin
from hardware.twin_camera import CameraTwin
from hardware.twin_events import LaneEvent
from hardware.twin_memory import TwinMemory
from hardware.twin_pins import TwinPins
from hardware.wiring import InputName, SimulatedWiring, Wiring


class SimulatedLane(Lane):
    """A `Lane` of kind simulated. `twin` is what is physically true; a test moves it by its own clock and `pins`."""

    def __init__(
        self,
        wiring: Wiring,
        *,
        clock: Callable[[], int] = monotonic_ms,
        new_timer: TimerFactory = threading.Timer,
    ) -> None:
        settings = wiring.simulated or SimulatedWiring()
        self.twin = LaneTwin(
            arm_travel_ms=settings.arm_travel_ms,
            car_speed_mm_per_s=settings.car_speed_mm_per_s,
            now_ms=clock(),
            closes_itself=wiring.barrier.kind == "single-pulse",
        )
        self._memory = None if settings.memory is None else TwinMemory(settings.memory)
        remembered = None if self._memory is None else self._memory.lane(clock())
        if remembered is not None:
            self.twin.resume(remembered)
        self.pins = TwinPins(wiring, self.twin, clock=clock)
        self.camera_twin = CameraTwin(self.twin, frame_interval_ms=settings.frame_interval_ms, clock=clock)
        if self._memory is not None and remembered is not None:
            self.camera_twin.car_frames = _decode(self._memory.pictures())
        super().__init__(
            wiring,
            factory=self.pins.factory,
            camera=self.camera_twin,
            display=_DisplayTwin(self._display_shown),
            new_timer=new_timer,
        )
        self._clock = clock
        self._port = settings.control_port
        self._socket = ControlSocket(self.perform)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._time: asyncio.Task[None] | None = None
        self.pins.when_happened = self._happened
        self.pins.when_moved = self._moved
        self.pins.settle()

    @property
    def control_port(self) -> int | None:
        """The loopback port of the control socket, while it runs."""
        return self._socket.port

    @property
    def state(self) -> LaneState:
        """What a bystander would see now."""
        car = self.twin.car
        return LaneState(
            mono_ms=self._clock(),
            arm=self.barrier.position,
            arrival_loop=self.twin.arrival_loop,
            safety_loop=self.twin.safety_loop,
            photocell=self.twin.active("photocell"),
            fire=self.twin.active("fire"),
            cabinet=self.twin.active("cabinet"),
            call_button=self.twin.active("call_button"),
            car=None if car is None else car.name,
            display=self.display.lines,
            lights=self.lights.showing,
            passages=self.twin.passages,
            collisions=len(self.twin.broken),
        )

    def arrive(
        self, car: str, frames: Sequence[Pixels], *, patience_ms: int, dwell_ms: int = 0, follower: str | None = None
    ) -> None:
        """A car turns into the lane. Raises Refused (`lane_occupied`)."""

        def turn_in(now_ms: int) -> None:
            self.twin.arrive(car, now_ms, patience_ms=patience_ms, dwell_ms=dwell_ms, follower=follower)
            self.camera_twin.car_frames = frames

        self.pins.act(turn_in)

    async def start(self) -> None:
        """Raise the arm if there is a fire alarm, let time pass, and listen."""
        await super().start()
        self._loop = asyncio.get_running_loop()
        await self._socket.start(self._port)
        self._time = asyncio.create_task(self.pins.run(), name="simulated lane")

    async def stop(self) -> None:
        """Stop listening and stop time, then as a real lane does."""
        await self._socket.stop()
        if self._time is not None:
            self._time.cancel()
            with suppress(asyncio.CancelledError):
                await self._time
        self._loop = None
        await super().stop()

    async def perform(self, command: Command) -> dict[str, Any]:
        """Carry out one command of the control socket; returns the fields of its answer."""
        match command:
            case Arrive():
                frames = await asyncio.to_thread(_decode, command.frames)
                if self.twin.car is None:  # before the car: one without its pictures is read by nobody
                    self._remember_pictures(command.frames)
                self.arrive(
                    command.car,
                    frames,
                    patience_ms=command.patience_ms,
                    dwell_ms=command.dwell_ms,
                    follower=command.follower,
                )
            case Show():
                frames = await asyncio.to_thread(_decode, command.frames)
                if self.twin.car is None:
                    raise Refused("no_car", "there is no car in the lane; let one arrive first")
                self._remember_pictures(command.frames)
                self.camera_twin.car_frames = frames
            case Leave():
                self.pins.act(self.twin.leave)
            case Touch():
                self._check_wired(command.name)
                self.pins.act(partial(self.twin.touch, command.name, command.active))
            case Stick():
                self._check_wired(command.name)
                self.pins.act(partial(self.twin.stick, command.name, command.at))
            case Jam():
                self.pins.act(partial(self.twin.jam, command.jammed))
            case SetCamera():
                if command.empty_lane is not None:
                    self.camera_twin.empty_lane = await asyncio.to_thread(decoded, command.empty_lane)
                self.camera_twin.mode = command.mode
            case GetState() | Watch():
                return self.state.model_dump(mode="json")
        return {}

    def _check_wired(self, name: InputName) -> None:
        if name not in self.wiring.inputs:
            raise Refused("not_wired", f"this lane has no {name}; wire one in its [hardware] section")

    def _happened(self, event: LaneEvent) -> None:
        self._publish({"event": event.happening.value, "mono_ms": event.mono_ms, "car": event.car})

    def _moved(self) -> None:
        if self._memory is not None:
            self._memory.keep(self.twin.snapshot())

    def _remember_pictures(self, pictures: Sequence[bytes]) -> None:
        if self._memory is not None:
            self._memory.keep_pictures(pictures)

    def _display_shown(self, lines: tuple[str, str]) -> None:
        self._publish({"event": "display", "mono_ms": self._clock(), "lines": list(lines)})

    def _publish(self, event: dict[str, Any]) -> None:
        if self._loop is not None:  # whoever moved the lane may be in another thread
            self._loop.call_soon_threadsafe(self._socket.publish, event)


class _DisplayTwin(Display):
    """A display that only remembers, and tells when its text changes."""

    def __init__(self, when_changed: Callable[[tuple[str, str]], None]) -> None:
        super().__init__(None)
        self._when_changed = when_changed

    def show(self, line1: str, line2: str = "") -> None:
        """Replace both lines, cut to 20 signs."""
        before = self.lines
        super().show(line1, line2)
        if self.lines != before:
            self._when_changed(self.lines)


def _decode(pictures: Sequence[bytes]) -> list[Pixels]:
    return [decoded(picture) for picture in pictures]
