"""The OpenAPI 3.1 document of the HTTPS port; what a Request Message holds is KMIP's to say, not this document's."""

from typing import Any

from gateway import __version__
from gateway.wire.text_names import TYPES

Schema = dict[str, Any]

JSON = "application/json"
TEXT = "text/plain"

# TTLV as JSON: a tag, a type (a Structure where it is missing) and a value.
TTLV: Schema = {
    "type": "object",
    "required": ["tag"],
    "additionalProperties": False,
    "properties": {
        "tag": {"type": "string", "description": "Name of the tag, or 0x and six hex digits."},
        "name": {"type": "string", "description": "What a tag in hex digits is called; for people."},
        "type": {"enum": [*TYPES]},
        "value": {"description": "What the type says; an array of these objects for a Structure."},
    },
}

ENCODINGS: Schema = {
    "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    JSON: {"schema": {"$ref": "#/components/schemas/TTLV"}},
    "text/xml": {"schema": {"type": "string"}},
    "application/xml": {"schema": {"type": "string"}},
}

LINE: Schema = {TEXT: {"schema": {"type": "string"}}}


def _answer(description: str, content: Schema) -> Schema:
    return {"description": description, "content": content}


def _line(description: str) -> Schema:
    return _answer(description, LINE)


REFUSALS: Schema = {
    "400": _line("No request of HTTP/1.1."),
    "404": _line("Nothing at this path."),
    "405": _line("The path has another method; Allow names it."),
    "411": _line("No Content-Length."),
    "413": _line("The body is larger than max_body_bytes."),
    "415": _line("The media type is no encoding of TTLV, or the body is compressed."),
    "417": _line("An expectation other than 100-continue."),
    "500": _line("A fault of the server; its log says more."),
}

# A bare operation has no message around its answer, so its status has to say that it failed.
BARE_REFUSALS: Schema = {
    "401": _line("The client may not do this."),
    "404": _line("There is no such operation here."),
    "422": _line("The operation failed; the line is the Result Reason and the Result Message."),
}


def _kmip(summary: str, refusals: Schema) -> Schema:
    answers = {"200": _answer("A Response Message, written as the request was; a failure of KMIP too.", ENCODINGS)}
    body = {"required": True, "content": ENCODINGS}
    return {"post": {"summary": summary, "requestBody": body, "responses": answers | refusals}}


def _read(summary: str, schema: Schema, others: Schema | None = None) -> Schema:
    answers = {"200": _answer(summary, {JSON: {"schema": schema}})}
    return {"get": {"summary": summary, "responses": answers | (others or {})}}


STATUS: Schema = {
    "type": "object",
    "required": ["status"],
    "properties": {"status": {"enum": ["UP", "DOWN"]}, "failing": {"enum": ["token", "database"]}},
}

DOCUMENT: Schema = {
    "openapi": "3.1.0",
    "info": {
        "title": "kmip-gateway",
        "version": __version__,
        "summary": "KMIP 1.0 to 2.1 over HTTPS, in binary, JSON and XML TTLV.",
    },
    "security": [{"certificate": []}],
    "paths": {
        "/kmip": _kmip("Carry out a Request Message.", REFUSALS),
        "/kmip/2_1": _kmip("Carry out a bare operation of KMIP 2.1, or a Request Message.", REFUSALS | BARE_REFUSALS),
        "/version": _read("The gateway's version.", {"type": "string"}),
        "/livez": _read("The gateway runs.", STATUS),
        "/readyz": _read(
            "Token and database answer.",
            STATUS,
            {"503": _answer("One of them does not.", {JSON: {"schema": STATUS}})},
        ),
        "/openapi.json": _read("This document.", {"type": "object"}),
    },
    "components": {
        "schemas": {"TTLV": TTLV},
        "securitySchemes": {"certificate": {"type": "mutualTLS", "description": "A client certificate."}},
    },
}
