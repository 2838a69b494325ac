"""The simulated lane's camera: pixels and nothing else."""

from collections.abc import Callable, Sequence
from enum import Enum

import cv2
import numpy as np

from domain.errors import BadInput
from hardware.camera import Frame, Pixels
from hardware.twin import LaneTwin

EMPTY_LANE: Pixels = np.full((720, 1280, 3), 96, np.uint8)  # plain tarmac, until somebody brings a picture of it
BLACK: Pixels = np.zeros((720, 1280, 3), np.uint8)


class CameraMode(Enum):
    """How the camera fares."""

    OK = "ok"
    BLACK = "black"  # it gives frames, and nothing can be seen in them
    NONE = "none"  # it gives none
    FROZEN = "frozen"  # it goes on giving the picture that it had when that began


class CameraTwin:
    """Shows the frames that the car in the lane brought, by how far it has come, else the empty lane.

    The last frame stays while the car waits; once the car is under the arm the camera looks past it, and a tailgater's
    plate it cannot see. It takes a frame every `frame_interval_ms`, as a real one does when nothing moves.
    """

    def __init__(self, twin: LaneTwin, *, frame_interval_ms: int, clock: Callable[[], int]) -> None:
        self.mode = CameraMode.OK
        self.empty_lane = EMPTY_LANE
        self.car_frames: Sequence[Pixels] = ()
        self._twin = twin
        self._interval_ms = frame_interval_ms
        self._clock = clock
        self._frame = Frame(BLACK, -1)

    def newest(self) -> Frame | None:
        """The newest frame, or None in mode `none`."""
        if self.mode is CameraMode.NONE:
            return None
        now = self._clock()
        taken = now - now % self._interval_ms
        if taken != self._frame.mono_ms:
            self._frame = Frame(self._scene(), taken)
        return self._frame

    def _scene(self) -> Pixels:
        car, frames = self._twin.car, self.car_frames
        if self.mode is CameraMode.BLACK:
            return BLACK
        if self.mode is CameraMode.FROZEN:
            return self._frame.pixels
        if car is None or not frames or car.front > 0 or car.tailgates:
            return self.empty_lane
        return frames[min(int(car.approach * len(frames)), len(frames) - 1)]


def decode_picture(data: bytes) -> Pixels:
    """A JPEG or PNG as pixels. Raises BadInput (`picture_invalid`)."""
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise BadInput("picture_invalid", f"{len(data)} bytes are no picture that can be decoded; send a JPEG")
    return np.asarray(pixels, dtype=np.uint8)
