"""`object move` beside a gateway that serves: whoever uses the key notices nothing."""

import threading

from gateway.kmip.enums import Operation
from gateway.kmip.version import V2_1
from tests.cli.process import run, running_dev
from tests.cli.test_kek import KEY, decrypted, encrypted, one
from tests.support.client import Client


def moved(folder, *arguments):
    """Give the exit code and the lines of `object move`."""
    finished = run("object", "move", *arguments, "--config", folder / "gateway.toml")
    assert finished.returncode in (0, 1), finished.stderr
    return finished.returncode, finished.stdout.splitlines()


def test_a_key_is_used_while_it_moves_there_and_back(tmp_path):
    with running_dev(tmp_path / "dev") as gateway, Client(gateway.folder, gateway.port) as client:
        keys = [one(client, Operation.CREATE, KEY).unique_identifier for _ in range(3)]
        told = {key: encrypted(client, key) for key in keys}
        stop, used, failed = threading.Event(), [], []

        def use():
            with Client(gateway.folder, gateway.port) as other:
                try:
                    while not stop.is_set():
                        for key, data in told.items():
                            decrypted(other, key, data)
                            used.append(key)
                except AssertionError as error:
                    failed.append(error)

        user = threading.Thread(target=use)
        user.start()
        try:
            for custody in ("wrapped", "token"):
                assert moved(gateway.folder, *keys, "--custody", custody) == (0, [f"{key}\tmoved" for key in keys])
        finally:
            stop.set()
            user.join()
        assert failed == []
        assert len(used) > len(keys)
        shown = run("object", "show", keys[0], "--config", gateway.folder / "gateway.toml").stdout
        assert "custody: token" in shown
        (answer,) = client.ask(V2_1, (Operation.CREATE, KEY))
        assert answer.payload.unique_identifier
    missing = run("object", "move", "nothing", "--custody", "token", "--config", gateway.folder / "gateway.toml")
    assert missing.returncode == 2
    assert "no such object" in missing.stderr
