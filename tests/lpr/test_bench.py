from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from domain.errors import BadInput
from domain.plate import Plate
from lpr.bench import (
    Labelled,
    Reading,
    Report,
    WithoutPlates,
    labelled_folders,
    read_without_plates,
    readings,
    report,
    without_plates,
)
from lpr.frame import Box, Frame
from lpr.matching import NOTHING, RULE
from lpr.reader import Sighting
from lpr.stopwatch import Stopwatch
from lpr.trial import Trial, trials

See = Callable[..., Sighting]
BOX = (1, 2, 30, 10)


def _label(folder: Path, name: str, *plates: str) -> Path:
    folder.mkdir(exist_ok=True)
    image = folder / f"{name}.png"
    cv2.imwrite(str(image), np.full((20, 30, 3), 99, np.uint8))
    lines = "".join(f"{image.name}\t1\t2\t30\t10\t{plate}\n" for plate in plates)
    (folder / f"{name}.txt").write_text(lines)
    return image


def test_photographs_are_found_beside_their_labels_and_in_sub_folders(tmp_path: Path) -> None:
    here = _label(tmp_path, "a", "hh-ab 123")
    below = _label(tmp_path / "us", "b", "KAPA777", "XY987")
    (tmp_path / "empty").mkdir()
    assert labelled_folders(tmp_path) == {
        tmp_path.name: [Labelled(here, (Plate("HHAB123"),), (BOX,))],
        "us": [Labelled(below, (Plate("KAPA777"), Plate("XY987")), (BOX, BOX))],
    }


@pytest.mark.parametrize(
    "line", ["a.png 1 2 3 4 HHAB123", "a.png\t1\t2\t3\tHHAB123", "a.png\t1\t2\tx\t4\tHHAB123", "a.png\t1\t2\t3\t4\t??"]
)
def test_a_bad_label_is_named_with_its_line(tmp_path: Path, line: str) -> None:
    _label(tmp_path, "a", "HHAB123")
    with (tmp_path / "a.txt").open("a") as label:
        label.write(line)
    with pytest.raises(BadInput, match=r"a\.txt, line 2"):
        labelled_folders(tmp_path)


@pytest.mark.parametrize("kind", ["latin-1", "folder"])
def test_labels_that_cannot_be_read_are_named(tmp_path: Path, kind: str) -> None:
    label = tmp_path / "a.txt"
    if kind == "folder":
        label.mkdir()
    else:
        label.write_bytes("a.png\t1\t2\t3\t4\tBÄC12\n".encode("latin-1"))
    with pytest.raises(BadInput, match=r"a\.txt cannot be read as UTF-8 text"):
        labelled_folders(tmp_path)


@pytest.mark.parametrize("box", [(90, 20, 10, 10), (10, 20, 0, 10), (10, -30, 10, 30), (10, 20, -5, 10)])
def test_a_box_that_is_not_in_its_photograph_is_named(tmp_path: Path, box: Box) -> None:
    class Nothing:
        def read(self, _frame: Frame) -> Sequence[Sighting]:
            return []

    image = tmp_path / "a.png"
    cv2.imwrite(str(image), np.zeros((60, 80, 3), np.uint8))
    with pytest.raises(BadInput, match=r"a\.png: the box of its plate lies outside"):
        list(read_without_plates([Labelled(image, (Plate("HHAB123"),), (box,))], Nothing()))


def test_a_folder_without_labels_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=tmp_path.name):
        labelled_folders(tmp_path)


def test_each_photograph_is_read_once_and_timed(tmp_path: Path, see: See) -> None:
    class Always:
        def read(self, frame: Frame) -> Sequence[Sighting]:
            assert frame.shape == (20, 30, 3)
            return [see("HHAB123")]

    labelled = Labelled(_label(tmp_path, "a", "HHAB123"), (Plate("HHAB123"),))
    [reading] = readings([labelled], Always())
    assert [sighting.text for sighting in reading.sightings] == ["HHAB123"]
    assert reading.ms > 0
    assert reading.cpu_ms > 0


def test_a_plate_that_is_painted_over_is_not_read(tmp_path: Path, see: See) -> None:
    class Contrast:
        def read(self, frame: Frame) -> Sequence[Sighting]:
            return [see("HHAB123")] if frame.std() else []

    image = tmp_path / "a.png"
    frame = np.full((60, 80, 3), 99, np.uint8)
    cv2.putText(frame, "B", (22, 38), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0))
    cv2.imwrite(str(image), frame)
    hidden, shown = (Labelled(image, (Plate("HHAB123"),), boxes) for boxes in (((10, 20, 50, 24),), ()))
    nothing, plate = read_without_plates([hidden, shown], Contrast())
    assert not nothing
    assert plate
    assert without_plates([hidden, shown], Contrast()) == WithoutPlates(read=0.5, let_in=None)
    assert without_plates([hidden, shown], Contrast(), expected=10) == WithoutPlates(read=0.5, let_in=0.5)


def test_who_is_let_in_without_a_plate_need_not_be_believed_to_have_one(tmp_path: Path, see: See) -> None:
    class Lettering:
        def read(self, _frame: Frame) -> Sequence[Sighting]:
            return [see("PARKING", typical=False)]

    labelled = Labelled(_label(tmp_path, "a", "PARKING"), (Plate("PARKING"),))
    assert without_plates([labelled], Lettering(), expected=10) == WithoutPlates(read=0, let_in=1)


def _reading(ms: float, plate: str, *sightings: Sighting) -> Reading:
    return Reading(Labelled(Path("car.jpg"), (Plate(plate),)), sightings, ms)


@pytest.fixture
def seen(see: See) -> list[Reading]:
    """Read right, O for 0, wrong beyond doubt, not at all."""
    return [
        _reading(10, "HHAB123", see("HHAB123")),
        _reading(20, "HH100", see("HHIOO")),
        _reading(30, "KAPA777", see("HHQZ999", 0.999)),
        _reading(100, "XY987"),
    ]


def test_exact_reads_and_times_of_a_folder(seen: list[Reading]) -> None:
    of = report("eu", seen)
    assert (of.folder, of.images, of.exact, of.median_ms) == ("eu", 4, 0.5, 25)
    assert of.p95_ms == pytest.approx(89.5)
    assert of.matched is None


def test_processor_time_is_told_from_that_of_the_clock(seen: list[Reading]) -> None:
    of = report("eu", [replace(one, cpu_ms=one.ms / 2) for one in seen])
    assert (of.median_ms, of.median_cpu_ms) == (25, 12.5)
    assert of.p95_cpu_ms == pytest.approx(of.p95_ms / 2)


def test_each_stage_has_its_median() -> None:
    labelled = Labelled(Path("car.jpg"), (Plate("HHAB123"),))
    stages = [{"find": 5.0, "read": 20.0}, {"find": 7.0, "read": 60.0}, {"find": 8.0}]
    assert report("eu", [Reading(labelled, (), 1, ms) for ms in stages]).stages_ms == {"find": 7.0, "read": 20.0}


def test_the_stopwatch_of_the_reader_starts_anew_for_each_photograph(tmp_path: Path) -> None:
    stopwatch = Stopwatch()

    class Timed:
        def read(self, frame: Frame) -> Sequence[Sighting]:
            assert not stopwatch.ms
            with stopwatch.stage("find"):
                return []

    labelled = Labelled(_label(tmp_path, "a", "HHAB123"), (Plate("HHAB123"),))
    seen = list(readings([labelled] * 2, Timed(), stopwatch))
    assert [list(reading.stages_ms) for reading in seen] == [["find"]] * 2


def test_a_car_with_two_plates_may_be_read_by_either(see: See) -> None:
    labelled = Labelled(Path("car.jpg"), (Plate("HHAB123"), Plate("KAPA777")))
    assert report("eu", [Reading(labelled, (see("KAPA777"),), 1)]).exact == 1


def _matched(seen: list[Reading], expected: int) -> Report:
    return report("eu", seen, trials([(one.sightings, one.labelled.plates) for one in seen], expected), expected)


def test_matching_among_expected_plates(seen: list[Reading]) -> None:
    of = _matched(seen, 50).matched
    assert of is not None
    assert (of.expected, of.accepted, of.accepted_wrong, of.asked, of.refused) == (50, 0.5, 0, 0.25, 0.25)
    assert (of.stranger_accepted, of.look_alike_accepted) == (0, 0)


def test_matching_and_voting_are_stages_after_those_of_the_reader(seen: list[Reading]) -> None:
    read = [replace(one, stages_ms={"find": 1.0}) for one in seen]
    stages_ms = _matched(read, 50).stages_ms
    assert list(stages_ms) == ["find", "match", "vote"]
    assert min(stages_ms.values()) > 0
    assert list(report("eu", read).stages_ms) == ["find"]


def test_another_plate_is_a_wrong_one_and_a_stranger(see: See) -> None:
    of = _matched([_reading(1, "HHAB123", see("KAPA777")), _reading(1, "KAPA777")], 10).matched
    assert of is not None
    assert (of.accepted, of.accepted_wrong) == (0, 0.5)


def test_who_is_let_in_is_counted_at_the_threshold_that_decides(seen: list[Reading]) -> None:
    tried = [Trial(NOTHING, True, at, at, (at,), {}) for at in (RULE.accept_score, RULE.accept_score - 0.01)]
    of = report("eu", seen[:2], tried, 10).matched
    assert of is not None
    assert (of.accepted, of.stranger_accepted, of.look_alike_accepted) == (0.5, 0.5, 0.5)
