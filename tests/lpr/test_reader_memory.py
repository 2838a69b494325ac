"""What a reader keeps of the frames that it has read: nothing.

A file of its own: nobody has measured that of EasyOCR, which the conformance suite tries too.
"""

from random import Random

import numpy as np
import pytest

from lpr.finder_reader import FinderReader
from lpr.reader import PlateReader
from simulator.street.conditions import Conditions
from simulator.street.frames import approach
from simulator.street.plates import Style, draw_plate
from tests.process_memory import resident_bytes

LOOKS_BYTES = 16_000_000
"""What the network keeps for a large look, measured."""

GROWTH_BYTES_MAX = 256 * 1024
"""Over six frames that were read before: a tenth of one, or two lines as the recogniser's network has them."""


@pytest.mark.parametrize("engine", ["finder", "rapidocr"])
def test_memory_stays_flat_over_cars_of_all_sizes(request: pytest.FixtureRequest, engine: str) -> None:
    reader: PlateReader = request.getfixturevalue(engine)
    cars = [
        approach(seed, draw_plate(Random(seed), style), 1, conditions=Conditions(), plate_px=(px, px))[0].pixels
        for seed, (style, px) in enumerate(((Style.DE, 200), (Style.FR, 140), (Style.US, 90)))
    ]
    frames = [car[: 720 - 60 * i, 100 * i :] for i, car in enumerate(cars)]

    def read_all() -> int:
        assert all(reader.read(frame) for frame in frames), "the recogniser has a line of each to read"
        return resident_bytes()

    read_all()
    before = read_all()
    read_all()
    assert read_all() - before < GROWTH_BYTES_MAX


def test_the_first_frame_that_is_hard_to_read_takes_no_more() -> None:
    """A gate's memory is what it is from the first hour on: a frame without a plate is looked at small, and large."""
    reader = FinderReader(1)
    before = resident_bytes()
    assert not reader.read(np.full((720, 1280, 3), 90, np.uint8))
    assert resident_bytes() - before < LOOKS_BYTES // 2
