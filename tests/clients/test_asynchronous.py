"""RSA keys asked for asynchronously of a gateway with all its processes, which is killed while it makes them."""

import os
import signal
import time

import pytest

from gateway.kmip.enums import (
    AsynchronousIndicator,
    CancellationResult,
    CryptographicAlgorithm,
    CryptographicUsageMask,
    ObjectType,
    Operation,
    ProcessingStage,
    ResultReason,
    ResultStatus,
)
from gateway.kmip.structure import Attribute
from gateway.kmip.tags import Tag
from gateway.kmip.version import V2_1
from gateway.operations.cancel import CancelRequest
from gateway.operations.create import CreateRequest
from gateway.operations.create_key_pair import CreateKeyPairRequest
from gateway.operations.get import GetRequest
from gateway.operations.locate import LocateRequest
from gateway.operations.poll import PollRequest
from gateway.operations.query_asynchronous_requests import QueryAsynchronousRequestsRequest
from tests.cli.process import running_dev
from tests.clients.test_crashes import children, eventually, keys_in_database, keys_on_token
from tests.support.client import Client
from tests.support.messages import received, request

O, S = Operation, ResultStatus  # noqa: E741
OPTIONS = ("--front-ends", "2", "--token-workers", "2")
PAIR = CreateKeyPairRequest(
    common_attributes=(
        Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, CryptographicAlgorithm.RSA),
        Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 4096),
    ),
    private_key_attributes=(Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, CryptographicUsageMask.SIGN),),
    public_key_attributes=(Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, CryptographicUsageMask.VERIFY),),
)


def submit(client, item=(O.CREATE_KEY_PAIR, PAIR)):
    raw = request(V2_1, item, asynchronous_indicator=AsynchronousIndicator.MANDATORY)
    (item,) = received(client.send(raw), V2_1).batch_item
    assert item.result_status is S.OPERATION_PENDING, item
    return item.asynchronous_correlation_value


def stages(client):
    (answer,) = client.ask(V2_1, (O.QUERY_ASYNCHRONOUS_REQUESTS, QueryAsynchronousRequestsRequest()))
    return {each.asynchronous_correlation_value: each.processing_stage for each in answer.payload.asynchronous_request}


def poll(client, value):
    (answer,) = client.ask(V2_1, (O.POLL, PollRequest(asynchronous_correlation_value=value)))
    return answer


def result(client, value):
    """Poll until there is a result, and give it."""
    return eventually(lambda: (answer := poll(client, value)).status is not S.OPERATION_PENDING and answer, 60)


def in_process(client):
    return [value for value, stage in stages(client).items() if stage is ProcessingStage.IN_PROCESS]


def assert_pairs(client, folder, answers):
    """Assert that each answer is of a pair of its own, that can be fetched, and that there is nothing else."""
    assert {answer.status for answer in answers} == {S.SUCCESS}
    for answer in answers:
        asked = GetRequest(unique_identifier=answer.payload.public_key_unique_identifier)
        (got,) = client.ask(V2_1, (O.GET, asked))
        assert got.payload.object_type is ObjectType.PUBLIC_KEY
    (located,) = client.ask(V2_1, (O.LOCATE, LocateRequest()))
    halves = [
        uid
        for answer in answers
        for uid in (answer.payload.private_key_unique_identifier, answer.payload.public_key_unique_identifier)
    ]
    assert sorted(located.payload.unique_identifier) == sorted(halves)
    assert eventually(lambda: keys_on_token(folder) == keys_in_database(folder), 60), "keys that no row names"


@pytest.mark.timeout(180)
@pytest.mark.parametrize("victim", ["supervisor", "front ends"])
def test_keys_asked_for_are_made_though_the_gateway_is_killed_while_it_makes_them(tmp_path, victim):
    folder = tmp_path / "gateway"
    with running_dev(folder, *OPTIONS) as gateway:
        with Client(folder, gateway.port) as client:
            values = [submit(client) for _ in range(3)]
            assert eventually(lambda: in_process(client)), stages(client)
            if victim == "front ends":
                for pid in children(gateway.process.pid, workers=False):
                    os.kill(pid, signal.SIGKILL)
            else:
                gateway.process.kill()
        if victim == "front ends":
            with eventually(lambda: connected(folder, gateway.port)) as client:
                assert_pairs(client, folder, [result(client, value) for value in values])
            assert gateway.stop() == 0
            return
    with running_dev(folder, *OPTIONS) as gateway:
        with Client(folder, gateway.port) as client:
            assert_pairs(client, folder, [result(client, value) for value in values])
            assert stages(client) == {}
            assert poll(client, values[0]).reason is ResultReason.INVALID_ASYNCHRONOUS_CORRELATION_VALUE
        assert gateway.stop() == 0


CREATE = CreateRequest(
    object_type=ObjectType.SYMMETRIC_KEY,
    attributes=(
        Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, CryptographicAlgorithm.AES),
        Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 256),
        Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, CryptographicUsageMask.ENCRYPT),
    ),
)


@pytest.mark.timeout(180)
def test_of_many_requests_none_is_lost_or_done_twice_whoever_is_killed(tmp_path):
    """Those whose acknowledgement was lost too: they are listed."""
    folder = tmp_path / "gateway"
    with running_dev(folder, *OPTIONS) as gateway:
        submitted = []
        for kill in range(4):
            with eventually(lambda: connected(folder, gateway.port)) as client:
                submitted += [submit(client, (O.CREATE, CREATE)) for _ in range(20)]
                time.sleep(0.9 + 0.05 * kill)
                for pid in children(gateway.process.pid, workers=False):
                    os.kill(pid, signal.SIGKILL)
        with eventually(lambda: connected(folder, gateway.port)) as client:
            assert set(submitted) <= set(stages(client))
            answers = [result(client, value) for value in stages(client)]
            assert {answer.status for answer in answers} == {S.SUCCESS}
            (located,) = client.ask(V2_1, (O.LOCATE, LocateRequest()))
            made = [answer.payload.unique_identifier for answer in answers]
            assert sorted(made) == sorted(located.payload.unique_identifier)
        assert eventually(lambda: keys_on_token(folder) == keys_in_database(folder), 60), "keys that no row names"
        assert gateway.stop() == 0


def connected(folder, port):
    """Give a client, None while nobody accepts one."""
    try:
        client = Client(folder, port)
        stages(client)
    except OSError:
        return None
    return client


def test_a_gateway_that_is_stopped_makes_what_was_asked_for_when_it_is_back(tmp_path):
    folder = tmp_path / "gateway"
    with running_dev(folder, *OPTIONS) as gateway:
        with Client(folder, gateway.port) as client:
            kept, unwanted = submit(client), submit(client)
            asked = CancelRequest(asynchronous_correlation_value=unwanted)
            (answer,) = client.ask(V2_1, (O.CANCEL, asked))
            assert answer.payload.cancellation_result is CancellationResult.CANCELED
        assert gateway.stop() == 0
    with running_dev(folder, *OPTIONS) as gateway:
        with Client(folder, gateway.port) as client:
            assert_pairs(client, folder, [result(client, kept)])
            assert poll(client, unwanted).reason is ResultReason.INVALID_ASYNCHRONOUS_CORRELATION_VALUE
        assert gateway.stop() == 0
