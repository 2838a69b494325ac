"""The lot's tickets: what it has promised, signed, so that a gate can believe it with no network."""

from collections.abc import Callable
from dataclasses import replace

from cloud_sync.link.ticket import Ticket, TicketKey, verify
from domain.errors import BadInput
from hub.book import Reservation


class Tickets:
    """Signs with the lot's key; writes nothing down."""

    def __init__(self, lot_id: str, key: TicketKey, ticket_id: Callable[[], str]) -> None:
        """`ticket_id` makes the single-use ids."""
        self._lot_id = lot_id
        self._key = key
        self._ticket_id = ticket_id

    def read(self, text: str) -> Ticket:
        """The ticket that was signed here. Raises BadInput for anything else."""
        ticket = verify(text, {self._key.key_id: self._key.public_key})
        if ticket.lot_id != self._lot_id:
            raise BadInput("ticket_elsewhere", f"this is a ticket of {ticket.lot_id}")
        return ticket

    def issued_for(self, reservation: Reservation) -> Reservation:
        """The reservation with a ticket for the revision that comes next, which replaces all before it."""
        return self.signed_again(reservation, self._ticket_id(), reservation.revision + 1)

    def signed_again(self, reservation: Reservation, ticket_id: str, revision: int) -> Reservation:
        """The reservation with the ticket that it had at this revision: equal tickets have equal signatures."""
        ticket = Ticket(
            ticket_id=ticket_id,
            lot_id=self._lot_id,
            reservation_id=reservation.reservation_id,
            revision=revision,
            spot_id=reservation.spot_id,
            window=reservation.window,
            vehicle_type=reservation.vehicle_type,
            plate_mark=reservation.plate.mark,
        )
        return replace(reservation, ticket=self._key.sign(ticket), ticket_revision=revision, ticket_id=ticket_id)
