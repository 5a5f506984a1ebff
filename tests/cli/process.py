"""The command line as an operator meets it: a process, its exit code, its two streams."""

import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

START_TIMEOUT_S = 30


def run(*arguments, timeout=START_TIMEOUT_S, **options):
    """Give the finished process of `kmip-gateway ARGUMENTS`, its streams as text."""
    return subprocess.run(
        [sys.executable, "-m", "gateway", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        **options,
    )


def assert_one_sentence(finished, *words, code=2):
    """Assert the exit code, nothing on stdout, and one line on stderr that has all the words."""
    assert finished.returncode == code, finished.stderr
    assert finished.stdout == ""
    assert "Traceback" not in finished.stderr
    assert len(finished.stderr.splitlines()) == 1, finished.stderr
    for word in words:
        assert str(word) in finished.stderr


class Gateway:
    """A running gateway: its process, its ports (`https_port` is 0 where it has none), the folder of its files."""

    def __init__(self, process, port, https_port, folder):
        self.process, self.port, self.https_port, self.folder = process, port, https_port, folder

    def stop(self, number=signal.SIGTERM):
        """Give the exit code after this signal."""
        self.process.send_signal(number)
        return self.process.wait(START_TIMEOUT_S)


@contextmanager
def running_dev(folder, *arguments, stderr=None, module="gateway", env=None):
    """Give a gateway started by `dev` on a free port, ready to be spoken to; its log goes to `stderr`, if given.

    `module` is run in its place by tests that change something in its processes.
    """
    command = [sys.executable, "-m", module, "dev", "--dir", str(folder), "--kmip-port", "0", *arguments]
    streams = {"stdout": subprocess.PIPE, "stdin": subprocess.DEVNULL, "stderr": stderr, "env": env}
    with subprocess.Popen(command, text=True, **streams) as process:
        try:
            line = process.stdout.readline()
            ready = re.fullmatch(r"ready kmip=127\.0\.0\.1:(\d+)(?: https=127\.0\.0\.1:(\d+))? dir=(.*)\n", line)
            assert ready, f"no ready line but {line!r}"
            yield Gateway(process, int(ready[1]), int(ready[2] or 0), Path(ready[3]))
        finally:
            if process.poll() is None:
                process.terminate()
