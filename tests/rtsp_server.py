"""A network camera that speaks RTSP (RFC 2326): one MPEG-4 stream in MPEG-TS over the connection itself (RFC 2250)."""

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import cv2
import numpy as np

PACKET = 188
"""Bytes of one of MPEG-TS's packets."""

FRAME_MS = 1_000 / 15
STEP = 4
"""By how much of 255 each picture of `shades_stream` is brighter than the one before."""

_AT_ONCE = 7
"""Of them in one of RTP's."""

_SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=lane\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=video 0 RTP/AVP 33\r\n"


class RtspCamera:
    """Sends the pictures of a stream to whoever asks, and then nothing more."""

    def __init__(self, stream: bytes) -> None:
        self.clients = 0
        camera = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):  # who listened has gone
                    self._serve()

            def _serve(self) -> None:
                while request := self._request():
                    method, fields = request
                    answer, body = f"RTSP/1.0 200 OK\r\nCSeq: {fields['cseq']}\r\nSession: 1\r\n", ""
                    match method:
                        case "DESCRIBE":
                            body = _SDP
                            answer += f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
                        case "SETUP" if "interleaved" not in fields["transport"]:
                            answer = f"RTSP/1.0 461 Unsupported transport\r\nCSeq: {fields['cseq']}\r\n"
                        case "SETUP":
                            answer += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
                    self.wfile.write(f"{answer}\r\n{body}".encode())
                    if method == "PLAY":
                        camera.clients += 1
                        threading.Thread(target=self._play, daemon=True).start()

            def _request(self) -> tuple[str, dict[str, str]] | None:
                lines = []
                while (line := self.rfile.readline().decode("latin-1")).strip():
                    lines.append(line)
                fields = (line.partition(":") for line in lines[1:])
                return (
                    (lines[0].split()[0], {name.lower(): value.strip() for name, _, value in fields}) if lines else None
                )

            def _play(self) -> None:
                with suppress(OSError):
                    self._send()

            def _send(self) -> None:
                numbers = count()
                for number, picture in enumerate(_pictures(stream)):
                    for at in range(0, len(picture), _AT_ONCE * PACKET):
                        part = picture[at : at + _AT_ONCE * PACKET]
                        rtp = struct.pack(">BBHII", 0x80, 33, next(numbers) & 0xFFFF, number * 6_000, 1) + part
                        self.wfile.write(struct.pack(">cBH", b"$", 0, len(rtp)) + rtp)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"rtsp://127.0.0.1:{self._server.server_address[1]}/lane"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def die(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _pictures(stream: bytes) -> Iterator[bytes]:
    """The packets of each picture, with those of the tables before it."""
    packets = [stream[at : at + PACKET] for at in range(0, len(stream), PACKET)]
    begin = 0
    for at, packet in enumerate(packets):
        pid, begins = int.from_bytes(packet[1:3]) & 0x1FFF, packet[1] & 0x40
        if begins and pid == 0x100 and begin < at:
            yield b"".join(packets[begin:at])
            begin = at
    yield b"".join(packets[begin:])


def shades_stream(folder: Path, pictures: int) -> bytes:
    """An MPEG-TS of 15 pictures a second, the first black and each brighter by `STEP`."""
    file = folder / "shades.ts"
    writer = cv2.VideoWriter(str(file), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"FMP4"), 15, (64, 48))
    assert writer.isOpened()
    for number in range(pictures):
        writer.write(np.full((48, 64, 3), STEP * number, np.uint8))
    writer.release()
    return file.read_bytes()


@contextmanager
def rtsp_camera(folder: Path, pictures: int = 60) -> Iterator[RtspCamera]:
    """One that sends all of `shades_stream` at once to whoever asks."""
    camera = RtspCamera(shades_stream(folder, pictures))
    try:
        yield camera
    finally:
        camera.die()
