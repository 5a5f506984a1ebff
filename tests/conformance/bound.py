"""What a replay knows so far: the values of placeholders, what was sent, which outputs are the server's choice."""

from xml.etree.ElementTree import Element

from tests.conformance.cases import Case
from tests.wire.trees import Node
from tests.wire.xmlcases import DATES, Bindings

# After these, key material and what is computed with it is not what the file has.
MAKING = {"Certify", "Create", "CreateKeyPair", "ReKey", "ReKeyKeyPair", "RNGRetrieve", "CreateSplitKey"}
# With these, the same key and data give another output each time.
DRAWN = {"PSS", "OAEP", "ECDSA", "EC"}
# What a server computes with a key.
COMPUTED = {"AuthenticatedEncryptionTag", "Data", "IVCounterNonce", "MACData", "SignatureData"}
STREAM = "CORRELATION_VALUE"
# What a server makes: keys, their parts in transparent formats, what follows from them.
MADE = {
    "CRTCoefficient",
    "CertificateLength",
    "CertificateSerialNumber",
    "CertificateValue",
    "D",
    "DigestValue",
    "IssuerDistinguishedName",
    "KeyMaterial",
    "KeyValue",
    "Modulus",
    "P",
    "PrimeExponentP",
    "PrimeExponentQ",
    "PrivateExponent",
    "Q",
    "QString",
    "SerialNumber",
}


class Bound(Bindings):
    """The placeholders of one replay; a copy can be tried on a candidate and thrown away."""

    def __init__(self, now: int, free: set[str], slack: int = 0) -> None:
        """`free` are the outputs in which chance is; `slack`, in seconds, is for a clock that runs."""
        super().__init__(now)
        self.free = free
        self.slack = slack
        self.sent: set[str] = set()
        self.moments: set[int] = set()
        self.replaced: dict[str, str] = {}
        self.latest: dict[str, str] = {}

    def trial(self) -> "Bound":
        """Give a copy."""
        copy = Bound(self.now, self.free, self.slack)
        copy.sent, copy.moments = self.sent, self.moments
        copy.learn(self)
        return copy

    def learn(self, other: "Bound") -> None:
        """Take over what a trial found out."""
        self.update(other)
        self.replaced.update(other.replaced)
        self.latest.update(other.latest)

    def __missing__(self, name: str) -> str:
        """Take the last value of the name's kind: an unnamed `$DATA_0` is the Data of the response before.

        `$TICKET_VALUE` is the last of the numbered ones where none was bound by this name (TC-DLOGIN-10 and -13).
        """
        numbered = [each for each in self if each.startswith(f"{name}_")]
        if numbered:
            return self[numbered[-1]]
        kind = name.rstrip("0123456789_").replace("_", "").lower()
        return self.latest[kind] if kind in self.latest else super().__missing__(name)

    def text(self, element: Element) -> str:
        """Give an element's value; what the file has of an earlier output is what the gateway gave instead."""
        value = super().text(element)
        return self.replaced.get(value.lower(), value)

    def note_request(self, element: Element, refused: bool = False) -> None:
        """Remember what a request says, which a response then has to repeat; one that is refused fixes no dates."""
        if any(each.get("value") == "true" for each in element.iter("InitIndicator")):
            self.pop(STREAM, None)  # each stream of a file has its own, under one name
        for each in element.iter():
            value = each.get("value")
            if value is None:
                continue
            self.sent.add(self.text(each).lower())
            if each.get("type") in DATES and not refused:
                self.moments.add(self.moment(value))

    def note_output(self, tag: str, node: Node) -> None:
        """Remember an output as the latest of its kind."""
        if tag in COMPUTED and isinstance(node.value, bytes):
            self.latest[tag.lower()] = node.value.hex()

    def is_free(self, element: Element, means: str) -> bool:
        """Tell whether an output of the file may come out differently: no client has sent it, and chance is in it."""
        return not self.free.isdisjoint((element.tag, means)) and self.text(element).lower() not in self.sent

    def is_fixed(self, element: Element) -> bool:
        """Tell whether a date is one that a request has fixed; all others are the server's."""
        return self.moment(element.get("value", "")) in self.moments

    def near(self, element: Element, node: Node) -> bool:
        """Tell whether a date is the expected one, give or take the slack of a clock that runs."""
        assert isinstance(node.value, bytes)
        unit = DATES[element.get("type", "")]
        expected = self.moment(element.get("value", ""))
        return abs(int.from_bytes(node.value, "big", signed=True) - expected * unit) <= self.slack * unit


def bound(chain: list[Case], now: int, slack: int = 0, *, made: bool = False) -> Bound:
    """Give the placeholders at the beginning of one of these cases, which build on each other.

    `made` says that the server has made keys before.
    """
    free = MADE | COMPUTED if made else set()
    for case in chain:
        if case.operations & MAKING:
            free |= MADE | COMPUTED
        elif _draws(case):
            free |= COMPUTED
    return Bound(now, free, slack)


def _draws(case: Case) -> bool:
    """Tell whether a case asks for anything that is another each time."""
    values = (each for step in case.steps for each in step.element.iter())
    return any(
        each.get("value") in DRAWN or (each.tag == "RandomIV" and each.get("value") == "true") for each in values
    )
