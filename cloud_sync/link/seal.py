"""Sealing plates: AES-256-GCM to open them again, HMAC-SHA-256 to find them without opening. And pictures of them.

All keys are derived from one 32-byte key a lot (HKDF, RFC 5869). Whoever has the lot's key can open its plates: that
is the hub, its gates, and central, which seals a booking's plate for the lot that it is for.
"""

import hashlib
import hmac
import os
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from domain.errors import OperatorError, PeerError
from domain.plate import Plate, SealedPlate

KEY_BYTES = 32
_NONCE_BYTES = 12
_WANTED = f"a plate key is {KEY_BYTES} bytes in hexadecimal: openssl rand -hex {KEY_BYTES}"


class Seal:
    """Seals and opens the plates of one key's holder."""

    def __init__(self, key: bytes, nonce: Callable[[int], bytes] | None = None) -> None:
        """`nonce` draws so many bytes; the operating system does where none is given."""
        if len(key) != KEY_BYTES:
            raise OperatorError("plate_key_invalid", _WANTED)
        self._key = key
        self._aead = AESGCM(_derive(key, b"gatehouse plate box"))
        self._mark_key = _derive(key, b"gatehouse plate mark")
        self._nonce = nonce or os.urandom

    @classmethod
    def from_hex(cls, key: str) -> "Seal":
        """The seal of a key as its file holds it. Raises OperatorError where that is no 32 bytes in hexadecimal."""
        try:
            return cls(bytes.fromhex(key))
        except ValueError:
            raise OperatorError("plate_key_invalid", _WANTED) from None

    def seal(self, plate: Plate) -> SealedPlate:
        nonce = self._nonce(_NONCE_BYTES)
        box = nonce + self._aead.encrypt(nonce, plate.open.encode(), None)
        return SealedPlate(box.hex(), self.mark(plate))

    def mark(self, plate: Plate) -> str:
        """What equal plates have in common (O and 0, I and 1 being equal), and tells nothing without the key."""
        return hmac.new(self._mark_key, plate.folded.encode(), hashlib.sha256).hexdigest()

    def open(self, sealed: SealedPlate) -> Plate:
        """Raises PeerError for what was sealed with another key, or altered."""
        try:
            box = bytes.fromhex(sealed.box)
            return Plate(self._aead.decrypt(box[:_NONCE_BYTES], box[_NONCE_BYTES:], None).decode())
        except (InvalidTag, ValueError) as error:
            raise PeerError("seal_broken", "a sealed plate does not open with this lot's plate key") from error

    def seal_bytes(self, content: bytes, salt: bytes) -> bytes:
        """Seal what opens with this lot's key and this `salt` only: without it, nobody opens it any more."""
        nonce = self._nonce(_NONCE_BYTES)
        return nonce + self._salted(salt).encrypt(nonce, content, None)

    def open_bytes(self, sealed: bytes, salt: bytes) -> bytes:
        """Raises PeerError for what was sealed with another key or salt, or altered."""
        try:
            return self._salted(salt).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
        except (InvalidTag, ValueError) as error:
            raise PeerError("seal_broken", "what was sealed does not open with this lot's plate key") from error

    def _salted(self, salt: bytes) -> AESGCM:
        return AESGCM(_derive(self._key, b"gatehouse picture", salt))


def _derive(key: bytes, purpose: bytes, salt: bytes | None = None) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=salt, info=purpose).derive(key)
