"""What the bare token does in a loop of python-pkcs11, in one process and in two: the limit for the gateway."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

SECONDS = 2.0


def rates(config: Path, pin: str, processes: int) -> dict[str, float]:
    """Give calls per second of each kind, all processes together."""
    environment = os.environ | {"SOFTHSM2_CONF": str(config)}
    command = [sys.executable, "-m", "tests.bench.raw"]
    running = [
        subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(processes)
    ]
    found = [json.loads(process.communicate(pin.encode())[0]) for process in running]
    return {name: sum(each[name] for each in found) for name in found[0]}


def _rate(call: Callable[[], object]) -> float:
    call()
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        for _ in range(10):
            call()
        count += 10
    return count / (time.perf_counter() - start)


def main() -> None:
    """Measure one process: the PIN comes on standard input, the rates go to standard output as JSON."""
    import pkcs11
    from pkcs11 import Attribute, GCMParams, KeyType, Mechanism, util

    pin = sys.stdin.read()
    token = next(iter(pkcs11.lib("/usr/lib/softhsm/libsofthsm2.so").get_tokens()))
    with token.open(rw=True, user_pin=pin) as session:
        mark = os.urandom(16)
        aes = session.generate_key(KeyType.AES, 256, store=True, id=mark)
        parameters = session.create_domain_parameters(
            KeyType.EC, {Attribute.EC_PARAMS: util.ec.encode_named_curve_parameters("1.2.840.10045.3.1.7")}, local=True
        )
        public, private = parameters.generate_keypair(store=True, id=mark)
        data, iv, digest = bytes(64), GCMParams(bytes(12), b"", 128), bytes(32)
        found = {
            "Encrypt AES-GCM 64 B": _rate(lambda: aes.encrypt(data, mechanism=Mechanism.AES_GCM, mechanism_param=iv)),
            "Sign ECDSA P-256": _rate(lambda: private.sign(digest, mechanism=Mechanism.ECDSA)),
        }
        made = [aes, public, private]
        found["Create"] = _rate(
            lambda: made.append(session.generate_key(KeyType.AES, 256, store=True, id=os.urandom(16)))
        )
        for key in made:
            key.destroy()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
