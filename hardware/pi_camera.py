"""The camera on the Pi's own connector, by picamera2: a package of Raspberry Pi OS, which no other machine has."""

from typing import Any

from numpy.typing import NDArray

from domain.errors import OperatorError
from hardware.wiring import CameraWiring

HOW_TO_INSTALL = (
    "sudo apt install python3-picamera2, and let the gate's environment see it: "
    "set include-system-site-packages = true in its pyvenv.cfg"
)

_BUFFERS = 3
"""Pictures that libcamera fills in turn: one with us, one being filled, one to spare."""


class PiCamera:
    """A `hardware.picture_source.PictureSource`: pictures of the wiring's size, each taken after it was asked for."""

    def __init__(self, index: int, wiring: CameraWiring) -> None:
        """Open and start it. Raises OperatorError (`picamera2_missing`) where picamera2 is not installed."""
        try:
            from picamera2 import Picamera2  # noqa: PLC0415  libcamera is loaded with it
        except ImportError as error:
            raise OperatorError(
                "picamera2_missing", f"the Pi's camera needs picamera2 ({error}): {HOW_TO_INSTALL}"
            ) from error
        self._read_s_max = wiring.read_ms_max / 1_000
        self._camera = Picamera2(index)
        try:
            # What libcamera calls RGB888 lies in memory as blue, green, red. Without its queue no picture is old.
            size = (wiring.width_px, wiring.height_px)
            self._camera.configure(
                self._camera.create_video_configuration(
                    main={"size": size, "format": "RGB888"}, buffer_count=_BUFFERS, queue=False
                )
            )
            self._camera.start()
        except BaseException:
            self._camera.close()
            raise

    def read(self) -> NDArray[Any] | None:
        """The next picture. Raises TimeoutError after `read_ms_max` without one."""
        picture: NDArray[Any] = self._camera.wait(
            self._camera.capture_array("main", wait=False), timeout=self._read_s_max
        )
        return picture

    def release(self) -> None:
        """Stop it, and let others have it."""
        try:
            self._camera.stop()
        finally:
            self._camera.close()
