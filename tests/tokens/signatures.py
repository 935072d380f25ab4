"""Valid tokens whose signature was changed."""

from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from jwt.utils import base64url_decode

from tests.support.keys import ALGORITHMS
from tests.tokens.specimen import Specimen, claims, encode, seal

ELLIPTIC = {"ES256": 32, "ES384": 48, "ES512": 66}


def specimens() -> Iterator[Specimen]:
    """Yield all tokens of this kind."""
    for algorithm in ("HS256", *ALGORITHMS):
        parts, _, written = seal(algorithm=algorithm).rpartition(".")
        signature = base64url_decode(written)
        for name, changed in _changes(signature):
            yield Specimen(f"{algorithm}: {name}", f"{parts}.{encode(changed)}")
        other = seal(claims(sub="eve"), algorithm=algorithm).rpartition(".")[2]
        yield Specimen(f"{algorithm}: of other claims", f"{parts}.{other}")
        swapped = seal(claims(sub="ada"), algorithm=algorithm).split(".")
        token = f"{parts.partition('.')[0]}.{swapped[1]}.{written}"
        yield Specimen(f"{algorithm}: claims that were exchanged", token)
    for algorithm, size in ELLIPTIC.items():
        parts, _, written = seal(algorithm=algorithm).rpartition(".")
        signature = base64url_decode(written)
        for name, changed in _elliptic(signature, size):
            yield Specimen(f"{algorithm}: {name}", f"{parts}.{encode(changed)}")


def _changes(signature: bytes) -> Iterator[tuple[str, bytes]]:
    yield "no signature", b""
    for place in (0, len(signature) // 2, len(signature) - 1):
        flipped = bytes([signature[place] ^ 1])
        yield f"a bit of byte {place}", signature[:place] + flipped + signature[place + 1 :]
    yield "half of it", signature[: len(signature) // 2]
    yield "a byte less", signature[:-1]
    yield "a byte more", signature + b"\0"
    yield "twice", signature * 2
    yield "backwards", signature[::-1]
    yield "zeros", bytes(len(signature))
    yield "ones", b"\xff" * len(signature)


def _elliptic(signature: bytes, size: int) -> Iterator[tuple[str, bytes]]:
    r, s = signature[:size], signature[size:]
    zero, one = bytes(size), (1).to_bytes(size, "big")
    numbers = int.from_bytes(r, "big"), int.from_bytes(s, "big")
    yield "r of 0", zero + s
    yield "s of 0", r + zero
    yield "r and s of 1", one + one
    yield "r and s exchanged", s + r
    yield "in DER", encode_dss_signature(*numbers)
    yield "with a leading zero each", b"\0" + r + b"\0" + s
