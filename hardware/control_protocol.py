"""What can be said to a simulated lane over its control socket: one JSON object a line, answered by one.

    {"command": "arrive", "car": "c1", "frames": ["<base64 JPEG>", ...], "patience_ms": 60000, "dwell_ms": 0}
    {"command": "show", "frames": [...]}         what the camera sees of the car from now on, as a phone held up
    {"command": "leave"}                         the driver backs out
    {"command": "camera", "mode": "ok"|"black"|"none", "empty_lane": "<base64 JPEG>"}
    {"command": "state"}
    {"command": "watch"}                         then events, one a line, until the client hangs up

Every answer is `{"ok": true, ...}`, to `state` with the fields of `LaneState`, or `{"ok": false, "error": {"code",
"message"}}`. Events are `{"event": "car_arrived", "mono_ms": 12345, "car": "c1"}`, named as in
`hardware.twin.Happening`, and `{"event": "display", "mono_ms": ..., "lines": ["...", "..."]}`.
"""

from typing import Annotated, Literal

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from domain.errors import BadInput
from hardware.barrier import Position
from hardware.lights import Signal
from hardware.twin import PATIENCE_MS
from hardware.twin_camera import CameraMode

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


class Show(_Message):
    """The car in the lane, or its driver, shows the camera something else."""

    command: Literal["show"] = "show"
    frames: Pictures


class Leave(_Message):
    """The driver gives up and backs out."""

    command: Literal["leave"] = "leave"


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


Command = Arrive | Show | Leave | SetCamera | GetState | Watch
_command: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="command")])


class LaneState(BaseModel):
    """What a bystander would see; `collisions` counts both broken invariants of the twin."""

    mono_ms: int
    arm: Position
    arrival_loop: bool
    safety_loop: bool
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
