"""One lane's devices in one object, real or simulated: the same devices, on other pins."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from gpiozero import Factory

from domain.errors import OperatorError
from hardware.barrier import Barrier
from hardware.buzzer import Buzzer
from hardware.cabinet import Cabinet
from hardware.call_button import CallButton
from hardware.camera import Camera, NoCamera, VideoCamera, monotonic_ms
from hardware.display import Display
from hardware.fire import FireAlarm
from hardware.lights import Lights
from hardware.loop import Loop
from hardware.photocell import Photocell
from hardware.safety_loop import SafetyLoop
from hardware.timer import TimerFactory
from hardware.wiring import Wiring


class Lane:
    """The devices of one lane, to be used as `async with Lane.from_wiring(wiring) as lane`.

    The pins are taken, at their safe levels, when it is made; cameras, simulated time and the control socket run from
    `start` to `stop`. Callbacks of the inputs and the barrier come in the thread of the pin change (see `Contact`).
    `photocell`, `fire`, `cabinet` and `call_button` are None where the lane has none; a `buzzer` that is not there is
    silent.
    """

    def __init__(
        self,
        wiring: Wiring,
        *,
        factory: Factory,
        camera: Camera,
        display: Display,
        new_timer: TimerFactory = threading.Timer,
    ) -> None:
        self.wiring = wiring
        self.arrival_loop = Loop(wiring.arrival_loop, factory)
        self.safety_loop = SafetyLoop(wiring.safety_loop, factory, new_timer)
        self.photocell = None if wiring.photocell is None else Photocell(wiring.photocell, factory)
        self.fire = None if wiring.fire is None else FireAlarm(wiring.fire, factory)
        self.cabinet = None if wiring.cabinet is None else Cabinet(wiring.cabinet, factory)
        self.call_button = None if wiring.call_button is None else CallButton(wiring.call_button, factory)
        self.barrier = Barrier(
            wiring.barrier,
            self.safety_loop,
            factory,
            photocell=self.photocell,
            fire=self.fire,
            new_timer=new_timer,
        )
        self.lights = Lights(wiring.lights, factory)
        self.buzzer = Buzzer(wiring.buzzer, factory, new_timer=new_timer)
        self.camera = camera
        self.display = display

    @classmethod
    def from_wiring(
        cls,
        wiring: Wiring,
        *,
        clock: Callable[[], int] = monotonic_ms,
        new_timer: TimerFactory = threading.Timer,
    ) -> "Lane":
        """The lane that `wiring` describes. Raises OperatorError (`no_gpio`) where this machine has no such pins."""
        if wiring.kind == "simulated":
            from hardware.simulated_lane import SimulatedLane  # noqa: PLC0415  a real gate never loads it

            return SimulatedLane(wiring, clock=clock, new_timer=new_timer)
        camera = NoCamera() if wiring.camera is None else VideoCamera(wiring.camera, clock=clock)
        display = Display(None if wiring.display is None else wiring.display.device)
        return cls(wiring, factory=_raspberry_pi(), camera=camera, display=display, new_timer=new_timer)

    @property
    def control_port(self) -> int | None:
        """The loopback port of the control socket; None on real pins."""
        return None

    async def start(self) -> None:
        """Raise the arm if there is a fire alarm, and begin to take pictures."""
        self.barrier.start()
        if isinstance(self.camera, VideoCamera):
            self.camera.start()

    async def stop(self) -> None:
        """End every pulse, leave the relays off and the driver's signals dark and silent, and release all devices."""
        self.barrier.release()
        if isinstance(self.camera, VideoCamera):
            self.camera.stop()
        for contact in (
            self.arrival_loop,
            self.safety_loop,
            self.photocell,
            self.fire,
            self.cabinet,
            self.call_button,
        ):
            if contact is not None:
                contact.release()
        self.lights.release()
        self.buzzer.release()
        self.display.release()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def _raspberry_pi() -> Factory:
    """The pins of the Pi we run on. lgpio, because nothing else that gpiozero knows drives a Pi 5."""
    try:
        from gpiozero.pins.lgpio import LGPIOFactory  # noqa: PLC0415  not installed on other machines

        return LGPIOFactory()
    except Exception as error:  # lgpio and gpiozero have no common base for "there is no GPIO here"
        raise OperatorError(
            "no_gpio", f'no GPIO on this machine ({error}); run on a Raspberry Pi or set kind = "simulated"'
        ) from error
