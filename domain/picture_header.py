"""What decoding a picture will take, before anybody does it: a file of 400 KB may say 20,000 x 20,000 px, or go over
its pixels ten thousand times.

Reads no more than the few bytes that say so, and believes them: whether the rest is whole, or agrees, is for the
decoder to find out.
"""

import re
import struct
from collections.abc import Callable

Size = tuple[int, int]
"""Width and height in pixels, as they lie in the file: before any turning by EXIF."""

SCANS_MAX = 64
"""Of a JPEG, six times as many as usual: what to refuse beyond. In so many the largest picture that a camera takes is
decoded in 2 s; a file of 64 MB has room for a million, as each may be of a handful of bytes."""

_JPEG_SEGMENTS_MAX = 1_000
"""Real files have some tens before their frame header; a made one may have millions of empty ones."""

_JPEG_SEGMENT = re.compile(rb"\xff+([^\x00\x01\xd0-\xd8\xff])")
"""Its marker, which has a length behind it. What goes before is passed over: in a scan's data 0xff is followed by zeros
and restarts alone; ITU-T T.81, B.1.1.2 to B.1.1.5."""

_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257


def size_px(data: bytes) -> Size | None:
    """What a JPEG, PNG, BMP, WebP or TIFF file says of its first picture; None for anything else, or where it is cut
    short before that."""
    for magic, read in _FORMATS.items():
        if data.startswith(magic):
            try:
                return read(data)
            except (struct.error, IndexError):  # cut short
                return None
    return None


def scans(data: bytes) -> int:
    """How often a JPEG's decoder goes over the whole picture, 10 times for most progressive files; 1 for other formats.

    Counts no further than one more than `SCANS_MAX`.
    """
    if not data.startswith(b"\xff\xd8"):
        return 1
    at, count = 2, 0
    for _ in range(_JPEG_SEGMENTS_MAX):
        found = _JPEG_SEGMENT.search(data, at)
        if found is None or found[1] == b"\xd9" or count > SCANS_MAX:
            return count
        count += found[1] == b"\xda"
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2])
    return SCANS_MAX + 1


def _jpeg(data: bytes) -> Size | None:
    """From the first frame header (SOF); ITU-T T.81, B.1.1.3 and B.2.2."""
    at = 2
    for _ in range(_JPEG_SEGMENTS_MAX):
        at = data.find(b"\xff", at)  # what stands between two segments is passed over, as libjpeg does
        while at >= 0 and data[at + 1] == 0xFF:
            at += 1
        if at < 0:
            return None
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        if marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD8:  # alone, without a length
            at += 2
            continue
        if marker in (0xD9, 0xDA):  # the end, or a scan without a frame
            return None
        at += 2 + struct.unpack_from(">H", data, at + 2)[0]
    return None


def _png(data: bytes) -> Size | None:
    """From the first chunk, which has to be IHDR."""
    return struct.unpack_from(">II", data, 16) if data[12:16] == b"IHDR" else None


def _bmp(data: bytes) -> Size | None:
    """From the older header with 16 bits a side, or a newer one with 32, where a negative height means top-down."""
    if struct.unpack_from("<I", data, 14)[0] == 12:
        return struct.unpack_from("<HH", data, 18)
    width, height = struct.unpack_from("<ii", data, 18)
    return abs(width), abs(height)


def _webp(data: bytes) -> Size | None:
    """From the first chunk: lossy, lossless or extended; RFC 9649."""
    kind = data[8:16].removeprefix(b"WEBP")
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        low, high, height_low, height_high = struct.unpack_from("<HBHB", data, 24)
        return (low | high << 16) + 1, (height_low | height_high << 16) + 1
    return None


def _tiff(data: bytes) -> Size | None:
    """From the first directory; TIFF 6.0, section 2."""
    order = "<" if data.startswith(b"II") else ">"
    (directory,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, directory)
    sides: dict[int, int] = {}
    for at in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(f"{order}HH", data, at)
        if tag in (_TIFF_WIDTH, _TIFF_HEIGHT):
            (sides[tag],) = struct.unpack_from(f"{order}{'H' if kind == 3 else 'I'}", data, at + 8)
    width, height = sides.get(_TIFF_WIDTH), sides.get(_TIFF_HEIGHT)
    return None if width is None or height is None else (width, height)


_FORMATS: dict[bytes, Callable[[bytes], Size | None]] = {
    b"\xff\xd8": _jpeg,
    b"\x89PNG\r\n\x1a\n": _png,
    b"BM": _bmp,
    b"RIFF": _webp,
    b"II*\0": _tiff,
    b"MM\0*": _tiff,
}
"""By the bytes that a file begins with."""
