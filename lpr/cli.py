"""`gatehouse lpr`: read number plates and QR codes in photographs, and measure how well that works."""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.errors import BadInput, GatehouseError
from domain.plate import Plate

if TYPE_CHECKING:  # while running only inside the commands: numpy and OpenCV would cost the help page 0.3 s
    from lpr.matching import Expected
    from lpr.plate_formats import PlateFormats
    from lpr.qr import QrReader
    from lpr.reader import PlateReader
    from lpr.region import Region
    from lpr.stopwatch import Stopwatch
    from lpr.trial import Trial

app = typer.Typer(
    help="Read number plates and QR codes in photographs, and measure how well that works.", no_args_is_help=True
)

_ENGINE = "The plate reader: finder or rapidocr, which both read with PP-OCR's recogniser; or easyocr."
_Models = Annotated[
    Path | None,
    typer.Option(metavar="DIR", file_okay=False, help="EasyOCR's models, if not where EasyOCR keeps them."),
]
_Network = Annotated[
    str, typer.Option(metavar="NAME", help="EasyOCR's recognition network: standard, or one of your own in --models.")
]
_Countries = Annotated[
    str | None,
    typer.Option(metavar="CODES", help="Where cars come from, as de,at: settles what O, 0, I and 1 are."),
]
_Region = Annotated[
    str | None,
    typer.Option(metavar="LEFT,TOP,RIGHT,BOTTOM", help="Read this part alone: fractions of the picture, 0 to 1."),
]


@app.command()
def read(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="JPEG, PNG, BMP, WebP or TIFF files.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object an image, in order.")] = False,
    expect: Annotated[
        Path | None,
        typer.Option(metavar="FILE", exists=True, dir_okay=False, help="Match against these plates, one a line."),
    ] = None,
    engine: Annotated[str, typer.Option(metavar="NAME", help=_ENGINE)] = "finder",
    threads: Annotated[int, typer.Option(metavar="N", min=1, help="Processor cores that it may use.")] = 1,
    models: _Models = None,
    network: _Network = "standard",
    countries: _Countries = None,
    region: _Region = None,
) -> None:
    """Read the plate in each IMAGE.

    With --expect, accepts or refuses each car, or would ask for more.
    A file that cannot be read is reported in its place, and the exit code is 1 at the end.
    """
    from lpr import for_people  # noqa: PLC0415
    from lpr.matching import Expected  # noqa: PLC0415

    expected = Expected(_plates(expect)) if expect else None
    reader = _pipeline(_reader(engine, threads, models=models, network=network), region, countries)
    column = max(len(image.name) for image in images)
    failed = False
    for image in images:
        result = _read_one(image, reader, expected)
        failed |= "error" in result
        if as_json:
            typer.echo(json.dumps(result))
        elif "error" in result:
            typer.secho(result["error"], fg="red", err=True)
        else:
            typer.echo(for_people.read_line(image.name.ljust(column), result))
    if failed:
        raise typer.Exit(1)


def _read_one(image: Path, reader: "PlateReader", expected: "Expected | None") -> dict[str, Any]:
    """One image's line of output; only `image` and `error` for a file that cannot be read."""
    from lpr import photograph  # noqa: PLC0415
    from lpr.matching import match, scored  # noqa: PLC0415
    from lpr.reader import open_read  # noqa: PLC0415

    try:
        frame = photograph.load(image)
    except BadInput as error:
        return {"image": str(image), "error": error.message}
    start_ns = perf_counter_ns()
    sightings = reader.read(frame)
    ms = (perf_counter_ns() - start_ns) / 1e6
    plate = open_read(sightings)
    matched = match(scored(sightings, expected)) if expected is not None else None
    return {
        "image": str(image),
        "plate": plate.text if plate else None,
        "confidence": round(plate.confidence, 4) if plate else 0.0,
        "candidates": [[sighting.text, round(sighting.confidence, 4)] for sighting in sightings],
        "matched": matched.plate.open if matched and matched.plate else None,
        "match_score": round(matched.score, 3) if matched and math.isfinite(matched.score) else None,
        "decision": matched.decision.value if matched else "read" if plate else "none",
        "box": list(plate.box) if plate else None,
        "ms": round(ms, 1),
    }


@app.command()
def qr(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="JPEG, PNG, BMP, WebP or TIFF files.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object an image, in order.")] = False,
) -> None:
    """Read the QR code in each IMAGE.

    Does not say whether it is a valid ticket.
    A file that cannot be read is reported in its place, and the exit code is 1 at the end.
    """
    from lpr.qr import QrChain  # noqa: PLC0415

    reader = QrChain()
    if reader.missing is not None:
        typer.secho(reader.missing.message, fg="yellow", err=True)
    failed = False
    for image in images:
        result = _qr_of_one(image, reader)
        failed |= "error" in result
        if as_json:
            typer.echo(json.dumps(result))
        elif "error" in result:
            typer.secho(result["error"], fg="red", err=True)
        else:
            typer.echo(f"{image.name}  {result['ms']:5.1f} ms  {result['text'] or 'no code'}")
    if failed:
        raise typer.Exit(1)


def _qr_of_one(image: Path, reader: "QrReader") -> dict[str, Any]:
    """One image's line of output: the first code, where there are several."""
    from lpr import photograph  # noqa: PLC0415

    try:
        frame = photograph.load(image)
    except BadInput as error:
        return {"image": str(image), "error": error.message}
    start_ns = perf_counter_ns()
    texts = reader.read(frame)
    ms = (perf_counter_ns() - start_ns) / 1e6
    return {"image": str(image), "text": texts[0] if texts else None, "ms": round(ms, 1)}


@app.command()
def bench(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", exists=True, file_okay=False, help="X.jpg beside X.txt, here or in sub-folders."),
    ],
    expect: Annotated[
        int | None, typer.Option(metavar="N", min=2, help="Match against N expected plates as well.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a folder.")] = False,
    without: Annotated[
        bool, typer.Option("--without", help="Count also what is read, and let in, once the plates are painted over.")
    ] = False,
    misses: Annotated[bool, typer.Option("--misses", help="Name each photograph that was not read exactly.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", dir_okay=False, help="Draw who is let in at which threshold; with --expect."),
    ] = None,
    engine: Annotated[str, typer.Option(metavar="NAME", help=_ENGINE)] = "finder",
    models: _Models = None,
    network: _Network = "standard",
    countries: _Countries = None,
    region: _Region = None,
) -> None:
    """Measure the reader on photographs in DIR whose plates are known.

    X.txt gives for each photograph: file, x, y, w, h, PLATE, separated by tabs.
    An exact read takes O for 0 and I for 1.
    With --expect, the list of expected plates is filled up with made-up ones.
    """
    from lpr import bench, for_people  # noqa: PLC0415
    from lpr.stopwatch import Stopwatch  # noqa: PLC0415
    from lpr.trial import trials  # noqa: PLC0415

    if plot is not None and expect is None:
        raise typer.BadParameter("nothing is matched without --expect N", param_hint="--plot")
    if plot is not None and not plot.absolute().parent.is_dir():
        raise typer.BadParameter(f"{plot.parent} is no folder", param_hint="--plot")
    try:
        folders = bench.labelled_folders(folder)
        curves = {}
        stopwatch = Stopwatch()
        reader = _reader(engine, 1, stopwatch, models=models, network=network)
        reader = _pipeline(reader, region, countries, stopwatch)
        for name, photographs in folders.items():
            with typer.progressbar(
                bench.readings(photographs, reader, stopwatch), length=len(photographs), label=name, file=sys.stderr
            ) as progress:
                seen = list(progress)
            tried = trials([(one.sightings, one.labelled.plates) for one in seen], expect) if expect else []
            curves[name] = tried
            blank = bench.without_plates(photographs, reader, expect or 0) if without else None
            report = bench.report(name, seen, tried, expect or 0, blank)
            typer.echo(json.dumps(asdict(report)) if as_json else for_people.report_lines(report))
            for reading in (reading for reading in seen if misses and not reading.exact):
                typer.echo(for_people.miss_line(reading), err=as_json)
        if plot is not None and expect is not None:
            _draw_curves(plot, curves, expect)
    except BadInput as error:
        typer.secho(error.message, fg="red", err=True)
        raise typer.Exit(1) from error


def _draw_curves(file: Path, curves: Mapping[str, Sequence["Trial"]], expected: int) -> None:
    from lpr.curve import png  # noqa: PLC0415

    try:
        file.write_bytes(png(curves, expected))
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be written: {error.strerror}", param_hint="--plot") from error


def _reader(
    name: str,
    threads: int,
    stopwatch: "Stopwatch | None" = None,
    *,
    models: Path | None = None,
    network: str = "standard",
) -> "PlateReader":
    from lpr.reader import STANDARD, engine  # noqa: PLC0415

    if name != "easyocr" and (models is not None or network != STANDARD):
        raise typer.BadParameter(f"{name} brings its models along: they are for easyocr", param_hint="--models")
    try:
        return engine(name, threads, stopwatch, models=models, network=network)
    except GatehouseError as error:
        raise typer.BadParameter(error.message, param_hint="--engine") from error


def _pipeline(
    engine: "PlateReader", region: str | None, countries: str | None, stopwatch: "Stopwatch | None" = None
) -> "PlateReader":
    from lpr.pipeline import pipeline  # noqa: PLC0415

    return pipeline(engine, region=_region(region), formats=_formats(countries), stopwatch=stopwatch)


def _formats(countries: str | None) -> "PlateFormats | None":
    from lpr.plate_formats import PlateFormats  # noqa: PLC0415

    try:
        return None if countries is None else PlateFormats(_codes(countries))
    except BadInput as error:
        raise typer.BadParameter(error.message, param_hint="--countries") from error


def _codes(countries: str) -> list[str]:
    return [code.strip().lower() for code in countries.split(",")]


def _region(edges: str | None) -> "Region | None":
    from lpr.region import Region  # noqa: PLC0415

    try:
        return None if edges is None else Region.parse(edges)
    except BadInput as error:
        raise typer.BadParameter(error.message, param_hint="--region") from error


def _plates(file: Path) -> list[Plate]:
    """The plates in a file, one a line; empty lines count for nothing. Names the first line that is no plate."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{file} cannot be read as UTF-8 text", param_hint="--expect") from error
    plates = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            plates.append(Plate.parse(line))
        except BadInput as error:
            raise typer.BadParameter(f"{file}, line {number}: {error.message}", param_hint="--expect") from error
    return plates
