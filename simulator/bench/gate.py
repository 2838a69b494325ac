"""`gatehouse bench gate`: what a gate with a full disk takes to decide, to open, to start and to catch up.

Decisions, credentials, starts, cars on the loop and what was buffered are measured on copies of the same disk
(`gate_disk.py`): 10,000 bookings that the gate expects and 500,000 facts. Memory is that of an exit with those bookings
and `SMALL_DISK` facts, and payments are made on the demo's small site. Percentiles are those of all measurements of a
run, the worst ones included.
"""

import asyncio
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx
import numpy as np

from domain.errors import OperatorError
from simulator import as_installed
from simulator.bench import gate_core
from simulator.bench.figure import Figure, spread
from simulator.bench.gate_disk import ENTRY, EXIT, LOT, Booking, book, clock, lay_down
from simulator.bench.gate_disk import Scale as DiskScale
from simulator.bench.gate_flush import flush
from simulator.bench.gate_site import GateBenchSite
from simulator.bench.gate_street import loop_to_relay
from simulator.bench.one_core import PI5_GFLOPS, Car, on_a_pi5
from simulator.bench.paid import paid_to_usable
from simulator.demo.site import PROBE_S, PYTHON
from simulator.demo.supervisor import DIES_WITH_US

Say = Callable[[str], None]

SMALL_DISK = 25_000
"""Facts on the disk of the exit whose memory is watched: it grows by two with each car."""
START_S_MAX, ASK_EVERY_S = 30.0, 0.01
WARM = 0.2
"""Of the passages, so many come before memory is said to be flat: caches and pools fill up first."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured."""

    disk: DiskScale = DiskScale()
    decisions: int = 3_000
    cars: int = 600
    street: int = 30
    starts: int = 5
    flushes: int = 5
    passages: int = 10_000
    payments: int = 200


async def gate(folder: Path, say: Say, scale: Scale = Scale()) -> list[Figure]:
    """Measure in `folder`, which is empty and on the disk that is meant. Raises OperatorError where something that is
    measured does not do what it ought to."""
    site = GateBenchSite(folder / "lot", scale.disk)
    bookings = await asyncio.to_thread(_lay_down, site, scale, say)
    figures = await asyncio.to_thread(_core, site, bookings, scale)
    say("decisions and credentials measured")
    _from_copy(site, ENTRY)
    figures.append(await _starts(site, scale.starts))
    say(f"{scale.starts} starts measured")
    _from_copy(site, ENTRY)
    let_in, asked = await loop_to_relay(site, bookings, scale.street, say)
    figures.append(loop_figure(let_in, asked, await _one_core()))
    figures.append(await _flushes(site, scale.flushes))
    say(f"what was buffered went to the hub {scale.flushes} times")
    figures += await _memory(site, scale.passages, say)
    figures.append(_paid(*await paid_to_usable(folder / "demo", scale.payments, say)))
    return figures


def _lay_down(site: GateBenchSite, scale: Scale, say: Say) -> list[Booking]:
    now = clock()
    bookings = book(site.database(LOT), site.seal, site.key, scale.disk, now)
    say(f"{len(bookings):,} bookings held and confirmed")
    small = DiskScale(scale.disk.bookings, scale.disk.spots, min(SMALL_DISK, scale.disk.facts), told=0)
    for gate_id, its in ((EXIT, small), (ENTRY, scale.disk)):
        lay_down(site.database(gate_id), site.database(LOT), gate_id, bookings, site.seal, its, now, say)
    for unit in (LOT, ENTRY):
        shutil.copy(site.database(unit), _kept(site, unit))
    return bookings


def _kept(site: GateBenchSite, unit: str) -> Path:
    return site.folder / f"{unit}.kept.db"


def _from_copy(site: GateBenchSite, unit: str) -> None:
    """Put the disk back as it was laid down."""
    path = site.database(unit)
    for left in path.parent.glob(f"{path.name}-*"):
        left.unlink()
    shutil.copy(_kept(site, unit), path)


def _core(site: GateBenchSite, bookings: list[Booking], scale: Scale) -> list[Figure]:
    times = gate_core.measure(site.database(ENTRY), bookings, site.seal, scale.decisions, scale.cars)
    return [
        Figure("decision_p99_ms", _p(99, *times.deciding.values()), "ms", 2, "lower", _by_credential(times.deciding)),
        Figure(
            "credential_to_relay_p99_ms", _p(99, *times.to_relay.values()), "ms", 10, "lower",
            f"{_by_credential(times.to_relay)}; a commit that waits for this disk is in it",
        ),
    ]  # fmt: skip


def _by_credential(times: dict[str, list[float]]) -> str:
    parts = [f"{by} {_p(50, took):g} median, {_p(99, took):g} p99" for by, took in times.items()]
    return f"{sum(map(len, times.values())):,} times: {'; '.join(parts)}"


async def _starts(site: GateBenchSite, starts: int) -> Figure:
    """A gate's process, from its start until it answers on its local interface; there is no broker."""
    took_ms = []
    async with httpx.AsyncClient(timeout=PROBE_S) as screen:
        for _ in range(starts):
            began_s = time.perf_counter()
            process = await _process("gatehouse", "gate", "--config", str(site.gate_config(ENTRY)))
            try:
                async with asyncio.timeout(START_S_MAX):
                    await _answer(screen, site.state_url(ENTRY))
                took_ms.append(1_000 * (time.perf_counter() - began_s))
            finally:
                process.terminate()
                await process.wait()
    note = f"to the first answer at GET /state; ids and QR codes work then, plates a little later; {spread(took_ms)}"
    return Figure("start_to_ready_ms", round(median(took_ms)), "ms", 3_000, "lower", note)


async def _answer(screen: httpx.AsyncClient, url: str) -> None:
    """Ask until there is an answer."""
    while True:
        try:
            (await screen.get(url)).raise_for_status()
        except httpx.TransportError:
            await asyncio.sleep(ASK_EVERY_S)
        else:
            return


async def _one_core() -> float:
    """GFLOP/s of one core of this machine, while nothing else of ours runs on it."""
    process = await _process("simulator.bench.one_core", piped=True, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    said, _ = await process.communicate()
    return float(said)


def loop_figure(let_in: Sequence[Car], asked: Sequence[Car], gflops: float) -> Figure:
    """What cars take from the loop to the relay, and what they would on a Raspberry Pi 5 by an estimate."""
    cars = [*let_in, *asked]
    took_ms = [car.took_ms for car in cars]
    there_ms = [*on_a_pi5(let_in, gflops), *(car.took_ms for car in asked)]
    of = f"{len(cars)} cars at 15 frames/s, {len(asked)} asked for a code and taken for as slow as the lane's limit"
    reading = f"{_p(50, [car.reading_ms for car in let_in]):g} of it reading"
    here = f"median {_p(50, took_ms):g}, {reading}; slowest {max(took_ms):,.0f}"
    estimate = (
        f"for a Raspberry Pi 5 an estimate and no measurement: {_p(95, there_ms):g}, the waiting as here and the"
        f" reading times {gflops / PI5_GFLOPS:.2g} (single precision on one core: {gflops:.3g} GFLOP/s here, at most"
        f" {PI5_GFLOPS:g} there)"
    )
    return Figure("loop_to_relay_p95_ms", _p(95, took_ms), "ms", 500, "lower", f"{of}; {here}; {estimate}")


async def _flushes(site: GateBenchSite, flushes: int) -> Figure:
    rates, facts = [], 0
    for _ in range(flushes):
        _from_copy(site, ENTRY)
        _from_copy(site, LOT)
        facts, took_s = await flush(site)
        rates.append(facts / took_s)
    note = f"{facts:,} facts, decisions and passages with their stays at the hub; each is there once; {spread(rates)}"
    return Figure("flush_facts_per_s", round(median(rates)), "facts/s", 2_000, "higher", note)


async def _memory(site: GateBenchSite, cars: int, say: Say) -> list[Figure]:
    config = site.gate_config(EXIT)
    process = await _process("simulator.bench.passages", str(config), str(cars), piped=True)
    seen: list[tuple[int, float]] = []
    try:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            said = json.loads(line)
            seen.append((said["cars"], said["rss_mb"]))
            say(f"{said['cars']:,} cars have passed, {said['rss_mb']:g} MB")
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
    _check_passages(site, cars)
    if not seen:
        raise OperatorError("bench_failed", "the gate whose memory is watched did not start; see what it says above")
    warm = [rss_mb for passed, rss_mb in seen if passed >= WARM * cars]
    most = f"with the plate reader loaded and used, the most in {cars:,} passages; memory as in its unit file"
    grown = f"from passage {WARM * cars:,.0f} to {cars:,}: {warm[0]:g} to {warm[-1]:g} MB"
    return [
        Figure("rss_mb", max(rss_mb for _, rss_mb in seen), "MB", 400, "lower", most),
        Figure("rss_growth_mb", round(warm[-1] - warm[0], 1), "MB", 5, "lower", grown),
    ]


def _check_passages(site: GateBenchSite, cars: int) -> None:
    sql = "SELECT count(*) FROM fact WHERE unit = ? AND epoch > 1 AND kind = 'gate.passed/1'"
    with closing(sqlite3.connect(site.database(EXIT))) as store:
        [passed] = store.execute(sql, (EXIT,)).fetchone()
    if passed < cars:
        raise OperatorError("bench_failed", f"{cars} cars drove, and {passed} have passed")


def _paid(since_asked: Sequence[float], since_paid: Sequence[float]) -> Figure:
    note = (
        f"{len(since_asked)} bookings, from the request to pay, the bank's answers included, until the gate's own"
        f" database has it; median {_p(50, since_asked):g}; {_p(99, since_paid):g} p99 after central's answer (below 0:"
        " the gate knew first)"
    )
    return Figure("paid_to_usable_p99_ms", _p(99, since_asked), "ms", 300, "lower", note)


async def _process(*arguments: str, piped: bool = False, **more: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *DIES_WITH_US,
        *PYTHON,
        "-m",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE if piped else asyncio.subprocess.DEVNULL,
        stderr=None if piped else asyncio.subprocess.DEVNULL,
        env={**os.environ, **as_installed.GATE, **more},
        process_group=0,
    )


def _p(percent: int, *times: Sequence[float]) -> float:
    """The percentile of all of them, with three digits."""
    return float(f"{np.percentile(np.concatenate([np.asarray(some) for some in times]), percent):.3g}")
