"""A lane's core on real devices, with mock pins: contacts are driven, relays are watched, and time is moved."""

from collections.abc import Callable, Collection

from gpiozero.pins.mock import MockFactory

from domain.errors import Refused
from domain.plate import Plate
from gate_firmware.events import Event, Look, LookAway, LookForCode, Sight
from gate_firmware.shell import Shell
from hardware.lane import Lane
from hardware.wiring import InputName, Wiring
from tests.gate_firmware.gate import PLATE, Gate
from tests.hardware.conftest import MORE
from tests.hardware.moved_time import MovedTime
from tests.hardware.pins import Watched

WIRING = Wiring.model_validate({"kind": "gpiozero"} | MORE)
STEP_MS = 100
RISE_MS = 1_500
AT_REST: tuple[InputName, ...] = ("limit_down",)
Built = Callable[[Gate], "Site"]


class Site:
    """One lane with everything that a lane may have, and an arm that goes where the relays send it.

    `jammed`: it does not get past the middle of its way. `stuck` is what broken contacts say, whatever is so.
    """

    def __init__(
        self, gate: Gate, factory: MockFactory, time: MovedTime, active: Collection[InputName] = AT_REST
    ) -> None:
        """`active`: the contacts that are, when the gate starts."""
        self.gate = gate
        self.jammed = False
        self.stuck: dict[InputName, bool] = {}
        wiring = WIRING.model_copy(update={"barrier": gate.barrier})
        self.pins = Watched(factory, wiring.outputs, time)
        self._factory = factory
        self._time = time
        self._way_ms, self._goes = 0, 0  # 0: down
        self._waits_ms = 0  # a barrier that closes by itself
        self._look = ""
        self.devices = Lane.from_wiring(wiring, new_timer=time.new_timer)
        for name in WIRING.inputs:
            self._set(name, active=name in active)
        time.pass_ms(WIRING.safety_loop.hold_ms)
        self._lower = self.devices.barrier.lower_arm
        self.devices.barrier.lower_arm = self._lower_arm  # type: ignore[method-assign]
        self._shell = Shell(self.devices, self._looks)
        self._shell.perform(self.gate.lane.start(self._shell.listen(self.happens), self.gate.now))
        self._shell.listen_for_faults(self.happens)

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
        self._set(name, active=self.stuck.get(name, active))
        if name == "safety_loop" and not active:
            self.pass_ms(WIRING.safety_loop.hold_ms)

    def _set(self, name: InputName, *, active: bool) -> None:
        pin, normally_closed = self._factory.pin(WIRING.inputs[name].pin), WIRING.inputs[name].normally == "closed"
        if active is normally_closed:
            pin.drive_high()
        else:
            pin.drive_low()

    def stick(self, name: InputName, *, active: bool) -> None:
        """A contact breaks, and says this from now on."""
        self.stuck[name] = active
        self.set(name, active=active)

    def pass_ms(self, ms: int) -> None:
        """Let time pass, with the arm on its way."""
        for _ in range(0, ms, STEP_MS):
            self._time.pass_ms(STEP_MS)
            self._move_arm()
            self._shell.perform(self.gate.passes_ms(STEP_MS))

    def read(self, sight: Sight = Sight.KNOWN, plate: Plate | None = PLATE) -> None:
        """What the camera has seen of the car that is looked at."""
        self._shell.perform(self.gate.seen(self._look, sight, plate))

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

    def turn_key(self) -> None:
        """The key switch is in parallel with the open relay."""
        self._goes, self._waits_ms = STEP_MS, 0

    def happens(self, event: Event) -> None:
        """Whatever comes by no pin."""
        self._shell.perform(self.gate.happens(event))

    def _looks(self, command: Look | LookForCode | LookAway) -> None:
        if isinstance(command, Look):
            self._look = command.passage_id

    def _lower_arm(self) -> None:
        try:
            self._lower()
        except Refused as refused:
            if refused.code != "command_running":
                raise AssertionError("the lane asks for what a guard refuses") from refused
            raise

    def _move_arm(self) -> None:
        barrier = self.gate.barrier
        if self._factory.pin(barrier.open_relay).state:
            self._goes, self._waits_ms = STEP_MS, 0
        elif barrier.close_relay is not None and self._factory.pin(barrier.close_relay).state:
            self._goes = -STEP_MS
        elif barrier.closes_after_ms is not None and self._way_ms == RISE_MS:
            self._waits_ms += STEP_MS
            self._goes = -STEP_MS if self._waits_ms > barrier.closes_after_ms else STEP_MS
        most = RISE_MS // 2 if self.jammed and self._way_ms <= RISE_MS // 2 else RISE_MS
        least = RISE_MS // 2 if self.jammed and self._way_ms >= RISE_MS // 2 else 0
        self._way_ms = min(max(self._way_ms + self._goes, least), most)
        self.set("limit_down", active=self._way_ms == 0)
        self.set("limit_up", active=self._way_ms == RISE_MS)
