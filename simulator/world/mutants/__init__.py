"""Deliberate faults, each a patch of product code, that the checkers must find: proof that they bite.

Each is a mistake that somebody could make, as small as it can be. `gatehouse simulate --mutant FILE.patch` plays a
campaign on source that is changed so.
"""

from dataclasses import dataclass
from pathlib import Path

SEEDS_MAX = 200
"""A mutant must be caught by one of so many seeds, from 0 on."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """`by` are the invariants of which one at least must be found broken; `seed` is known to do it.

    Many share a seed, one with a single lot and few cars: it is quick, and is played unchanged once for all of them.
    """

    name: str
    by: frozenset[str]
    seed: int = 0
    hours: int = 4
    faults: str = "all"

    @property
    def patch(self) -> Path:
        return Path(__file__).with_name(f"{self.name}.patch")


def _mutant(name: str, *by: str, seed: int = 31, hours: int = 4, faults: str = "none") -> Mutant:
    return Mutant(name, frozenset(by), seed, hours, faults)


FAULTS = "loss,duplicates,reorder,delay,partition,broker,crash,power-cut,clock,bank,camera"

MUTANTS = (
    _mutant("fee_without_the_mark", "no-false-no-show", hours=1),
    _mutant("release_without_grace", "no-false-no-show", hours=1),
    _mutant("hold_without_expiry", "converges", seed=66, hours=1),
    _mutant("decision_not_stored", "barrier-clear", hours=1),
    _mutant("exit_asks_who_it_is", "inside-gets-out"),
    _mutant("spot_granted_twice", "one-spot-one-car", seed=66, hours=2),
    _mutant("plate_in_the_log", "plates-sealed", hours=1),
    _mutant("nobody_comes_early", "paid-gets-in", hours=1),
    _mutant("close_without_looking_at_the_loop", "barrier-clear", seed=88, hours=2),
    _mutant("refund_without_cause", "money-adds-up", seed=2, faults=FAULTS),
    _mutant("capture_before_confirm", "money-adds-up", seed=3, faults=FAULTS),
    _mutant("payment_not_told", "converges", hours=1),
    _mutant("overstay_not_charged", "money-adds-up", seed=139),
    _mutant("fee_kept_from_who_came_late", "money-adds-up", hours=1),
    _mutant("no_dedupe", "no-lost-fact", seed=66, faults=FAULTS),
    _mutant("cursor_outside_the_transaction", "converges", "no-lost-fact", seed=7, hours=6, faults="crash,power-cut"),
    _mutant("ticket_revision_ignored", "barrier-clear", seed=66),
    _mutant("ack_before_commit", "converges", "barrier-clear", "no-lost-fact", faults="power-cut"),
    _mutant("fence_ignored", "converges", faults="clone"),
    _mutant(
        "decision_waits_for_the_link", "gate-never-waits", "paid-gets-in", seed=66, hours=2, faults="partition,broker"
    ),
    _mutant("replay_off_by_one", "no-lost-fact", hours=1, faults=FAULTS),
    _mutant("epoch_ignored", "converges", seed=35, hours=1, faults="clone,crash,power-cut"),
    _mutant("snapshot_without_version", "converges", seed=97, hours=3, faults="clone,crash,power-cut,restore"),
    _mutant("after_cancel_not_billed", "money-adds-up", seed=23, faults="partition"),
)
