"""A network camera: one MJPEG stream over HTTP on a port of its own, which can stall, die and come back."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np

PAUSE_S = 0.01


class NetworkCamera:
    """Sends a picture every 10 ms to whoever asks; its shade is `shade`. Stalled, it only holds connections;
    endless, it goes on with one that never ends."""

    def __init__(self, port: int = 0) -> None:
        self.shade = 40
        self.stalled = False
        self.endless = False
        self.clients = 0
        self._dead = False
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera.clients += 1
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                with suppress(OSError):  # who listened has gone
                    while not camera._dead:
                        if not camera.stalled:
                            self.wfile.write(camera._part())
                        while camera.endless and not camera._dead:
                            self.wfile.write(bytes(100_000))
                        time.sleep(PAUSE_S)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/lane"

    def die(self) -> None:
        """Break all connections, and take no more."""
        self._dead = True
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _part(self) -> bytes:
        done, jpeg = cv2.imencode(".jpg", np.full((48, 64, 3), self.shade, np.uint8))
        assert done
        size = 2**31 - 1 if self.endless else len(jpeg)
        return b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (size, bytes(jpeg))


@contextmanager
def network_camera(port: int = 0) -> Iterator[NetworkCamera]:
    camera = NetworkCamera(port)
    try:
        yield camera
    finally:
        camera.die()
