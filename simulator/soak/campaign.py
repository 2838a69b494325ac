"""A campaign of kills on a running site, and then the audit of what it left.

Each round is one driver's visit during which one process dies: at a random instant, or at one of its own boundaries.
The visits go in every manner in turn: a car is known by its plate, a code, an id or from a phone, or does not come.
All rounds happen on the same site, so that what one of them has broken is met by the next.
"""

import asyncio
import os
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx

from simulator.account import BY_HAND
from simulator.demo import provider
from simulator.demo.audit import CHECKS, Finding, Kept
from simulator.demo.configuration import IN_HASTE, OPERATOR_EMAIL, LotSite
from simulator.demo.driver import Driver, Operator
from simulator.demo.site import PYTHON, Ports, Site
from simulator.demo.steps import HTTP_S
from simulator.demo.street import Street
from simulator.demo.supervisor import Supervisor
from simulator.demo.timeline import StepFailed
from simulator.ports import free_ports
from simulator.soak.driver import Manner, PatientDriver
from simulator.soak.dying import ARM, Boundary
from simulator.street.plates import draw_plate

KINDS = ("gate", "hub", "central", "broker")
TIMES = 4
"""How often a unit comes to each of its boundaries on a visit, at least; it dies at one of these times."""
ANSWERS = {"hub": 2, "gate": 1}
"""How often it is asked something."""
LOOK_EVERY_S = 0.5
SETTLE_LOOKS_MAX = 240

# A gate that is killed looks at the same car again, so that its passages are not one for each car.
AUDITED = tuple(check for name, check in CHECKS.items() if name != "plates-decided")


@dataclass(frozen=True, slots=True)
class Round:
    """Which kind of process dies, at which boundary (without one at a random instant), in what kind of visit."""

    kind: str
    boundary: Boundary | None = None
    manner: Manner = Manner.BY_PLATE

    def __str__(self) -> str:
        return f"{self.kind} {'at random' if self.boundary is None else self.boundary.value}, {self.manner.value}"


def rounds(kills: int, kinds: Iterable[str] = KINDS) -> list[Round]:
    """`kills` at random instants of each kind, and one at each boundary of those that are ours."""
    wanted, manners = list(kinds), list(Manner)
    at_random = [Round(kind, None, manners[number % len(manners)]) for kind in wanted for number in range(kills)]
    return [
        *at_random,
        *(
            Round(kind, boundary, _manner(boundary))
            for kind in wanted
            if kind != "broker"
            for boundary in _boundaries(kind)
        ),
    ]


def _boundaries(kind: str) -> list[Boundary]:
    """Central answers over HTTP, of which it dies at random instants."""
    return [boundary for boundary in Boundary if boundary is not Boundary.BEFORE_ANSWER or kind != "central"]


def _manner(boundary: Boundary) -> Manner:
    """A visit that comes to this boundary: gates are asked only from a phone."""
    return Manner.BY_PHONE if boundary is Boundary.BEFORE_ANSWER else Manner.BY_PLATE


async def campaign(folder: Path, seed: int, plan: list[Round], say: Callable[[str], None]) -> list[Finding]:
    """Play every round on a site in `folder`, in an order drawn from `seed`; returns what the audit finds.

    Raises StepFailed where a visit does not come to its end.
    """
    rng = random.Random(seed)  # noqa: S311  a plan, not a secret
    first = free_ports(7)[0]
    site = Site(folder, rng, Ports(first, first + 1, first + 3), IN_HASTE)
    street = Street(folder / "frames", folder.with_name(f"{folder.name}.street.jsonl"), "car", seed)
    plan = rng.sample(plan, len(plan))
    async with Supervisor() as supervisor, httpx.AsyncClient(base_url=site.central.url, timeout=HTTP_S) as http:
        units = site.write()
        for unit in units:
            supervisor.add(unit)
        ours = [unit.name for unit in units if unit.name != "bank" and not unit.name.endswith(".broker")]
        await supervisor.start(*(unit.name for unit in units if unit.name not in ours))
        await supervisor.start(*ours)
        play = _Rounds(site, supervisor, street, http, rng)
        for manner in {one.manner: None for one in plan if one.boundary is None}:
            say(f"undisturbed, {manner.value}: {await play.undisturbed(manner):.1f} s")
        for number, one in enumerate(plan, 1):
            say(f"{number}/{len(plan)} {one}: {await play.one(one, number)}")
        await _settled(folder)
    kept = Kept(folder)
    findings = [finding for check in AUDITED for finding in check(kept)]
    return [*findings, *_refunds_by_hand(site.provider_record, play.visits)]


def _refunds_by_hand(record: Path, visits: int) -> Iterator[Finding]:
    """Each visit's complaint was paid once, however often it was sent."""
    by_hand = [
        one.reservation_id for all_moved in provider.moved(record).values() for one in all_moved if one.kind in BY_HAND
    ]
    if len(by_hand) != visits or len(set(by_hand)) != visits:
        yield Finding("money-adds-up", f"{len(by_hand)} refunds by hand of {len(set(by_hand))} visits, not {visits}")


class _Rounds:
    """Plays rounds on one site."""

    def __init__(
        self, site: Site, supervisor: Supervisor, street: Street, http: httpx.AsyncClient, rng: random.Random
    ) -> None:
        self._site = site
        self._supervisor = supervisor
        self._street = street
        self._http = http
        self._rng = rng
        self.visits = 0
        self._visit_s: dict[Manner, float] = {}
        self._operator = Operator(http)

    async def undisturbed(self, manner: Manner) -> float:
        """How long such a visit takes with nothing in its way; kills are drawn from that long."""
        driver, began = await self._driver(manner), time.monotonic()
        await driver.visit(self._lot(manner, 0))
        self._visit_s[manner] = time.monotonic() - began
        return self._visit_s[manner]

    async def one(self, planned: Round, number: int) -> str:
        """One visit, and one death in it; what was seen, in words."""
        lot = self._lot(planned.manner, number)
        victim = self._victim(planned.kind, lot, number)
        driver, began = await self._driver(planned.manner), time.monotonic()
        if planned.boundary is None:
            how = await self._killed(victim, self._rng.uniform(0, self._visit_s[planned.manner]), driver, lot)
        else:
            times = TIMES if planned.boundary is not Boundary.BEFORE_ANSWER else ANSWERS[planned.kind]
            how = await self._dying(victim, planned.boundary, self._rng.randint(1, times), driver, lot)
        return f"{how}; the visit took {time.monotonic() - began:.1f} s"

    async def _killed(self, victim: str, at_s: float, driver: PatientDriver, lot: LotSite) -> str:
        visit = asyncio.create_task(driver.visit(lot))
        await asyncio.sleep(at_s)
        doing = driver.doing
        await self._supervisor.kill(victim)
        await visit
        await self._supervisor.wait_ready(victim)
        return f"{victim} killed {at_s:.2f} s into it, while {doing}"

    async def _dying(self, victim: str, boundary: Boundary, count: int, driver: PatientDriver, lot: LotSite) -> str:
        ordinary = self._supervisor.command(victim)
        wrapper = (*PYTHON, "-m", "simulator.soak.dying", boundary.value, str(count))
        self._supervisor.next_run(victim, (*wrapper, *ordinary[ordinary.index("gatehouse") + 1 :]))
        await self._supervisor.kill(victim)
        await self._supervisor.wait_ready(victim)
        dying = self._supervisor.process_id(victim)
        assert dying is not None, "it is ready"
        os.kill(dying, ARM)
        visit = asyncio.create_task(driver.visit(lot))
        doing = driver.doing
        while not visit.done() and self._supervisor.process_id(victim) == dying:
            doing = driver.doing
            await asyncio.sleep(0.02)
        died = self._supervisor.process_id(victim) != dying
        await visit
        if not died:
            raise StepFailed(f"{victim} never came to {boundary.value} for the {count}. time")
        await self._supervisor.wait_ready(victim)
        return f"{victim} died at {boundary.value} no. {count}, while {doing}"

    def _victim(self, kind: str, lot: LotSite, number: int) -> str:
        match kind:
            case "gate":
                return lot.gate("entry" if number // 2 % 2 else "exit").gate_id
            case "hub":
                return lot.lot_id
            case "broker":
                return f"{lot.lot_id}.broker" if number // 2 % 2 else "central.broker"
            case _:
                return kind

    def _lot(self, manner: Manner, number: int) -> LotSite:
        """The lots in turn; who does not come, does not come to where a spot is given up the soonest."""
        if manner is Manner.NOBODY_COMES:
            return min(self._site.lots, key=lambda lot: lot.grace_s)
        return self._site.lots[number % len(self._site.lots)]

    async def _driver(self, manner: Manner) -> PatientDriver:
        if not self._operator.headers:
            await self._operator.log_in(OPERATOR_EMAIL, self._site.operator_password)
        self.visits += 1
        driver = Driver(self._http, f"robin-{uuid4().hex}", draw_plate(self._rng))
        await driver.sign_up(uuid4().hex)
        return PatientDriver(self._http, self._street, driver, self._operator, manner)


async def _settled(folder: Path) -> None:
    """Wait until every log is where it belongs; what is still missing then is for the audit to tell."""
    for _ in range(SETTLE_LOOKS_MAX):
        if not list(CHECKS["no-lost-fact"](Kept(folder))):
            return
        await asyncio.sleep(LOOK_EVERY_S)
