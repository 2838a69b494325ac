"""How a lane's frames are read: the parts around an engine, each a PlateReader that any other may replace."""

from lpr.plate_formats import FormatReader, PlateFormats
from lpr.quality import QualityReader
from lpr.reader import PlateReader
from lpr.region import Region, RegionReader
from lpr.stopwatch import Stopwatch


def pipeline(
    engine: PlateReader,
    *,
    region: Region | None = None,
    formats: PlateFormats | None = None,
    stopwatch: Stopwatch | None = None,
) -> PlateReader:
    """Judge the whole frame's quality, read the `region` alone with `engine`, and settle signs by `formats`.

    The stopwatch times the stages `quality`, `region` and `formats`, where there are any.
    """
    reader = engine
    if formats is not None:
        reader = FormatReader(reader, formats, stopwatch)
    if region is not None:
        reader = RegionReader(reader, region, stopwatch)
    return QualityReader(reader, stopwatch)
