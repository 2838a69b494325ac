"""The ticket: a reservation that a gate can believe with no network.

A CWT (RFC 8392) in COSE_Sign1 with Ed25519, in base45 (RFC 9285) so that it makes a small QR code, as the EU health
certificates were. The claims use numbers below -65536, which RFC 8392 leaves to private use.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import base45
import cbor2
import cwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cwt import COSEKey

from domain.errors import BadInput
from domain.ids import is_unit_id
from domain.spot import VehicleType
from domain.window import Window

PLATE_MARK_BYTES = 8
"""Of the plate's HMAC, how much the ticket carries: enough to tell a lot's cars apart, too little to search for one."""

TEXT_SIGNS = range(100, 1_001)
"""How long a ticket's text can be: a sign's code carries less, and a longer text makes no code that a camera reads."""

_BASE45 = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")
_ISSUER, _EXPIRES, _NOT_BEFORE, _TICKET_ID = 1, 4, 5, 7
_RESERVATION, _REVISION, _SPOT, _VEHICLE, _PLATE_MARK = -70001, -70002, -70003, -70004, -70005


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a lot's hub has promised; `ticket_id` lets it be used once."""

    ticket_id: str
    lot_id: str
    reservation_id: str
    revision: int
    spot_id: str
    window: Window
    vehicle_type: VehicleType
    plate_mark: str


class TicketKey:
    """A lot's private signing key."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        public = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.public_key = public.hex()
        self.key_id = self.public_key[:8]
        self._key = COSEKey.from_pem(
            private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
            kid=self.key_id.encode(),
        )

    def sign(self, ticket: Ticket) -> str:
        """The ticket as the text of a QR code."""
        claims: dict[int, Any] = {
            _ISSUER: ticket.lot_id,
            _NOT_BEFORE: int(ticket.window.start.timestamp()),
            _EXPIRES: int(ticket.window.end.timestamp()),
            _TICKET_ID: ticket.ticket_id.encode(),
            _RESERVATION: ticket.reservation_id,
            _REVISION: ticket.revision,
            _SPOT: ticket.spot_id,
            _VEHICLE: ticket.vehicle_type.value,
            _PLATE_MARK: bytes.fromhex(ticket.plate_mark)[:PLATE_MARK_BYTES],
        }
        # Not with `cwt.encode`: it would add when the ticket was issued, by a clock of its own.
        cose = cwt.COSE.new(alg_auto_inclusion=True, kid_auto_inclusion=True)
        signed: bytes = cose.encode_and_sign(cbor2.dumps(claims), self._key)
        return str(base45.b45encode(signed).decode())


def looks_like_ticket(text: str) -> bool:
    """Whether a code's text may be a ticket, of whatever lot: then it is worth telling its bearer what is wrong."""
    return len(text) in TEXT_SIGNS and _BASE45.issuperset(text)


def issuer_claimed(text: str) -> str | None:
    """The lot that a ticket says it is of, without any proof: only to tell a driver where to go with it."""
    try:
        _, _, payload, _ = cbor2.loads(base45.b45decode(text)).value
        issuer = cbor2.loads(payload).get(_ISSUER)
    except Exception:  # anybody may print such a code, and no parser has promised what it raises
        return None
    return issuer if isinstance(issuer, str) and is_unit_id(issuer) else None


def verify(text: str, public_keys: dict[str, str]) -> Ticket:
    """The ticket that a QR code's text carries, if one of `public_keys` (key id to hexadecimal) signed it.

    Windows are not compared with any clock here. Raises BadInput for anything that is not such a ticket.
    """
    keys = [
        COSEKey.new({1: 1, -1: 6, -2: bytes.fromhex(public), 2: key_id.encode(), 3: -8})
        for key_id, public in public_keys.items()
    ]
    try:
        # The library would compare nbf and exp with the system's clock; a gate's clock has a trust of its own.
        payload = cwt.COSE.new(alg_auto_inclusion=False).decode(base45.b45decode(text), keys)
        return _ticket(payload)
    except Exception as error:  # anybody may print such a code, and no parser has promised what it raises
        raise BadInput("ticket_invalid", "this is no valid ticket of this lot") from error


def _ticket(payload: bytes) -> Ticket:
    claims = cbor2.loads(payload)
    return Ticket(
        ticket_id=claims[_TICKET_ID].decode(),
        lot_id=claims[_ISSUER],
        reservation_id=claims[_RESERVATION],
        revision=claims[_REVISION],
        spot_id=claims[_SPOT],
        window=Window(
            datetime.fromtimestamp(claims[_NOT_BEFORE], UTC),
            datetime.fromtimestamp(claims[_EXPIRES], UTC),
        ),
        vehicle_type=VehicleType(claims[_VEHICLE]),
        plate_mark=claims[_PLATE_MARK].hex(),
    )
