"""Central's ledger, held against what the bank says that it did."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from simulator.account import BY_HAND, Moved


def wrong(rows: Callable[[str], Sequence[sqlite3.Row]], moved: Mapping[str, Sequence[Moved]]) -> Iterator[str]:
    """Where the ledger does not balance, does not tell what the bank did, or money went back that nobody asked for.

    `rows` asks central's database, `moved` is the bank's record by reservation.
    """
    for row in rows("SELECT posting, sum(amount_minor) AS off FROM ledger GROUP BY posting HAVING off <> 0"):
        yield f"posting {row['posting']} is off by {row['off']}"
    booked = rows(
        "SELECT reservation_id, sum(ledger.amount_minor) AS minor FROM ledger JOIN movements USING (movement_id)"
        " WHERE account = 'bank' GROUP BY reservation_id"
    )
    in_ledger = {row["reservation_id"]: row["minor"] for row in booked}
    at_bank = {
        reservation_id: sum(-one.minor if one.is_refund else one.minor for one in all_moved)
        for reservation_id, all_moved in moved.items()
    }
    for reservation_id in sorted(at_bank.keys() | in_ledger.keys()):
        said, did = in_ledger.get(reservation_id, 0), at_bank.get(reservation_id, 0)
        if said != did:
            yield f"{reservation_id}: the ledger has {said} at the bank, the bank {did}"
    by_hand = rows("SELECT reservation_id, amount_minor FROM movements WHERE kind = 'manual'")
    asked = Counter((row["reservation_id"], row["amount_minor"]) for row in by_hand)
    paid = Counter(
        (one.reservation_id, one.minor) for all_moved in moved.values() for one in all_moved if one.kind in BY_HAND
    )
    if paid - asked:
        yield f"paid back by hand, and nobody asked: {sorted(paid - asked)}"
