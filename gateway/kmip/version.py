"""Protocol versions (KMIP 2.1 section 8.21 Protocol Version)."""

from typing import NamedTuple


class Version(NamedTuple):
    """A protocol version; versions compare in the order in which they came out."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


V1_0 = Version(1, 0)
V1_1 = Version(1, 1)
V1_2 = Version(1, 2)
V1_3 = Version(1, 3)
V1_4 = Version(1, 4)
V2_0 = Version(2, 0)
V2_1 = Version(2, 1)
V3_0 = Version(3, 0)

# Newest first: Discover Versions answers in the server's order of preference (KMIP 2.1 section 6.1.15).
SUPPORTED = (V2_1, V2_0, V1_4, V1_3, V1_2, V1_1, V1_0)
