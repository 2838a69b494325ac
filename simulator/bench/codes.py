"""`gatehouse bench codes`: QR readers, alone and in either order, on drawn pictures of codes that drivers hold up.

All readers see the same pictures, one after the other on one thread. A reader takes a frame and gives the texts in it.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import zxingcpp

from lpr.frame import Frame
from lpr.qr import QrChain, Zbar
from simulator.bench.figure import Figure
from simulator.street.frames import approach, empty_lane
from simulator.street.held import Held
from simulator.street.phone import held_up
from simulator.street.plates import draw_plate

PICTURES = 500
EMPTY_EVERY = 6
"""So many pictures with a code for each without: a lane, or a car in it."""
LENGTHS = (180, 225, 300)
AIM_MS = 10.0
BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

_FORMATS = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)

Read = Callable[[Frame], Sequence[str]]


@dataclass(slots=True)
class Reading:
    """What one reader made of the pictures; times in milliseconds, of those with a code and of those without."""

    read: int = 0
    wrong: int = 0
    with_ms: list[float] = field(default_factory=list)
    without_ms: list[float] = field(default_factory=list)


def readers() -> dict[str, tuple[Read, str]]:
    """What is compared, by name, and in words. Raises OperatorError where libzbar is not installed."""
    zbar, chain = Zbar(), QrChain()

    def zxing(frame: Frame) -> list[str]:
        return [code.text for code in zxingcpp.read_barcodes(frame, formats=_FORMATS)]

    def pyzbar(frame: Frame) -> list[str]:
        return [code.text for code in zbar.codes(np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8))]

    return {
        "zxing": (zxing, "zxing-cpp with its defaults"),
        "pyzbar": (pyzbar, "zbar"),
        "zxing_pyzbar": (lambda frame: zxing(frame) or pyzbar(frame), "zxing-cpp, and zbar where it reads nothing"),
        "pyzbar_zxing": (lambda frame: pyzbar(frame) or zxing(frame), "zbar, and zxing-cpp where it reads nothing"),
        "chain": (chain.read, "ours: three looks with zxing-cpp, then zbar where it saw a code"),
    }


async def codes(_folder: Path, say: Callable[[str], None], pictures: int = PICTURES) -> list[Figure]:
    """Draw the pictures, have each read by all, and say how many they read and how long they took."""
    compared = readers()
    made = {name: Reading() for name in compared}
    for number in range(pictures):
        text = _text(number)
        held = Held.draw(np.random.default_rng(number), severity=number / pictures)
        frame = _frame(held_up(number, text, held=held).jpeg)
        for name, (read, _) in compared.items():
            took_ms, texts = _timed(read, frame)
            made[name].with_ms.append(took_ms)
            made[name].read += text in texts
            made[name].wrong += any(other != text for other in texts)
        if number % EMPTY_EVERY == 0:
            without = _without(number)
            for name, (read, _) in compared.items():
                took_ms, texts = _timed(read, without)
                made[name].without_ms.append(took_ms)
                made[name].wrong += bool(texts)
        await asyncio.sleep(0)  # where it is to be stopped, it stops here
        if (number + 1) % 50 == 0:
            say(f"{number + 1} of {pictures} pictures")
    return [figure for name, (_, words) in compared.items() for figure in _figures(name, words, made[name])]


def _figures(name: str, words: str, made: Reading) -> list[Figure]:
    share = round(made.read / len(made.with_ms), 3)
    median, slow = np.percentile(made.with_ms, (50, 95))
    without = np.median(made.without_ms)
    times = f"95th percentile {slow:.1f}; {without:.1f} where there is no code"
    return [
        Figure(f"codes_read_{name}", share, "of 1", None, "higher", f"{words}; {made.wrong} wrong texts"),
        Figure(f"codes_ms_{name}", round(float(median), 1), "ms", AIM_MS if name == "chain" else None, "lower", times),
    ]


def _timed(read: Read, frame: Frame) -> tuple[float, Sequence[str]]:
    began_s = time.perf_counter()
    texts = read(frame)
    return 1_000 * (time.perf_counter() - began_s), texts


def _text(seed: int) -> str:
    """As long as a ticket may be, of the same alphabet."""
    rng = random.Random(seed)  # noqa: S311  a picture, not a secret
    return "".join(rng.choices(BASE45, k=LENGTHS[seed % len(LENGTHS)]))


def _without(seed: int) -> Frame:
    if seed % (2 * EMPTY_EVERY) == 0:
        return _frame(empty_lane(seed))
    rng = random.Random(seed)  # noqa: S311  a picture, not a secret
    return _frame(approach(seed, draw_plate(rng), 1)[0].jpeg)


def _frame(jpeg: bytes) -> Frame:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)
