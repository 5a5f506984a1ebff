"""The servers that are measured, each started on a port of its own and ended by its process number."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

PYKMIP_CONFIG = """[server]
hostname=127.0.0.1
port={port}
certificate_path={pki}/server.pem
key_path={pki}/server.key
ca_path={pki}/ca.pem
auth_suite=TLS1.2
policy_path={folder}/policies
enable_tls_client_auth=True
logging_level=ERROR
database_path={folder}/pykmip.db
"""


ANY_PORT = ("--kmip-port", "0", "--http-port", "0")


class Server:
    """A running server process and the ports that it listens on; `https_port` is 0 where it speaks no HTTP."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, https_port: int = 0) -> None:
        self.process, self.port, self.https_port = process, port, https_port

    def cpu_seconds(self) -> float:
        """Give the processor time that it has used, all its processes together."""
        return sum(map(_ticks, _with_children(self.process.pid))) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End it and wait until it is gone."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        # PyKMIP's server leaves a helper process of its own behind.
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


def _with_children(process: int) -> list[int]:
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [process, *(each for child in children for each in _with_children(int(child)))]


def _ticks(process: int) -> int:
    user, system = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return int(user) + int(system)


def gateway(folder: Path, *options: str) -> Server:
    """Start the gateway on a development directory, which is made if it is not there."""
    command = [sys.executable, "-m", "gateway", "dev", "--dir", str(folder), *ANY_PORT, *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    ready = process.stdout.readline().decode()
    if not ready.startswith("ready "):
        raise RuntimeError(f"the gateway did not start: {ready}")
    kmip, https = (int(field.rsplit(":", 1)[1]) for field in ready.split()[1:3])
    return Server(process, kmip, https)


def prepare(folder: Path, custody: str) -> None:
    """Make the development directory of a gateway that keeps new keys so."""
    gateway(folder, "--front-ends", "1").stop()
    configuration = folder / "gateway.toml"
    text = configuration.read_text()
    configuration.write_text(text.replace("[kmip]\n", f'[kmip]\ncustody = "{custody}"\n'))


def aiohttp_alone(pki: Path) -> Server:
    """Start a server of HTTPS that answers everything alike: what aiohttp takes, and what the client can."""
    command = [sys.executable, "-m", "tests.bench.trivial", str(pki)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    return Server(process, 0, int(process.stdout.readline()))


def pykmip(folder: Path, pki: Path) -> Server:
    """Start PyKMIP's server with the same certificates, and wait until it takes connections."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "policies").mkdir(exist_ok=True)
    config = folder / "pykmip.conf"
    config.write_text(PYKMIP_CONFIG.format(port=port, pki=pki, folder=folder))
    program = Path(sys.executable).with_name("pykmip-server")
    log = open(folder / "pykmip.out", "wb")
    command = [program, "-f", config, "-l", folder / "pykmip.log"]
    process = subprocess.Popen([os.fspath(c) for c in command], stdout=log, stderr=log, start_new_session=True)
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return Server(process, port)
        time.sleep(0.1)
    raise RuntimeError("PyKMIP's server did not start: " + (folder / "pykmip.out").read_text())
