"""`python -m simulator.bench.one_core`: how fast one core of this machine multiplies, and what a Raspberry Pi 5 would
take for reading that was measured here.

It is an estimate by one number: single precision, which is what the plate reader's networks reckon in. A Pi 5 was not
measured.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PI5_GFLOPS = 38.4
"""The peak of one Cortex-A76 at 2.4 GHz: two 128-bit units with four fused multiply-adds each, 16 FLOP a cycle. What is
measured here stays below this machine's peak, and so the estimate is rather too short than too long."""

SIDE, TIMES = 1_024, 15


@dataclass(frozen=True, slots=True)
class Car:
    """`took_ms` from the loop to the relay; of that the reader's thread was computing for `reading_ms`."""

    took_ms: float
    reading_ms: float


def on_a_pi5(cars: Sequence[Car], gflops: float) -> list[float]:
    """What these cars would take there, in milliseconds: the waiting as it was, and the reading as much longer as a
    core there is slower than one of `gflops`."""
    return [car.took_ms - car.reading_ms + car.reading_ms * gflops / PI5_GFLOPS for car in cars]


def measured() -> float:
    """GFLOP/s of one core: a product of two matrices, the best of some, by the time of all cores that take part."""
    one = np.ones((SIDE, SIDE), np.float32)
    best_s = float("inf")
    for _ in range(TIMES):
        began_s = time.process_time()
        one @ one
        best_s = min(best_s, time.process_time() - began_s)
    return 2 * SIDE**3 / best_s / 1e9


if __name__ == "__main__":
    print(measured())
