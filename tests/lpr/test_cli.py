import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import segno
from typer.main import get_command
from typer.testing import CliRunner, Result

from lpr.cli import app
from lpr.frame import Frame
from lpr.reader import DEFAULT, ENGINES, PlateReader, Sighting
from lpr.stopwatch import Stopwatch

See = Callable[..., Sighting]
Run = Callable[..., Result]

FIELDS = ["image", "plate", "confidence", "candidates", "matched", "match_score", "decision", "box", "ms"]


@pytest.fixture
def run() -> Run:
    runner = CliRunner(env={"COLUMNS": "400"})  # else a long path breaks the words of an error over two lines
    return lambda *arguments: runner.invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch, see: See) -> None:
    """A reader that sees HHAB123 in bright frames, lettering in grey ones and nothing in dark ones."""

    class Pretend:
        def read(self, frame: Frame) -> Sequence[Sighting]:
            lettering = see("PARKING", typical=False)
            return {255: [see("HHAB123", 0.999), lettering], 128: [lettering], 0: []}[int(frame.max())]

    def engine(
        name: str, threads: int, stopwatch: Stopwatch | None, *, models: Path | None, network: str
    ) -> PlateReader:
        assert (name, threads, models, network) == (DEFAULT, 1, None, "standard")
        return Pretend()

    monkeypatch.setattr("lpr.reader.engine", engine)


@pytest.fixture
def photographs(tmp_path: Path) -> list[Path]:
    """A bright, a grey and a dark one, each black at its right."""
    files = [tmp_path / f"{name}.png" for name in ("bright", "grey", "dark")]
    for file, level in zip(files, (255, 128, 0), strict=True):
        picture = np.full((20, 30, 3), level, np.uint8)
        picture[:, 20:] = 0
        cv2.imwrite(str(file), picture)
    return files


def _objects(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.usefixtures("pretend")
def test_read_writes_one_object_an_image_in_order(run: Run, photographs: list[Path]) -> None:
    result = run("read", "--json", *photographs)
    assert result.exit_code == 0
    bright, grey, dark = _objects(result)
    assert list(bright) == list(grey) == list(dark) == FIELDS
    assert [line["image"] for line in (bright, grey, dark)] == [str(file) for file in photographs]
    assert bright.pop("ms") >= 0
    assert bright == {
        "image": str(photographs[0]),
        "plate": "HHAB123",
        "confidence": 0.999,
        "candidates": [["HHAB123", 0.999], ["PARKING", 0.99]],
        "matched": None,
        "match_score": None,
        "decision": "read",
        "box": [10, 20, 160, 40],
    }
    for line in (grey, dark):
        assert (line["plate"], line["confidence"], line["decision"], line["box"]) == (None, 0, "none", None)


@pytest.mark.usefixtures("pretend")
@pytest.mark.parametrize(
    ("plates", "outcomes"),
    [
        ("\n  hh-ab 123\n\nXY 987\n", [("accept", "HHAB123"), ("ask", None), ("ask", None)]),
        ("XY987\r\nPARKING", [("accept", "PARKING"), ("accept", "PARKING"), ("ask", None)]),
        ("\ufeffXY98765\n", [("refuse", None), ("ask", None), ("ask", None)]),
        ("", [("refuse", None), ("ask", None), ("ask", None)]),
    ],
)
def test_read_matches_against_the_expected_plates(
    run: Run, photographs: list[Path], plates: str, outcomes: list[tuple[str, str | None]]
) -> None:
    expect = photographs[0].with_name("expect.txt")
    expect.write_text(plates, encoding="utf-8")
    lines = _objects(run("read", "--json", "--expect", expect, *photographs))
    assert [(line["decision"], line["matched"]) for line in lines] == outcomes
    assert all(isinstance(line["match_score"], float) for line in lines if line["matched"])
    assert lines[-1]["match_score"] is None


@pytest.mark.usefixtures("pretend")
def test_files_that_cannot_be_read_are_named_in_their_place(run: Run, photographs: list[Path], tmp_path: Path) -> None:
    whole = photographs[0]
    (tmp_path / "empty.png").touch()
    (tmp_path / "cut.png").write_bytes(whole.read_bytes()[:-20])
    (tmp_path / "text.png").write_text("no picture")
    broken = [tmp_path / name for name in ("missing.png", "empty.png", "cut.png", "text.png")]

    result = run("read", "--json", *broken, whole)
    assert result.exit_code == 1
    *errors, read = _objects(result)
    assert [list(error) for error in errors] == [["image", "error"]] * 4
    assert [error["image"] for error in errors] == [str(file) for file in broken]
    assert read["plate"] == "HHAB123"

    for_people = run("read", whole, *broken)
    assert for_people.exit_code == 1
    assert "HHAB123" in for_people.stdout
    assert all(file.name in for_people.stderr for file in broken)


@pytest.mark.usefixtures("pretend")
def test_read_looks_at_a_region_alone(run: Run, tmp_path: Path) -> None:
    half = np.zeros((20, 30, 3), np.uint8)
    half[10:] = 255
    image = tmp_path / "half.png"
    cv2.imwrite(str(image), half)
    lines = [_objects(run("read", "--json", "--region", region, image)) for region in ("0,0,1,0.5", "0,0.5,1,1")]
    assert [line["plate"] for [line] in lines] == [None, "HHAB123"]
    assert lines[1][0]["box"] == [10, 30, 160, 40]
    result = run("read", "--region", "0,1,1,0", image)
    assert result.exit_code == 2
    assert "no region is from 1 to 0" in result.stderr


@pytest.mark.usefixtures("pretend")
def test_read_settles_signs_by_where_cars_come_from(run: Run, photographs: list[Path]) -> None:
    [line] = _objects(run("read", "--json", "--countries", "se,fi", photographs[0]))
    assert line["plate"] == "HHAB123", "fits neither, and no shape helps"
    assert run("read", "--countries", "SE, fi", photographs[0]).exit_code == 0
    result = run("read", "--countries", "se,xx", photographs[0])
    assert result.exit_code == 2
    assert "xx" in result.stderr


@pytest.mark.usefixtures("pretend")
def test_people_get_a_line_an_image(run: Run, photographs: list[Path], tmp_path: Path) -> None:
    expect = tmp_path / "expect.txt"
    expect.write_text("HHAB123")
    bright, grey, dark = run("read", "--expect", expect, *photographs).stdout.splitlines()
    assert bright.startswith("bright.png  HHAB123")
    assert bright.endswith("accept  HHAB123 (+0.0)")
    assert "no plate" in grey
    assert "no plate" in dark


@pytest.mark.usefixtures("pretend")
def test_a_bad_line_in_the_expected_plates_is_named(run: Run, photographs: list[Path], tmp_path: Path) -> None:
    expect = tmp_path / "x"
    expect.write_text("HHAB123\n\n???\n")
    result = run("read", "--expect", expect, *photographs)
    assert result.exit_code == 2
    assert "line 3" in result.stderr
    expect.write_bytes(b"\xff\xfe\x00")
    assert run("read", "--expect", expect, *photographs).exit_code == 2


@pytest.mark.parametrize("option", [("--models", "."), ("--network", "plates")])
def test_models_for_an_engine_that_takes_none_are_a_usage_error(
    run: Run, photographs: list[Path], option: tuple[str, str]
) -> None:
    result = run("read", *option, photographs[0])
    assert result.exit_code == 2
    assert "easyocr" in result.stderr


def test_an_unknown_engine_is_a_usage_error(run: Run, photographs: list[Path]) -> None:
    result = run("read", "--engine", "tesseract", *photographs)
    assert result.exit_code == 2
    assert "tesseract" in result.stderr
    assert not result.stdout


@pytest.mark.parametrize("engine", ["finder", "rapidocr"])
def test_read_with_a_real_reader(run: Run, draw: Callable[..., Frame], tmp_path: Path, engine: str) -> None:
    file = tmp_path / "car.png"
    cv2.imwrite(str(file), draw(("HH AB 1234", 180, 200, 1.6)))
    result = run("read", "--json", "--engine", engine, "--threads", "2", file)
    assert not result.stderr
    [line] = _objects(result)
    assert (line["plate"], line["decision"]) == ("HHAB1234", "read")


@pytest.mark.parametrize("command", ["read", "bench"])
def test_the_default_reader_is_that_of_the_gate_and_all_are_named(run: Run, command: str) -> None:
    [engine] = [option for option in get_command(app).commands[command].params if option.name == "engine"]  # type: ignore[attr-defined]
    assert engine.default == DEFAULT
    assert all(name in engine.help for name in ENGINES)


@pytest.fixture
def labelled(photographs: list[Path], tmp_path: Path) -> Path:
    """The bright photograph in eu/, the grey and the dark one in us/."""
    for file, plate, folder in zip(photographs, ("HHAB123", "PARKING", "XY98765"), ("eu", "us", "us"), strict=True):
        (tmp_path / folder).mkdir(exist_ok=True)
        file.rename(tmp_path / folder / file.name)
        (tmp_path / folder / f"{file.stem}.txt").write_text(f"{file.name}\t0\t0\t9\t9\t{plate}\n")
    return tmp_path


@pytest.mark.usefixtures("pretend")
def test_bench_reports_each_folder(run: Run, labelled: Path) -> None:
    result = run("bench", labelled, "--expect", "20", "--json")
    assert result.exit_code == 0
    eu, us = _objects(result)
    assert (eu["folder"], eu["images"], eu["exact"]) == ("eu", 1, 1)
    assert eu["median_ms"] <= eu["p95_ms"]
    assert 0 < eu["median_cpu_ms"] <= eu["p95_cpu_ms"]
    assert {"quality", "match", "vote"} <= eu["stages_ms"].keys()
    assert eu["matched"] == {
        "expected": 20,
        "accepted": 1,
        "accepted_wrong": 0,
        "asked": 0,
        "refused": 0,
        "stranger_accepted": 0,
        "look_alike_accepted": 0,
    }
    assert (us["folder"], us["images"], us["exact"]) == ("us", 2, 0)
    assert (us["matched"]["accepted"], us["matched"]["asked"]) == (0.5, 0.5)


@pytest.mark.usefixtures("pretend")
def test_bench_reads_as_it_is_told_to_and_times_that(run: Run, labelled: Path) -> None:
    eu, _ = _objects(run("bench", labelled, "--json", "--region", "0.5,0,1,1", "--countries", "de"))
    assert eu["exact"] == 1
    assert list(eu["stages_ms"]) == ["quality", "region", "formats"]
    nothing, _ = _objects(run("bench", labelled, "--json", "--region", "0.8,0,1,1"))
    assert nothing["exact"] == 0, "only its black part is read"
    assert run("bench", labelled, "--region", "0,1,1,0").exit_code == 2


@pytest.mark.usefixtures("pretend")
def test_bench_for_people_keeps_progress_off_stdout(run: Run, labelled: Path) -> None:
    result = run("bench", labelled)
    assert result.stdout.startswith("eu: 1 photographs\n  read exactly")
    assert "us: 2 photographs" in result.stdout
    assert "among" not in result.stdout
    assert "eu" in result.stderr


@pytest.mark.usefixtures("pretend")
def test_bench_counts_what_is_read_without_plates(run: Run, labelled: Path) -> None:
    lines = run("bench", labelled, "--without").stdout.splitlines()
    assert [line.split()[-1] for line in lines if "without plates" in line] == ["100.0%", "0.0%"]
    assert not any("let in" in line for line in lines)
    eu, us = _objects(run("bench", labelled, "--without", "--expect", "20", "--json"))
    assert (eu["without_plates"], us["without_plates"]) == ({"read": 1, "let_in": 1}, {"read": 0, "let_in": 0.5})
    [plain, _] = _objects(run("bench", labelled, "--json"))
    assert plain["without_plates"] is None


@pytest.mark.usefixtures("pretend")
def test_bench_names_the_photographs_that_were_not_read(run: Run, labelled: Path) -> None:
    lines = run("bench", labelled, "--misses").stdout.splitlines()
    assert "  grey.png  PARKING: PARKING 99%" in lines
    assert "  dark.png  XY98765: nothing" in lines
    assert not any("bright.png" in line for line in lines)
    result = run("bench", labelled, "--misses", "--json")
    assert [line["folder"] for line in _objects(result)] == ["eu", "us"]
    assert "dark.png  XY98765: nothing" in result.stderr


@pytest.mark.usefixtures("pretend")
def test_bench_reads_as_read_does(run: Run, labelled: Path) -> None:
    assert run("bench", labelled, "--countries", "se").exit_code == 0
    assert "xx" in run("bench", labelled, "--countries", "xx").stderr
    assert "easyocr" in run("bench", labelled, "--network", "plates").stderr


@pytest.mark.usefixtures("pretend")
def test_bench_draws_the_curve(run: Run, labelled: Path, tmp_path: Path) -> None:
    file = tmp_path / "curve.png"
    assert run("bench", labelled, "--expect", "20", "--plot", file).exit_code == 0
    assert cv2.imread(str(file)) is not None
    result = run("bench", labelled, "--plot", file)
    assert result.exit_code == 2
    assert "--expect" in result.stderr
    result = run("bench", labelled, "--expect", "20", "--plot", tmp_path / "none" / "curve.png")
    assert result.exit_code == 2
    assert "no folder" in result.stderr
    assert result.stdout == "", "that is known before an hour's reading"


@pytest.mark.usefixtures("pretend")
def test_bench_names_what_is_wrong_with_the_folder(run: Run, labelled: Path) -> None:
    (labelled / "us" / "dark.png").write_bytes(b"")
    result = run("bench", labelled)
    assert result.exit_code == 1
    assert "dark.png is empty" in result.stderr
    (labelled / "us" / "dark.txt").write_text("nonsense\n")
    result = run("bench", labelled)
    assert result.exit_code == 1
    assert "dark.txt, line 1" in result.stderr
    assert "Traceback" not in result.output


def test_the_help_page_loads_nothing_heavy() -> None:
    heavy = "[name for name in ('numpy', 'cv2', 'rapidocr', 'onnxruntime') if name in sys.modules]"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, lpr.cli; print({heavy})"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_qr_writes_one_object_an_image_in_order(run: Run, photographs: list[Path], tmp_path: Path) -> None:
    code, missing = tmp_path / "code.png", tmp_path / "missing.png"
    segno.make_qr("7K3MQ-2XD9P").save(str(code), scale=4)
    result = run("qr", "--json", code, photographs[0], missing)
    assert result.exit_code == 1
    read, none, error = _objects(result)
    assert read.pop("ms") >= 0
    assert none.pop("ms") >= 0
    assert read == {"image": str(code), "text": "7K3MQ-2XD9P"}
    assert none == {"image": str(photographs[0]), "text": None}
    assert list(error) == ["image", "error"]

    for_people = run("qr", code, photographs[0], missing)
    assert for_people.exit_code == 1
    assert "7K3MQ-2XD9P" in for_people.stdout
    assert "no code" in for_people.stdout
    assert "missing.png" in for_people.stderr


def test_qr_without_zbar_says_so_and_reads(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyzbar", None)
    code = tmp_path / "code.png"
    segno.make_qr("7K3MQ-2XD9P").save(str(code), scale=4)
    result = run("qr", "--json", code)
    assert result.exit_code == 0
    assert "libzbar0" in result.stderr
    assert _objects(result)[0]["text"] == "7K3MQ-2XD9P"
