"""What clients of each JSON dialect send, and what they look for: the shapes are theirs, the values made up here."""

from typing import Any


def node(tag: str, value: Any, type_: str = "Structure") -> dict[str, Any]:
    """Give an item as JSON has it."""
    return {"tag": tag, "type": type_, "value": value}


def strip_types(item: Any) -> Any:
    """Leave out the type of structures, as 5.x clients do."""
    if not isinstance(item, dict) or item.get("type") != "Structure":
        return item
    return {"tag": item["tag"], "value": [strip_types(each) for each in item["value"]]}


def text_string(tag: str, value: str) -> dict[str, Any]:
    return node(tag, value, "TextString")


def enumeration(tag: str, value: str) -> dict[str, Any]:
    return node(tag, value, "Enumeration")


def bytes_(tag: str, value: str) -> dict[str, Any]:
    return node(tag, value, "ByteString")


def shape(item: dict[str, Any]) -> Any:
    """Give an item's tag, with what a structure holds or with the type of another item."""
    if item["type"] != "Structure":
        return item["tag"], item["type"]
    return item["tag"], [shape(each) for each in item["value"]]


# The page that the project began with prints a request of this kind: commas before closing brackets, one bracket
# missing at the end of the second item, and items in a BatchItem.
PAGE_REQUEST = b"""{
  "tag": "RequestMessage", "type": "Structure", "value": [ {
    "tag": "Header", "type": "Structure", "value": [ {
      "tag": "ProtocolVersion", "type": "Structure", "value": [
        { "tag": "ProtocolVersionMajor", "type": "Integer", "value": 2, },
        { "tag": "ProtocolVersionMinor", "type": "Integer", "value": 1, },
      ]
    },
    { "tag": "MaximumResponseSize", "type": "Integer", "value": 4000, },
    { "tag": "BatchCount", "type": "Integer", "value": 2, } ]
  }, {
    "tag": "BatchItem", "type": "Structure", "value": [ {
      "tag": "Items", "type": "Structure", "value": [
        { "tag": "Operation", "type": "Enumeration", "value": "CreateKeyPair", },
        { "tag": "RequestPayload", "type": "Structure", "value": [ {
          "tag": "CommonAttributes", "type": "Structure", "value": [
            { "tag": "CryptographicAlgorithm", "type": "Enumeration", "value": "ECDH", },
            { "tag": "CryptographicLength", "type": "Integer", "value": 256, },
            { "tag": "CryptographicDomainParameters", "type": "Structure", "value": [
              { "tag": "QLength", "type": "Integer", "value": 256, },
              { "tag": "RecommendedCurve", "type": "Enumeration", "value": "CURVE25519", },
            ], },
            { "tag": "CryptographicUsageMask", "type": "Integer", "value": 2108, },
            { "tag": "KeyFormatType", "type": "Enumeration", "value": "ECPrivateKey", },
            { "tag": "ObjectType", "type": "Enumeration", "value": "PrivateKey", }
          ],
        } ], }
      ],
    }, {
      "tag": "BatchItem", "type": "Structure", "value": [
        { "tag": "Operation", "type": "Enumeration", "value": "Locate" },
        { "tag": "RequestPayload", "type": "Structure", "value": [
          { "tag": "Attributes", "type": "Structure", "value": [], } ], },
    } ],
  } ],
}"""

# The page's answer: each item's tag and type, structures with what they hold.
PAGE_ANSWER = (
    "ResponseMessage",
    [
        (
            "Header",
            [
                (
                    "ProtocolVersion",
                    [("ProtocolVersionMajor", "Integer"), ("ProtocolVersionMinor", "Integer")],
                ),
                ("Timestamp", "LongInteger"),
                ("BatchCount", "Integer"),
            ],
        ),
        (
            "BatchItem",
            [
                (
                    "Items",
                    [
                        ("Operation", "Enumeration"),
                        ("ResultStatus", "Enumeration"),
                        (
                            "ResponsePayload",
                            [
                                ("PrivateKeyUniqueIdentifier", "TextString"),
                                ("PublicKeyUniqueIdentifier", "TextString"),
                            ],
                        ),
                    ],
                ),
                (
                    "BtachItem",
                    [
                        ("Operation", "Enumeration"),
                        (
                            "ResponsePayload",
                            [
                                ("LocatedItems", "Integer"),
                                (
                                    "UniqueIdentifier",
                                    [
                                        ("PrivateKeyUniqueIdentifier", "TextString"),
                                        ("PublicKeyUniqueIdentifier", "TextString"),
                                    ],
                                ),
                            ],
                        ),
                    ],
                ),
            ],
        ),
    ],
)


VENDORED = node(
    "Attribute",
    [
        text_string("VendorIdentification", "cosmian"),
        text_string("AttributeName", "tag"),
        text_string("AttributeValue", '["a"]'),
    ],
)
CREATE_5 = node(
    "Create",
    [
        enumeration("ObjectType", "SymmetricKey"),
        node(
            "Attributes",
            [
                enumeration("CryptographicAlgorithm", "AES"),
                node("CryptographicLength", 256, "Integer"),
                node("CryptographicUsageMask", 2108, "Integer"),
                enumeration("KeyFormatType", "TransparentSymmetricKey"),
                enumeration("ObjectType", "SymmetricKey"),
                VENDORED,
            ],
        ),
    ],
)


VENDOR_4 = node(
    "VendorAttributes",
    [
        node(
            "VendorAttributes",
            [
                text_string("VendorIdentification", "cosmian"),
                text_string("AttributeName", "tag"),
                bytes_("AttributeValue", "5b5D"),
            ],
        )
    ],
)


def create_4(*attributes: dict[str, Any]) -> dict[str, Any]:
    """Give a Create as Python's client has it, and more attributes."""
    described = [
        enumeration("CryptographicAlgorithm", "AES"),
        node("CryptographicLength", 128, "Integer"),
        node("CryptographicUsageMask", 2108, "Integer"),
        VENDOR_4,
        *attributes,
    ]
    return node("Create", [enumeration("ObjectType", "SymmetricKey"), node("Attributes", described)])
