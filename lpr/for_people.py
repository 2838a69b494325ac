"""What `gatehouse lpr` prints for people; for programs it is JSON."""

from typing import Any

import typer

from lpr.bench import Reading, Report

_COLOURS = {"accept": "green", "read": "green", "ask": "yellow", "none": "yellow", "refuse": "red"}


def read_line(name: str, result: dict[str, Any]) -> str:
    """What was read in one photograph, and what was decided."""
    plate = f"{result['plate']:<10} {result['confidence']:4.0%}" if result["plate"] else f"{'no plate':<15}"
    decision = typer.style(f"{result['decision']:<6}", fg=_COLOURS[result["decision"]])
    matched = f"  {result['matched']} ({result['match_score']:+.1f})" if result["matched"] else ""
    return f"{name}  {plate}  {result['ms']:5.0f} ms  {decision}{matched}"


def report_lines(report: Report) -> str:
    """A folder's figures, one a line."""
    lines = [
        typer.style(f"{report.folder}: {report.images} photographs", bold=True),
        f"  read exactly         {report.exact:6.1%}",
        f"  median, 95th percentile  {report.median_ms:.0f} ms, {report.p95_ms:.0f} ms",
        f"    of processor time    {report.median_cpu_ms:4.0f} ms, {report.p95_cpu_ms:.0f} ms",
        *(f"    {stage:<12} median {ms:7.2f} ms" for stage, ms in report.stages_ms.items()),
    ]
    if matched := report.matched:
        lines += [
            f"  among {matched.expected} expected plates",
            f"    right one accepted   {matched.accepted:6.1%}",
            f"    wrong one accepted   {matched.accepted_wrong:6.1%}",
            f"    asked, refused       {matched.asked:6.1%}, {matched.refused:.1%}",
            "  let in though not expected",
            f"    no such plate        {matched.stranger_accepted:6.1%}",
            f"    one similar sign off {matched.look_alike_accepted:6.1%}",
        ]
    if blank := report.without_plates:
        lines.append(f"  read without plates  {blank.read:6.1%}")
        if blank.let_in is not None:
            lines.append(f"    let in             {blank.let_in:6.1%}")
    return "\n".join(lines)


def miss_line(reading: Reading) -> str:
    """A photograph that was not read exactly: its plates, and what was read in it."""
    plates = " ".join(plate.open for plate in reading.labelled.plates)
    read = ", ".join(f"{sighting.text} {sighting.confidence:.0%}" for sighting in reading.sightings)
    return f"  {reading.labelled.image.name}  {plates}: {read or 'nothing'}"
