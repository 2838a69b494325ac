"""One lane's `[hardware]` section: which device hangs on which pin, and how it behaves.

Pins are BCM numbers. Inputs are dry contacts to ground on the Pi's own pull-up; outputs are active high. Active-low
relay boards are not supported on purpose: until our process runs, GPIO 9 to 27 are pulled down (BCM2835 ARM
Peripherals, 6.2, table "GPIO alternate function"), and gpiozero's lgpio back end claims every output low before it
sets it, so such a relay would pulse at power-on and again at start-up. GPIO 2 to 8 are pulled up until then, and GPIO
14 is driven high where the serial console is enabled: nothing may hang there, neither an output nor a contact that
would short it to ground. docs/wiring.md is the guide.
"""

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


def _not_the_consoles(pin: int) -> int:
    if pin == 14:
        raise ValueError(
            "GPIO 14 is the serial console's, which may drive it high from power-on: an output would be on, and a "
            "contact that closes would short it to ground; take another pin"
        )
    return pin


InputName = Literal[
    "arrival_loop", "safety_loop", "photocell", "limit_up", "limit_down", "fire", "cabinet", "call_button"
]
# 0 and 1 belong to the EEPROM of add-on boards
Pin = Annotated[int, Field(ge=2, le=27), AfterValidator(_not_the_consoles)]
OutputPin = Annotated[int, Field(ge=9, le=27), AfterValidator(_not_the_consoles)]


class Section(BaseModel):
    """A part of the configuration: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ContactWiring(Section):
    """A dry contact to ground; one that is normally closed also reports when its cable is cut."""

    pin: Pin
    normally: Literal["open", "closed"] = "open"
    debounce_ms: int = Field(default=20, ge=0, le=1_000)


class GuardWiring(ContactWiring):
    """A contact that guards somebody or something: normally closed unless said otherwise, as a cut cable must alarm."""

    normally: Literal["open", "closed"] = "closed"


class SafetyLoopWiring(GuardWiring):
    """The loop under the arm; `hold_ms` is how long it has to be free before it counts as free."""

    hold_ms: int = Field(default=500, ge=0, le=5_000)


class BarrierWiring(Section):
    """The command relays and two limit switches of one barrier.

    A `single-pulse` controller has one command contact, which opens, and closes by itself: it has no `close_relay`.
    `pulse_ms` is how long a command contact is closed, `dead_ms` the pause before the other one may close, and
    `motion_ms_max` the time after which an arm that reached no limit switch is a fault; the gate watches that.
    `closes_after_ms` is how long a single-pulse controller waits before it closes, as it is set there.
    """

    kind: Literal["two-contacts", "single-pulse"] = "two-contacts"
    open_relay: OutputPin = 22
    close_relay: OutputPin | None = Field(
        default_factory=lambda given: None if given.get("kind") == "single-pulse" else 23
    )
    limit_up: ContactWiring = ContactWiring(pin=24)
    limit_down: ContactWiring = ContactWiring(pin=25)
    pulse_ms: int = Field(default=400, ge=50, le=2_000)
    dead_ms: int = Field(default=50, ge=0, le=500)
    motion_ms_max: int = Field(default=8_000, ge=500, le=60_000)
    closes_after_ms: int | None = Field(
        default_factory=lambda given: 45_000 if given.get("kind") == "single-pulse" else None, ge=2_000, le=600_000
    )

    @model_validator(mode="after")
    def _relays_fit_kind(self) -> Self:
        if (self.kind == "single-pulse") is not (self.close_relay is None):
            raise ValueError(
                'a barrier of kind "single-pulse" closes by itself: it has no close_relay, any other has one'
            )
        if (self.kind == "single-pulse") is (self.closes_after_ms is None):
            raise ValueError(
                'closes_after_ms is for a barrier of kind "single-pulse", and has to be given there: its own wait'
            )
        return self


class LightsWiring(Section):
    """The driver's signal head."""

    red: OutputPin = 16
    green: OutputPin = 26


class BuzzerWiring(Section):
    """A buzzer at the driver's post."""

    pin: OutputPin


PI_CAMERA = "picamera2"
_STREAMS = ("http", "https", "rtsp", "rtsps")


def _camera_source(source: int | str) -> int | str:
    if isinstance(source, int) or source.isdecimal():  # an environment variable has no numbers
        return int(source)
    scheme, is_address, _ = source.partition("://")
    if is_address and scheme not in _STREAMS:
        raise ValueError(f"{scheme}:// is no address of a camera: it begins with {', '.join(_STREAMS)}")
    name, _, index = source.partition(":")
    if name == PI_CAMERA and source != PI_CAMERA and not index.isdecimal():
        raise ValueError(f'"{PI_CAMERA}" is the Pi\'s own camera, "{PI_CAMERA}:1" its second')
    return source


Fraction = Annotated[float, Field(ge=0, le=1)]
_REGION_SIDE_MIN = 0.1


class RegionWiring(Section):
    """Where in the picture this lane's cars have their plates: edges as fractions of it, from the left and the top."""

    left: Fraction = 0.0
    top: Fraction = 0.0
    right: Fraction = 1.0
    bottom: Fraction = 1.0

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        for low, high in (("left", "right"), ("top", "bottom")):
            if getattr(self, high) - getattr(self, low) < _REGION_SIDE_MIN - 1e-9:
                raise ValueError(
                    f"{high} ({getattr(self, high):g}) has to be greater than {low} ({getattr(self, low):g}) by "
                    f"{_REGION_SIDE_MIN:g} or more: both are fractions of the picture, from the left and from the top"
                )
        return self


class CameraWiring(Section):
    """Where pictures come from: a V4L2 index or device path, the Pi's own camera ("picamera2", or "picamera2:1" for the
    second), a video file, or an http(s):// or rtsp(s):// address.

    A newest frame older than `frame_age_ms_max` counts as no frame. Width and height are asked of V4L2 devices and of
    the Pi's camera only. Plates are read in `region` alone; codes are looked for everywhere.
    """

    source: Annotated[Annotated[int, Field(ge=0)] | Annotated[str, Field(min_length=1)], AfterValidator(_camera_source)]
    width_px: int = Field(default=1280, ge=160, le=4096)
    height_px: int = Field(default=720, ge=120, le=4096)
    open_ms_max: int = Field(default=5_000, ge=100, le=60_000)
    read_ms_max: int = Field(default=3_000, ge=100, le=60_000)
    frame_age_ms_max: int = Field(default=1_500, ge=100, le=60_000)
    region: RegionWiring | None = None

    @property
    def is_stream(self) -> bool:
        """Whether the camera is one on the network."""
        return "://" in str(self.source)

    @property
    def pi_camera(self) -> int | None:
        """Which of the Pi's own cameras this is; None for any other camera."""
        name, _, index = str(self.source).partition(":")
        return int(index or 0) if name == PI_CAMERA else None


class DisplayWiring(Section):
    """A customer display of two lines with 20 signs each on a serial device."""

    device: Path


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("has to be an absolute path: this part of the file does not know where the file is")
    return path


class SimulatedWiring(Section):
    """The simulated lane: its arm, its drivers and the loopback port of its control socket (0: any free one)."""

    control_port: int = Field(default=0, ge=0, le=65_535)
    arm_travel_ms: int = Field(default=1_500, ge=100, le=30_000)
    car_speed_mm_per_s: int = Field(default=2_500, ge=100, le=20_000)
    frame_interval_ms: int = Field(default=66, ge=10, le=1_000)
    memory: Annotated[Path, AfterValidator(_absolute)] | None = None


class Wiring(Section):
    """The whole `[hardware]` section of one lane; every default is a wiring that works as documented.

    `fire` is normally closed by default: an alarm opens it, and so does a cut cable or a fire panel without power.
    The arm then goes up and stays, which costs a lot some money and is noticed at once; the other way round nobody
    would notice before the fire.
    """

    kind: Literal["gpiozero", "simulated"]
    arrival_loop: ContactWiring = ContactWiring(pin=17)
    safety_loop: SafetyLoopWiring = SafetyLoopWiring(pin=27)  # a cut cable must read as a car
    photocell: GuardWiring | None = None
    fire: GuardWiring | None = None
    cabinet: GuardWiring | None = None
    call_button: ContactWiring | None = None
    barrier: BarrierWiring = BarrierWiring()
    lights: LightsWiring = LightsWiring()
    buzzer: BuzzerWiring | None = None
    camera: CameraWiring | None = None
    display: DisplayWiring | None = None
    simulated: SimulatedWiring | None = None

    @property
    def inputs(self) -> dict[InputName, ContactWiring]:
        """Every input that this lane has."""
        named: dict[InputName, ContactWiring | None] = {
            "arrival_loop": self.arrival_loop,
            "safety_loop": self.safety_loop,
            "photocell": self.photocell,
            "limit_up": self.barrier.limit_up,
            "limit_down": self.barrier.limit_down,
            "fire": self.fire,
            "cabinet": self.cabinet,
            "call_button": self.call_button,
        }
        return {name: contact for name, contact in named.items() if contact is not None}

    @property
    def outputs(self) -> dict[str, int]:
        """The pin of every output that this lane has."""
        named = {
            "open_relay": self.barrier.open_relay,
            "close_relay": self.barrier.close_relay,
            "red": self.lights.red,
            "green": self.lights.green,
            "buzzer": None if self.buzzer is None else self.buzzer.pin,
        }
        return {name: pin for name, pin in named.items() if pin is not None}

    @property
    def pins(self) -> dict[str, int]:
        """Every pin in use, by what hangs on it."""
        return {name: contact.pin for name, contact in self.inputs.items()} | self.outputs

    @model_validator(mode="after")
    def _pins_differ(self) -> Self:
        for pin, uses in Counter(self.pins.values()).items():
            if uses > 1:
                names = ", ".join(name for name, used in self.pins.items() if used == pin)
                raise ValueError(f"pin {pin} is wired {uses} times ({names}); give each its own")
        return self

    @model_validator(mode="after")
    def _sections_fit_kind(self) -> Self:
        # The control socket moves cars about; it must never exist beside a real barrier.
        if self.kind == "gpiozero" and self.simulated is not None:
            raise ValueError('[hardware.simulated] needs kind = "simulated"; remove it beside real devices')
        if self.kind == "simulated" and (self.camera is not None or self.display is not None):
            raise ValueError("a simulated lane brings its own camera and display; remove both sections")
        return self
