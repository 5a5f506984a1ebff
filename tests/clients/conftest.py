"""A gateway as `dev` starts it, with all its processes and over TLS, for clients that nobody here wrote."""

import itertools
import warnings
from contextlib import contextmanager

import pytest

from gateway.kmip.version import Version
from tests.cli.process import running_dev
from tests.clients.speaker import Speaker
from tests.support.client import Client

with warnings.catch_warnings():
    # PyKMIP's server, which comes with its client, is of the time before SQLAlchemy 2.0.
    warnings.simplefilter("ignore")
    from kmip.core import enums
    from kmip.core.exceptions import OperationFailure
    from kmip.pie.client import ProxyKmipClient
    from kmip.pie.exceptions import KmipOperationFailure

PYKMIP_VERSIONS = {version.name[5:].replace("_", "."): version for version in enums.KMIPVersion}
NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def gateway(tmp_path_factory):
    """A running gateway: its port and the folder of its certificates; two front ends, so that requests go to both."""
    folder = tmp_path_factory.mktemp("clients")
    with running_dev(folder, "--front-ends", "2", "--token-workers", "2", "--http-port", "0") as running:
        yield running
        assert running.stop() == 0


# What clients ask for that the policy refuses by default: Veeam pads by PKCS#1 v1.5, and the suite of PyKMIP, which
# asks for everything, has the rest.
ALLOWED = ("ecb", "triple_des", "sha1_signatures", "pkcs1_decryption", "client_ivs")


@pytest.fixture(scope="session")
def lenient(tmp_path_factory):
    """A second gateway, which allows more."""
    folder = tmp_path_factory.mktemp("lenient")
    allowed = [word for name in ALLOWED for word in ("--allow", name)]
    with running_dev(folder, "--front-ends", "1", "--token-workers", "1", *allowed) as running:
        yield running
        assert running.stop() == 0


@pytest.fixture(scope="session")
def pykmip(gateway):
    """Give a function that gives PyKMIP's client of a version and certificate, connected, one for the whole session."""
    yield from connections(gateway)


@pytest.fixture(scope="session")
def lenient_pykmip(lenient):
    """Give a function that gives the same of the gateway that allows more."""
    yield from connections(lenient)


def connections(gateway):
    """Give a function that connects PyKMIP's client, once for each version and certificate."""
    connected = {}

    def connect(version="1.2", name="client", **options):
        key = (version, name, *options.items())
        if key not in connected:
            pki = gateway.folder / "pki"
            connected[key] = ProxyKmipClient(
                hostname="127.0.0.1",
                port=gateway.port,
                cert=str(pki / f"{name}.pem"),
                key=str(pki / f"{name}.key"),
                ca=str(pki / "ca.pem"),
                kmip_version=PYKMIP_VERSIONS[version],
                **options,
            )
            with warnings.catch_warnings():
                # It makes its TLS context the way of Python 3.9.
                warnings.simplefilter("ignore", DeprecationWarning)
                connected[key].open()
        return connected[key]

    yield connect
    for client in connected.values():
        client.close()


@pytest.fixture(params=PYKMIP_VERSIONS)
def client(pykmip, request):
    """PyKMIP's client in each of its versions."""
    return pykmip(request.param)


@pytest.fixture(scope="session")
def wire(gateway):
    """Give a function that gives a plain client of a certificate, connected, one for the whole session."""
    connected = {}

    def connect(name="client"):
        if name not in connected:
            connected[name] = Client(gateway.folder, gateway.port, name)
        return connected[name]

    yield connect
    for client in connected.values():
        client.socket.close()


@pytest.fixture
def speak(wire):
    """Give a function that gives a client of a version, with what stands in each of its headers."""
    return lambda version, *header: Speaker(wire(), version, *header)


@pytest.fixture
def lenient_speak(lenient):
    """Give a function that gives the same of the gateway that allows more."""
    client = Client(lenient.folder, lenient.port, "client")
    yield lambda version, *header: Speaker(client, version, *header)
    client.socket.close()


@pytest.fixture
def fresh():
    """Give a function that gives a name which nothing else in the session has."""
    return lambda text="name": f"{text} {next(NUMBERS)}"


def version_of(client):
    """Spell the version that PyKMIP's client speaks."""
    return client.kmip_version.name[5:].replace("_", ".")


def kmip(text):
    """Give a version from its usual spelling."""
    major, minor = text.split(".")
    return Version(int(major), int(minor))


@contextmanager
def failing(*reasons):
    """Expect PyKMIP to report that the gateway refused, for one of these reasons if any are given."""
    with pytest.raises((KmipOperationFailure, OperationFailure)) as failure:
        yield failure
    assert not reasons or failure.value.reason in reasons, failure.value


@contextmanager
def recorded(client):
    """Give a list that gets the bytes of every response which PyKMIP's client reads, whether or not it can."""
    protocol, answers = client.proxy.protocol, []
    read = protocol.read

    def recording():
        stream = read()
        answers.append(bytes(stream.buffer))
        return stream

    protocol.read = recording
    try:
        yield answers
    finally:
        del protocol.read
