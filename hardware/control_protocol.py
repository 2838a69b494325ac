"""What can be said to a simulated lane over its control socket: one JSON object a line, answered by one.

    {"command": "arrive", "car": "c1", "frames": ["<base64 JPEG>", ...], "patience_ms": 60000, "dwell_ms": 0}
                                                 with "follower": "c2" a tailgater drives through behind it
    {"command": "show", "frames": [...]}         what the camera sees of the car from now on, as a phone held up
    {"command": "leave"}                         the driver backs out
    {"command": "contact", "name": "fire", "active": true}      also "photocell" (a person or a branch), "cabinet",
                                                 "call_button"; refused as "not_wired" where the lane has none
    {"command": "stuck", "name": "safety_loop", "at": false}    any input says this whatever is true; null mends it
    {"command": "jam", "jammed": true}           the arm does not get past the middle of its way; false mends it
    {"command": "camera", "mode": "ok"|"black"|"covered"|"defocused"|"frozen"|"none", "empty_lane": "<base64 JPEG>"}
    {"command": "state"}
    {"command": "watch"}                         then events, one a line, until the client hangs up

Every answer is `{"ok": true, ...}`, to `state` with the fields of `LaneState`, or `{"ok": false, "error": {"code",
"message"}}`. Events are `{"event": "car_arrived", "mono_ms": 12345, "car": "c1"}`, named as in
`hardware.twin_events.Happening`, and `{"event": "display", "mono_ms": ..., "lines": ["...", "..."]}`.
"""

from typing import Annotated, Literal

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from domain.errors import BadInput
from hardware.barrier import Position
from hardware.lights import Signal
from hardware.twin import PATIENCE_MS
from hardware.twin_camera import CameraMode
from hardware.wiring import InputName

FRAMES_MAX = 24
PICTURE_BYTES_MAX = 1_000_000
MILLISECONDS_MAX = 3_600_000

Picture = Annotated[Base64Bytes, Field(max_length=PICTURE_BYTES_MAX)]
Pictures = Annotated[list[Picture], Field(max_length=FRAMES_MAX)]
Milliseconds = Annotated[int, Field(ge=0, le=MILLISECONDS_MAX)]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Arrive(_Message):
    """A car turns into the lane and brings what the camera will see of it on its way."""

    command: Literal["arrive"] = "arrive"
    car: str = Field(min_length=1, max_length=64)
    frames: Pictures
    patience_ms: Milliseconds = PATIENCE_MS
    dwell_ms: Milliseconds = 0
    follower: str | None = Field(default=None, min_length=1, max_length=64)


class Show(_Message):
    """The car in the lane, or its driver, shows the camera something else."""

    command: Literal["show"] = "show"
    frames: Pictures


class Leave(_Message):
    """The driver gives up and backs out."""

    command: Literal["leave"] = "leave"


class Touch(_Message):
    """Somebody, or something, makes a contact active, or ends that."""

    command: Literal["contact"] = "contact"
    name: Literal["photocell", "fire", "cabinet", "call_button"]
    active: bool


class Stick(_Message):
    """An input breaks and says the same from now on, or is mended (None)."""

    command: Literal["stuck"] = "stuck"
    name: InputName
    at: bool | None


class Jam(_Message):
    """The arm stops half-way from now on, or is mended."""

    command: Literal["jam"] = "jam"
    jammed: bool


class SetCamera(_Message):
    """The camera breaks or is mended; `empty_lane` is its picture while no car is there."""

    command: Literal["camera"] = "camera"
    mode: CameraMode
    empty_lane: Picture | None = None


class GetState(_Message):
    """What the lane looks like now."""

    command: Literal["state"] = "state"


class Watch(_Message):
    """Every event from now on."""

    command: Literal["watch"] = "watch"


Command = Arrive | Show | Leave | Touch | Stick | Jam | SetCamera | GetState | Watch
_command: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="command")])


class LaneState(BaseModel):
    """What a bystander would see, whatever the inputs say; `collisions` counts what the twin calls broken."""

    mono_ms: int
    arm: Position
    arrival_loop: bool
    safety_loop: bool
    photocell: bool
    fire: bool
    cabinet: bool
    call_button: bool
    car: str | None
    display: tuple[str, str]
    lights: Signal
    passages: int
    collisions: int


def parse_command(line: bytes) -> Command:
    """One line as a command. Raises BadInput (`command_invalid`) that names the first thing wrong with it."""
    try:
        return _command.validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput("command_invalid", f"{where}: {first['msg']}" if where else first["msg"]) from None
