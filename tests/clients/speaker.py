"""A client that speaks by the traces of others, and the payloads that many of them have in common, in 1.x."""

from gateway.kmip.enums import ResultReason, ResultStatus
from tests.clients.traces import attribute, decode, encode, item, message, nest

SUCCESS, FAILED = int(ResultStatus.SUCCESS), int(ResultStatus.OPERATION_FAILED)
CONTINUE = "BatchErrorContinuationOption Enumeration Continue"
AES_256 = (
    attribute("Cryptographic Algorithm", "Enumeration CryptographicAlgorithm.AES"),
    attribute("Cryptographic Length", "Integer 256"),
)
TO_ENCRYPT = attribute("Cryptographic Usage Mask", "Integer 12")


class Speaker:
    """A client of one version that sends one operation a message, with the header that it always sends."""

    def __init__(self, client, version, *header):
        self.client, self.version, self.header = client, version, header

    def send(self, *items, header=()):
        """Send a message and give the response."""
        return decode(self.client.send(encode(message(self.version, *items, header=(*self.header, *header)))))

    def ask(self, operation, *payload):
        """Ask for one operation, and give the payload of its success."""
        answer = self.send(item(operation, *payload))
        assert answer.values("ResultStatus") == [SUCCESS], answer.values("ResultMessage")
        (found,) = answer.all("ResponsePayload")
        return found

    def refused(self, operation, *payload):
        """Ask for one operation that fails, and give its reason."""
        answer = self.send(item(operation, *payload))
        assert answer.values("ResultStatus") == [FAILED]
        return ResultReason(answer.value_of("ResultReason"))

    def make(self, operation, *payload):
        """Make an object, and give its unique identifier."""
        return self.ask(operation, *payload).value_of("UniqueIdentifier")


def meant(uid):
    return f"UniqueIdentifier TextString {uid}"


def end(speaker, uid, why):
    """Revoke an object and destroy it."""
    speaker.ask("Revoke", meant(uid), nest("RevocationReason", f"RevocationReasonCode Enumeration {why}"))
    speaker.ask("Destroy", meant(uid))
    assert uid not in speaker.ask("Locate").values("UniqueIdentifier")


def create(*attributes, algorithm=AES_256, mask=TO_ENCRYPT):
    """Give the payload of a Create in 1.x."""
    return "ObjectType Enumeration SymmetricKey", nest("TemplateAttribute", *algorithm, mask, *attributes)


def secret(material, *attributes, kind="Password", mask="2"):
    """Give the payload of a Register of Secret Data in 1.x."""
    block = nest("KeyBlock", "KeyFormatType Enumeration Opaque", nest("KeyValue", f"KeyMaterial ByteString {material}"))
    return (
        "ObjectType Enumeration SecretData",
        nest("TemplateAttribute", attribute("Cryptographic Usage Mask", f"Integer {mask}"), *attributes),
        nest("SecretData", f"SecretDataType Enumeration {kind}", block),
    )


def shown(payload):
    """Give the attributes in a response of 1.x by their names."""
    return {
        each.value_of("AttributeName"): each.all("AttributeValue")[0].value
        for each in payload.all("Attribute")
        if each.type == "Structure"
    }
