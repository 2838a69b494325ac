"""What is the finder's reader's own: how often it looks, which box it reads, and what it makes of the reads."""

import random
from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest

from domain.plate import Plate
from lpr.finder_reader import FinderReader, is_sure
from lpr.frame import Box, Frame
from lpr.plate_finder import LARGE, NEAR_PX, NEARER_PX, SMALL, Found
from lpr.reader import PlateReader, Sighting, engine, open_read
from lpr.stopwatch import Stopwatch
from simulator.street.conditions import Conditions
from simulator.street.frames import empty_lane, shot
from simulator.street.plates import Style, draw_plate

See = Callable[..., Sighting]
FRAME = np.zeros((400, 600, 3), np.uint8)


class Pretend:
    """A finder and a recogniser that find and read what they are told, and note what they are asked."""

    def __init__(
        self,
        found: dict[tuple[int, int], list[Found]],
        says: Callable[[Box], Sighting],
        closer: dict[Box, Found] | None = None,
        nearer: dict[Box, Found] | None = None,
    ) -> None:
        self._found = found
        self._closer = {NEAR_PX: closer or {}, NEARER_PX: nearer or {}}
        self._says = says
        self.sizes: list[tuple[int, int]] = []
        self.read_boxes: list[Box] = []

    def find(self, frame: Frame, size: tuple[int, int]) -> Sequence[Found]:
        self.sizes.append(size)
        return self._found.get(size, [])

    def closer(self, frame: Frame, found: Found, plate_px: int = NEAR_PX) -> Found:
        return self._closer[plate_px].get(found.box, found)

    def read(self, box: Box, line: Frame, *, on_a_plate: bool) -> Sighting:
        assert line.shape[:2] == (box[3], box[2])
        self.read_boxes.append(box)
        self.on_a_plate = on_a_plate
        return self._says(box)


@pytest.fixture
def reader_with(monkeypatch: pytest.MonkeyPatch) -> Callable[[Pretend], FinderReader]:
    def make(pretend: Pretend) -> FinderReader:
        monkeypatch.setattr("lpr.finder_reader.PlateFinder", lambda _: pretend)
        monkeypatch.setattr("lpr.finder_reader.Recogniser", lambda *_: pretend)
        reader = FinderReader(threads=1)
        pretend.sizes.clear()  # as it is loaded it looks at nothing, once in each size
        return reader

    return make


WIDE, OTHER = Found((40, 100, 200, 50), 0.9), Found((300, 300, 200, 50), 0.5)


def test_a_clear_read_of_the_surest_box_ends_it(reader_with: Callable[[Pretend], FinderReader], see: See) -> None:
    pretend = Pretend({SMALL: [WIDE, OTHER]}, lambda _: see("HHAB123", 0.99))
    [sighting] = reader_with(pretend).read(FRAME)
    assert (sighting.text, sighting.box) == ("HHAB123", WIDE.box)
    assert pretend.sizes == [SMALL]
    assert pretend.read_boxes == [WIDE.box]


@pytest.mark.parametrize(("score", "nearer", "on_a_plate"), [(0.8, 0.7, True), (0.8, 0.5, False), (0.4, 0.8, False)])
def test_what_both_looks_are_sure_of_needs_no_letter(
    reader_with: Callable[[Pretend], FinderReader], see: See, score: float, nearer: float, on_a_plate: bool
) -> None:
    pretend = Pretend(
        {SMALL: [Found(WIDE.box, score)]},
        lambda _: see("1234567", 0.99),
        nearer={WIDE.box: Found(WIDE.box, nearer)},
    )
    reader_with(pretend).read(FRAME)
    assert pretend.on_a_plate is on_a_plate


def test_a_plate_is_not_read_again_in_the_large_look(reader_with: Callable[[Pretend], FinderReader], see: See) -> None:
    nearly = Found((42, 101, 198, 50), 0.9)
    pretend = Pretend({SMALL: [WIDE], LARGE: [nearly, OTHER]}, lambda _: see("HHAB123", 0.3))
    reader_with(pretend).read(FRAME)
    assert pretend.read_boxes == [WIDE.box, OTHER.box]


def test_the_closer_look_decides_which_box_is_read(reader_with: Callable[[Pretend], FinderReader], see: See) -> None:
    closer = {WIDE.box: Found((44, 102, 190, 46), 0.3), OTHER.box: Found((302, 301, 198, 48), 0.8)}
    pretend = Pretend({SMALL: [WIDE, OTHER]}, lambda _: see("HHAB123", 0.99), closer)
    [sighting] = reader_with(pretend).read(FRAME)
    assert sighting.box == (302, 301, 198, 48)


def test_what_is_no_plate_from_near_by_is_not_read(reader_with: Callable[[Pretend], FinderReader], see: See) -> None:
    pretend = Pretend({SMALL: [WIDE]}, lambda _: see("HHAB123", 0.99), {WIDE.box: Found(WIDE.box, 0.0)})
    assert reader_with(pretend).read(FRAME) == []
    assert pretend.read_boxes == []


def test_what_is_not_clear_is_read_in_another_way(reader_with: Callable[[Pretend], FinderReader], see: See) -> None:
    pretend = Pretend({SMALL: [WIDE]}, lambda box: see("HHAB123", 0.9 if box == WIDE.box else 0.95))
    sightings = reader_with(pretend).read(FRAME)
    assert [sighting.confidence for sighting in sightings] == pytest.approx([0.95, 0.9])
    assert [sighting.box for sighting in sightings] == [WIDE.box] * 2
    assert len(pretend.read_boxes) == 2
    assert pretend.sizes == [SMALL]


def test_the_surer_of_two_looks_from_near_by_decides_which_box_is_read(
    reader_with: Callable[[Pretend], FinderReader], see: See
) -> None:
    for score, box in ((0.95, (44, 102, 190, 46)), (0.85, WIDE.box)):
        nearer = {WIDE.box: Found((44, 102, 190, 46), score)}
        pretend = Pretend({SMALL: [WIDE]}, lambda _: see("HHAB123", 0.99), nearer=nearer)
        [sighting] = reader_with(pretend).read(FRAME)
        assert pretend.read_boxes == [sighting.box] == [box]


def test_what_is_not_clear_in_the_surer_box_is_read_in_the_other(
    reader_with: Callable[[Pretend], FinderReader], see: See
) -> None:
    other = (44, 102, 190, 46)
    pretend = Pretend(
        {SMALL: [WIDE]},
        lambda box: see("HHAB123", 0.98 if box == other else 0.9),
        nearer={WIDE.box: Found(other, 0.7)},
    )
    [sighting] = reader_with(pretend).read(FRAME)
    assert sighting.confidence == pytest.approx(0.98)
    assert sighting.box == WIDE.box
    assert [pretend.read_boxes[0], *pretend.read_boxes[2:]] == [WIDE.box, other]


def test_a_look_that_no_longer_found_the_plate_gives_no_box(
    reader_with: Callable[[Pretend], FinderReader], see: See
) -> None:
    pretend = Pretend({SMALL: [WIDE]}, lambda _: see("HHAB123", 0.9), nearer={WIDE.box: Found((44, 102, 190, 46), 0.0)})
    reader_with(pretend).read(FRAME)
    assert len(pretend.read_boxes) == 2  # both ways of the first box


def test_the_large_look_is_for_when_nothing_was_sure(reader_with: Callable[[Pretend], FinderReader], see: See) -> None:
    pretend = Pretend({SMALL: [WIDE], LARGE: [OTHER]}, lambda box: see("HHAB123", 0.99 if box[0] == 300 else 0.6))
    [sighting] = reader_with(pretend).read(FRAME)
    assert sighting.box == OTHER.box
    assert pretend.sizes == [SMALL, LARGE]


def test_of_two_plates_the_nearer_car_comes_first(reader_with: Callable[[Pretend], FinderReader], see: See) -> None:
    far, near = Found((20, 20, 60, 15), 0.8), Found((200, 200, 240, 60), 0.75)
    pretend = Pretend({SMALL: [far, near]}, lambda _: see("HHAB123", 0.99))
    [sighting] = reader_with(pretend).read(FRAME)
    assert sighting.box == near.box


def test_without_a_sure_read_typical_plates_come_first(
    reader_with: Callable[[Pretend], FinderReader], see: See
) -> None:
    def says(box: Box) -> Sighting:
        return see("HHAB12345", 0.85) if box[0] < 300 else see("PARKING", 0.99, typical=False)

    sightings = reader_with(Pretend({SMALL: [OTHER, WIDE]}, says)).read(FRAME)
    assert [s.text for s in sightings] == ["HHAB12345"] * 2 + ["PARKING"] * 2


def test_what_is_hardly_readable_is_not_believed(reader_with: Callable[[Pretend], FinderReader], see: See) -> None:
    sightings = reader_with(Pretend({SMALL: [WIDE]}, lambda _: see("JO9E", 0.79))).read(FRAME)
    assert [sighting.typical for sighting in sightings] == [False] * 2
    assert open_read(sightings) is None


def test_what_is_no_plate_is_not_sighted(reader_with: Callable[[Pretend], FinderReader], see: See) -> None:
    for text in ("X", "ABCDEFGHIJKL"):
        assert reader_with(Pretend({SMALL: [WIDE]}, lambda _, text=text: see(text, 0.99))).read(FRAME) == []  # type: ignore[misc]


def test_a_crowd_of_boxes_is_bounded(reader_with: Callable[[Pretend], FinderReader], see: See) -> None:
    many = [Found((10 * i, 40 * i, 100, 20), 0.9) for i in range(8)]
    more = [Found((300 + 10 * i, 40 * i, 100, 20), 0.9) for i in range(8)]
    pretend = Pretend({SMALL: many, LARGE: more}, lambda _: see("HHAB123", 0.5))
    reader_with(pretend).read(FRAME)
    assert len(pretend.read_boxes) == 2 * 2 * 2  # two looks, two plates, each in two ways


@pytest.mark.parametrize(
    ("text", "confidence", "typical", "sure"),
    [
        ("HHAB123", 0.9, True, True),
        ("HHAB123", 0.7, True, False),
        ("PARKING", 0.99, False, False),
        ("HHAB12345", 0.99, True, False),
    ],
)
def test_sure_is_a_typical_plate_read_well(see: See, text: str, confidence: float, typical: bool, sure: bool) -> None:
    assert is_sure(see(text, confidence, typical=typical)) is sure


def test_cutting_lines_out_of_a_plate_is_a_stage_of_its_own(
    finder: PlateReader, stopwatch: Stopwatch, draw: Callable[..., Frame]
) -> None:
    stopwatch.reset()
    finder.read(draw(("HH AB 1234", 180, 200, 1.6)))
    assert list(stopwatch.ms) == ["find", "cut", "read"]


def test_in_an_empty_lane_no_plate_is_read(finder: PlateReader) -> None:
    for seed in range(12):
        frame = cv2.imdecode(np.frombuffer(empty_lane(seed), np.uint8), cv2.IMREAD_COLOR)
        assert open_read(finder.read(np.asarray(frame, np.uint8))) is None


@pytest.mark.parametrize("style", [Style.DE, Style.FR, Style.NL, Style.UK])
def test_reads_drawn_plates(finder: PlateReader, style: Style) -> None:
    rng = random.Random(11)
    numbers = [draw_plate(rng, style) for _ in range(6)]
    read = [open_read(finder.read(shot(i, n, 150, Conditions(noise=2.0)).pixels)) for i, n in enumerate(numbers)]
    right = [
        plate is not None and Plate(plate.text).folded == n.plate.folded for plate, n in zip(read, numbers, strict=True)
    ]
    assert sum(right) >= 5


@pytest.mark.parametrize("threads", [1, 2])
def test_a_reader_shrinks_pictures_on_as_many_cores_as_it_may_use(threads: int) -> None:
    """Left alone, OpenCV takes all that there are."""
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(3 - threads)
        engine("finder", threads)
        assert cv2.getNumThreads() == threads
    finally:
        cv2.setNumThreads(before)
