"""A lane's core on real devices, with mock pins: contacts are driven, relays are watched, and time is moved."""

from gpiozero.pins.mock import MockFactory

from domain.errors import Refused
from domain.plate import Plate
from gate_firmware.events import (
    ArmMoved,
    ArrivalLoop,
    Beep,
    CabinetDoor,
    CallButton,
    Command,
    DeviceFault,
    Event,
    FireAlarm,
    Inputs,
    Look,
    LowerArm,
    Photocell,
    RaiseArm,
    SafetyLoop,
    Sight,
    Tell,
    Warn,
)
from hardware.lane import Lane
from hardware.wiring import InputName, Wiring
from tests.gate_firmware.gate import PLATE, Gate
from tests.hardware.conftest import MORE, MovedTime
from tests.hardware.pins import Watched

WIRING = Wiring.model_validate({"kind": "gpiozero"} | MORE)
STEP_MS = 100
RISE_MS = 1_500


class Site:
    """One lane with everything that a lane may have, and an arm that goes where the relays send it.

    `jammed`: it does not get past the middle of its way. `stuck` is what broken contacts say, whatever is so.
    """

    def __init__(self, gate: Gate, factory: MockFactory, time: MovedTime) -> None:
        self.gate = gate
        self.jammed = False
        self.stuck: dict[InputName, bool] = {}
        self.pins = Watched(factory, WIRING.outputs, time)
        self._factory = factory
        self._time = time
        self._way_ms, self._goes = 0, 0  # 0: down
        self._look = ""
        self.devices = Lane.from_wiring(WIRING, new_timer=time.new_timer)
        for name in WIRING.inputs:
            self.set(name, active=name == "limit_down")
        self._listen()
        self._perform(self.gate.lane.start(_inputs(self.devices), self.gate.now))

    @property
    def pulses(self) -> list[str]:
        """The command relays that were switched on, in order."""
        return [name for _, name, on in self.pins.history if on and name in ("open_relay", "close_relay")]

    @property
    def arm_is_up(self) -> bool:
        """Whether it is, whatever its limit switches say."""
        return self._way_ms == RISE_MS

    def set(self, name: InputName, *, active: bool) -> None:
        """Open or close a contact, unless it is stuck."""
        active = self.stuck.get(name, active)
        pin, normally_closed = self._factory.pin(WIRING.inputs[name].pin), WIRING.inputs[name].normally == "closed"
        if active is normally_closed:
            pin.drive_high()
        else:
            pin.drive_low()
        if name == "safety_loop" and not active:
            self.pass_ms(WIRING.safety_loop.hold_ms)

    def stick(self, name: InputName, *, active: bool) -> None:
        """A contact breaks, and says this from now on."""
        self.stuck[name] = active
        self.set(name, active=active)

    def pass_ms(self, ms: int) -> None:
        """Let time pass, with the arm on its way."""
        for _ in range(0, ms, STEP_MS):
            self._time.pass_ms(STEP_MS)
            self._move_arm()
            self._perform(self.gate.passes_ms(STEP_MS))

    def read(self, sight: Sight = Sight.KNOWN, plate: Plate | None = PLATE) -> None:
        """What the camera has seen of the car that is looked at."""
        self._perform(self.gate.seen(self._look, sight, plate))

    def comes(self, sight: Sight = Sight.KNOWN) -> None:
        """A car comes onto the arrival loop, and its plate is read."""
        self.set("arrival_loop", active=True)
        self.read(sight, PLATE if sight is Sight.KNOWN else None)

    def drives_through(self) -> None:
        """It drives over both loops, and away."""
        self.set("safety_loop", active=True)
        self.set("arrival_loop", active=False)
        self.pass_ms(1_000)
        self.set("safety_loop", active=False)

    def _listen(self) -> None:
        devices = self.devices
        devices.arrival_loop.when_changed = lambda on: self._happens(ArrivalLoop(on))
        devices.safety_loop.when_changed = lambda on: self._happens(SafetyLoop(on))
        devices.barrier.when_moved = lambda position: self._happens(ArmMoved(position))
        devices.barrier.when_faulty = lambda detail: self._happens(DeviceFault("limit-switch", detail))
        assert devices.photocell is not None
        assert devices.fire is not None
        assert devices.cabinet is not None
        assert devices.call_button is not None
        devices.photocell.when_changed = lambda on: self._happens(Photocell(on))
        devices.fire.when_changed = lambda on: self._happens(FireAlarm(on))
        devices.cabinet.when_changed = lambda on: self._happens(CabinetDoor(on))
        devices.call_button.when_changed = lambda on: self._happens(CallButton(on))

    def _happens(self, event: Event) -> None:
        self._perform(self.gate.happens(event))

    def _perform(self, commands: list[Command]) -> None:
        for command in commands:
            match command:
                case RaiseArm():
                    self.devices.barrier.raise_arm()
                case LowerArm():
                    try:
                        self.devices.barrier.lower_arm()
                    except Refused as refused:
                        if refused.code != "command_running":  # the lane does not ask for what would be refused
                            raise
                case Tell(signal, line1, line2):
                    self.devices.lights.show(signal)
                    self.devices.display.show(line1, line2)
                case Beep():
                    self.devices.buzzer.beep()
                case Warn():
                    self.devices.buzzer.warn()
                case Look(passage_id):
                    self._look = passage_id
                case _:
                    pass

    def _move_arm(self) -> None:
        barrier = WIRING.barrier
        assert barrier.close_relay is not None
        if self._factory.pin(barrier.open_relay).state:
            self._goes = STEP_MS
        elif self._factory.pin(barrier.close_relay).state:
            self._goes = -STEP_MS
        most = RISE_MS // 2 if self.jammed and self._way_ms <= RISE_MS // 2 else RISE_MS
        least = RISE_MS // 2 if self.jammed and self._way_ms >= RISE_MS // 2 else 0
        self._way_ms = min(max(self._way_ms + self._goes, least), most)
        self.set("limit_down", active=self._way_ms == 0)
        self.set("limit_up", active=self._way_ms == RISE_MS)


def _inputs(lane: Lane) -> Inputs:
    """How a lane's contacts are now."""
    return Inputs(
        arrival=lane.arrival_loop.occupied,
        safety=lane.safety_loop.occupied,
        arm=lane.barrier.position,
        photocell=lane.photocell is not None and lane.photocell.interrupted,
        fire=lane.fire is not None and lane.fire.alarmed,
        cabinet_open=lane.cabinet is not None and lane.cabinet.open,
    )
