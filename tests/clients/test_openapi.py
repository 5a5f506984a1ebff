"""What /openapi.json promises is what the gateway does: schemathesis makes requests from it and checks the answers."""

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from gateway.server.openapi import DOCUMENT

# Shrinking asks hundreds of times again, and what fails is short as it is.
SETTINGS = settings(
    max_examples=60, deadline=None, phases=(Phase.explicit, Phase.generate), suppress_health_check=list(HealthCheck)
)
# A failure of KMIP has status 200 (HTTPS profile), and what a message holds is for KMIP to say.
NOT_OURS = [negative_data_rejection, positive_data_acceptance]
# A request without a body has nothing that could be wrong.
OPERATIONS = [
    (path, method, mode)
    for path, methods in DOCUMENT["paths"].items()
    for method in methods
    for mode in (GenerationMode if method == "post" else [GenerationMode.POSITIVE])
]


@pytest.fixture(scope="module")
def ask(gateway):
    """Give a function that sends a case, and checks its answer against the document."""
    pki = gateway.folder / "pki"
    credential = {"cert": (str(pki / "client.pem"), str(pki / "client.key")), "verify": str(pki / "ca.pem")}
    with requests.Session() as session:
        session.trust_env = False  # a CA bundle of the environment would go before ours
        yield lambda case: case.call_and_validate(session=session, timeout=10, excluded_checks=NOT_OURS, **credential)


@pytest.fixture(scope="module")
def schema(gateway):
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    schema.config.update(base_url=f"https://localhost:{gateway.https_port}")
    return schema


@pytest.mark.parametrize(("path", "method", "mode"), OPERATIONS)
def test_every_answer_is_as_described(schema, ask, path, method, mode):
    @SETTINGS
    @given(schema[path][method].as_strategy(generation_mode=mode))
    def run(case):
        ask(case)

    run()
