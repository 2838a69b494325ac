"""What a ticket says at this gate: verified with the lot's public keys and no network, then held against the replica.

A ticket that verifies is believed also where this gate has never heard of the reservation: it was booked after the gate
was cut off. What the replica knows better (a newer revision, a used ticket, a car inside) comes first.
"""

from cloud_sync.link.ticket import Ticket, issuer_claimed, verify
from domain.admission import Decision, Reason, Right, Verdict
from domain.errors import BadInput
from domain.reservation import Status
from gate_firmware.replica import Replica


class Tickets:
    """Reads the tickets of one lot."""

    def __init__(self, lot_id: str, replica: Replica) -> None:
        self._lot_id = lot_id
        self._replica = replica

    def verified(self, text: str) -> Ticket | Decision:
        """The ticket in a code's text, or the refusal of what is none of this lot."""
        try:
            ticket = verify(text, self._replica.ticket_keys())
        except BadInput:
            claimed = issuer_claimed(text)
            elsewhere = claimed is not None and claimed != self._lot_id
            return Decision(Verdict.REFUSE, Reason.TICKET_ELSEWHERE if elsewhere else Reason.TICKET_INVALID)
        return ticket if ticket.lot_id == self._lot_id else Decision(Verdict.REFUSE, Reason.TICKET_ELSEWHERE)

    def right(self, ticket: Ticket) -> Right:
        """The right that the ticket proves; as the replica knows it, where that is not older than the ticket."""
        known = self._replica.right(ticket.reservation_id)
        if known is not None and known.revision >= ticket.revision:
            return known
        return Right(
            reservation_id=ticket.reservation_id,
            revision=ticket.revision,
            status=Status.CONFIRMED,
            spot_id=ticket.spot_id,
            window=ticket.window,
            vehicle_type=ticket.vehicle_type,
            plate=None if known is None else known.plate,
        )

    def spent(self, ticket: Ticket, right: Right) -> Decision | None:
        """The refusal of a ticket that lets nobody in any more, whatever becomes of its reservation."""
        if self._replica.confirmed_revision(ticket.reservation_id) > ticket.revision:
            return Decision(Verdict.REFUSE, Reason.TICKET_REPLACED, right)
        if self._replica.is_used(ticket.ticket_id):
            return Decision(Verdict.REFUSE, Reason.TICKET_USED, right)
        return None
