"""Pictures as a bad disk, a bad link or a bad person makes them: of every format that is read, drawn from a seed.

Run as a program it feeds them to one of the ways in, in a process whose memory is bounded: see `main`.
"""

import random
import resource
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from domain.errors import BadInput
from tests.process_memory import address_space_bytes, resident_bytes

ROOT = Path(__file__).parents[1]

SEED = 20260504
ROOM_BYTES = 600 * 1024 * 1024
"""Address space beyond what the process has when it begins: less than one picture of those that say they are huge."""

GROWTH_BYTES_MAX = 256 * 1024
"""Of resident memory while pictures come for the second time: whatever a decoder keeps for good, it keeps since the
first, and what is left is some 40 KB. One kept of every ten frames that are decoded is 400 KB and more."""

ABSURD = (0, 1, 2, 4_097, 16_383, 30_000, 65_535, 2**24, 2**31 - 1, 2**32 - 1)


def exif(orientation: int) -> bytes:
    """An EXIF block that says nothing else."""
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 0x112, 3, 1, orientation, 0, 0)


def jpeg_turned(jpeg: bytes, orientation: int) -> bytes:
    block = b"Exif\0\0" + exif(orientation)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + jpeg[2:]


def png_turned(png: bytes, orientation: int) -> bytes:
    return png[:33] + _chunk(b"eXIf", exif(orientation)) + png[33:]


def webp_turned(lossless: bytes, orientation: int, width: int, height: int) -> bytes:
    block = exif(orientation)
    sides = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    extended = b"VP8X" + struct.pack("<IB3x", 10, 8) + sides
    body = b"WEBP" + extended + lossless[12:] + b"EXIF" + struct.pack("<I", len(block)) + block
    return b"RIFF" + struct.pack("<I", len(body)) + body


def jpeg_of_scans(progressive: bytes, count: int) -> bytes:
    """A progressive JPEG with its last scan so often that there are `count` of them; all of it decodes."""
    last = progressive.rindex(b"\xff\xda")
    return progressive[:last] + progressive[last:-2] * (count - progressive.count(b"\xff\xda") + 1) + progressive[-2:]


def png_saying(width: int, height: int, data: bytes = b"") -> bytes:
    """A well-formed PNG of that size whose compressed rows are `data`."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def encoded(suffix: str, pixels: NDArray[Any], *settings: int) -> bytes:
    done, data = cv2.imencode(suffix, pixels, settings)
    assert done
    return bytes(data)


@cache
def whole() -> dict[str, bytes]:
    """Whole pictures, by what they are."""
    rng = np.random.default_rng(SEED)
    colour = cv2.resize(rng.integers(0, 256, (8, 12, 3), np.uint8), (120, 80), interpolation=cv2.INTER_CUBIC)
    grey, deep = colour[:, :, 0], colour.astype(np.uint16) * 257
    lossless = encoded(".webp", colour, cv2.IMWRITE_WEBP_QUALITY, 101)
    jpeg = encoded(".jpg", colour)
    return {
        "jpeg": jpeg,
        "jpeg progressive": encoded(".jpg", colour, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        "jpeg grey": encoded(".jpg", grey),
        "jpeg turned": jpeg_turned(jpeg, 6),
        "png": encoded(".png", colour),
        "png grey": encoded(".png", grey),
        "png alpha": encoded(".png", cv2.cvtColor(colour, cv2.COLOR_BGR2BGRA)),
        "png 16 bit": encoded(".png", deep),
        "png turned": png_turned(encoded(".png", colour), 8),
        "bmp": encoded(".bmp", colour),
        "bmp grey": encoded(".bmp", grey),
        "webp": encoded(".webp", colour, cv2.IMWRITE_WEBP_QUALITY, 80),
        "webp lossless": lossless,
        "webp turned": webp_turned(lossless, 3, 120, 80),
        "tiff": encoded(".tiff", colour),
        "tiff 16 bit": encoded(".tiff", deep),
    }


def resized(data: bytes, width: int, height: int) -> bytes:
    """The picture with another size in its header, and nothing else changed (but a checksum that covers it)."""
    if data.startswith(b"\x89PNG"):
        header = struct.pack(">II", width, height) + data[24:29]
        return data[:8] + _chunk(b"IHDR", header) + data[33:]
    if data.startswith(b"\xff\xd8"):
        at = min(found for marker in (b"\xff\xc0", b"\xff\xc2") if (found := data.find(marker)) >= 0)
        return _put(data, at + 5, struct.pack(">HH", height & 0xFFFF, width & 0xFFFF))
    if data.startswith(b"BM"):
        return _put(data, 18, struct.pack("<II", width, height))
    if data.startswith(b"RIFF"):
        return _webp_resized(data, width, height)
    directory = struct.unpack_from("<I", data, 4)[0]
    for tag, side in ((256, width), (257, height)):
        data = _put(data, data.find(struct.pack("<H", tag), directory) + 2, struct.pack("<HII", 4, 1, side))
    return data


def _webp_resized(data: bytes, width: int, height: int) -> bytes:
    match data[12:16]:
        case b"VP8X":
            low = [struct.pack("<I", (side - 1) & 0xFFFFFF)[:3] for side in (width, height)]
            return _put(data, 24, b"".join(low))
        case b"VP8L":
            return _put(data, 21, struct.pack("<I", ((width - 1) & 0x3FFF) | ((height - 1) & 0x3FFF) << 14))
        case _:
            return _put(data, 26, struct.pack("<HH", width & 0x3FFF, height & 0x3FFF))


def _put(data: bytes, at: int, part: bytes) -> bytes:
    return data[:at] + part + data[at + len(part) :]


def _cut(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.randrange(len(data))]


def _flipped(data: bytes, dice: random.Random) -> bytes:
    broken = bytearray(data)
    for _ in range(dice.choice((1, 3, 30))):
        broken[dice.randrange(len(broken))] ^= 1 << dice.randrange(8)
    return bytes(broken)


def _head_flipped(data: bytes, dice: random.Random) -> bytes:
    return _flipped(data[:64], dice) + data[64:]


def _holed(data: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(data))
    return data[:at] + bytes(dice.randrange(1, 200)) + data[at + dice.randrange(200) :]


def _absurd(data: bytes, dice: random.Random) -> bytes:
    return resized(data, dice.choice(ABSURD), dice.choice(ABSURD))


def _other_head(data: bytes, dice: random.Random) -> bytes:
    return dice.choice(list(whole().values()))[: dice.choice((2, 8, 16, 40))] + data[dice.randrange(40) :]


def _noise(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.choice((0, 4, 12, 30))] + dice.randbytes(dice.randrange(500))


BREAKAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _cut,
    _flipped,
    _head_flipped,
    _holed,
    _absurd,
    _other_head,
    _noise,
)


def broken(count: int, kinds: str = "") -> Iterator[bytes]:
    """`count` broken pictures of the kinds that begin so, the same ones every time; the first is empty."""
    dice = random.Random(SEED)
    originals = [data for kind, data in whole().items() if kind.startswith(kinds)]
    yield b""
    for number in range(1, count):
        yield BREAKAGES[number % len(BREAKAGES)](dice.choice(originals), dice)


def _photograph(folder: Path) -> Callable[[bytes], bool]:
    from lpr import photograph  # noqa: PLC0415  the camera's run needs none of it

    file = folder / "broken picture"

    def load(data: bytes) -> bool:
        file.write_bytes(data)
        try:
            frame = photograph.load(file)
        except BadInput as error:
            if str(file) not in error.message:
                raise AssertionError(f"names no file: {error.message}") from error
            return False
        assert frame.dtype == np.uint8
        assert frame.shape[2:] == (3,)
        assert frame.size <= 3 * photograph.PIXELS_MAX
        return True

    return load


def _shown(_folder: Path) -> Callable[[bytes], bool]:
    from hardware.picture import decoded  # noqa: PLC0415

    def show(data: bytes) -> bool:
        try:
            pixels = decoded(data)
        except BadInput:
            return False
        assert pixels.dtype == np.uint8
        assert pixels.shape[2:] == (3,)
        return True

    return show


def _streamed(folder: Path) -> Callable[[bytes], bool]:
    from hardware.camera import VideoCamera  # noqa: PLC0415
    from hardware.wiring import CameraWiring  # noqa: PLC0415

    stream, good = folder / "stream.mjpeg", whole()["jpeg"]

    def take(data: bytes) -> bool:
        """A stream that begins well and goes on broken: read to its end by a camera that then tries again."""
        stream.write_bytes(good + data + good)
        camera = VideoCamera(CameraWiring(source=str(stream)), clock=lambda: 0)
        frames = 0
        while camera.step() == 0:
            frame = camera.newest()
            assert frame is not None
            assert frame.pixels.dtype == np.uint8
            assert frame.pixels.shape[2:] == (3,)
            frames += 1
            assert frames <= 10, "more frames than there are pictures in the stream"
        return frames > 0

    return take


WAYS_IN = {"photograph": _photograph, "shown": _shown, "streamed": _streamed}


def main(way_in: str, count: int, folder: Path) -> None:
    """Feed `count` broken pictures to one way in; prints how many were read, refused, and what it cost.

    Then half of them once more: ends with an error where the process grows by that, or one raises what nobody catches.
    """
    take, kinds = WAYS_IN[way_in](folder), "jpeg" if way_in == "streamed" else ""
    assert take(whole()["jpeg"]), "what is whole is read"
    resource.setrlimit(resource.RLIMIT_AS, (address_space_bytes() + ROOM_BYTES,) * 2)
    read = sum(map(take, broken(count, kinds)))
    before = resident_bytes()
    for data in broken(count // 2, kinds):
        take(data)
    growth = resident_bytes() - before
    print(
        f"read {read}, refused {count - read}, grown by {growth // 1024} KB, {time.process_time():.1f} s of processor"
    )
    assert growth <= GROWTH_BYTES_MAX, f"grown by {growth} bytes"


def fed(way_in: str, count: int, folder: Path) -> str:
    """`main` in a process of its own; what it prints. Raises AssertionError with its last words where it fails."""
    command = [sys.executable, "-m", "tests.broken_pictures", way_in, str(count), str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    return done.stdout


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
