"""The simulated lane's camera: pixels and nothing else."""

from collections.abc import Callable, Sequence
from enum import Enum

import cv2
import numpy as np

from hardware.camera import Frame, Pixels
from hardware.twin import LaneTwin

BLACK: Pixels = np.zeros((720, 1280, 3), np.uint8)
COVERED: Pixels = np.full((720, 1280, 3), 120, np.uint8)
DEFOCUS_PX = 16  # sigma


def _tarmac() -> Pixels:
    lane: Pixels = np.full((720, 1280, 3), 96, np.uint8)
    lane[:, 300:330] = lane[:, 950:980] = 205  # its two painted edges
    lane[560:590, 330:950] = 205  # the stop line
    return lane


EMPTY_LANE: Pixels = _tarmac()  # until somebody brings a picture of it


class CameraMode(Enum):
    """How the camera fares."""

    OK = "ok"
    BLACK = "black"  # it gives frames, and nothing can be seen in them
    COVERED = "covered"  # something is on its lens
    DEFOCUSED = "defocused"
    FROZEN = "frozen"  # it gives the same picture again and again
    NONE = "none"  # it gives none


class CameraTwin:
    """Shows the frames that the car in the lane brought, by how far it has come, else the empty lane.

    The last frame stays while the car waits; once the car is under the arm the camera looks past it, and a tailgater's
    plate it cannot see. It takes a frame every `frame_interval_ms`, as a real one does when nothing moves, and none is
    quite as the one before: its sensor's noise is in the last row.
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
            frozen = self.mode is CameraMode.FROZEN and self._frame.mono_ms >= 0
            self._frame = Frame(self._frame.pixels if frozen else _with_noise(self._taken(), taken), taken)
        return self._frame

    def _taken(self) -> Pixels:
        match self.mode:
            case CameraMode.BLACK:
                return BLACK
            case CameraMode.COVERED:
                return COVERED
            case CameraMode.DEFOCUSED:
                return np.asarray(cv2.GaussianBlur(self._scene(), (0, 0), DEFOCUS_PX), np.uint8)
            case _:
                return self._scene()

    def _scene(self) -> Pixels:
        car, frames = self._twin.car, self.car_frames
        if car is None or not frames or car.front > 0 or car.tailgates:
            return self.empty_lane
        return frames[min(int(car.approach * len(frames)), len(frames) - 1)]


def _with_noise(scene: Pixels, seed: int) -> Pixels:
    noisy = scene.copy()
    noisy[-1] ^= np.random.default_rng(seed).integers(0, 2, noisy[-1].shape, np.uint8)
    return noisy
