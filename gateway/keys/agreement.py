"""Key agreement on elliptic curves: what two parties have in common, each with the private half of one key.

The value is the x coordinate of the common point, as long as the curve's field (NIST SP 800-56A section 5.7.1.2), or
the result of the function of RFC 7748; nothing is hashed.
"""

from cryptography.hazmat.primitives.asymmetric import ec, x448, x25519

from gateway.errors import CryptographicFailure, InvalidField, InvalidObjectType
from gateway.keys.curves import PrivateKey, PublicKey

OTHER_CURVE = "the private and the public key are not on the same curve"


def shared_bytes(theirs: PublicKey) -> int:
    """Tell how long the value is that comes of an agreement with this public key.

    Raises:
        InvalidObjectType: there is none with such keys.
    """
    if isinstance(theirs, ec.EllipticCurvePublicKey):
        return (theirs.key_size + 7) // 8
    if isinstance(theirs, x25519.X25519PublicKey):
        return 32
    if isinstance(theirs, x448.X448PublicKey):
        return 56
    raise InvalidObjectType("this public key is not one for key agreement")


def shared(own: PrivateKey, theirs: PublicKey) -> bytes:
    """Give the value that comes of an agreement.

    Raises:
        InvalidField: the keys are on different curves.
        CryptographicFailure: the other party's key is one that makes every value the same.
    """
    try:
        if isinstance(own, ec.EllipticCurvePrivateKey) and isinstance(theirs, ec.EllipticCurvePublicKey):
            if own.curve.name != theirs.curve.name:
                raise InvalidField(OTHER_CURVE)
            return own.exchange(ec.ECDH(), theirs)
        if isinstance(own, x25519.X25519PrivateKey) and isinstance(theirs, x25519.X25519PublicKey):
            return own.exchange(theirs)
        if isinstance(own, x448.X448PrivateKey) and isinstance(theirs, x448.X448PublicKey):
            return own.exchange(theirs)
    except ValueError:
        raise CryptographicFailure("there is no agreement with this public key") from None
    raise InvalidField(OTHER_CURVE)
