"""The power fails: what no fsync has followed is lost, and no object that a client was told of is among it."""

import signal
import subprocess
import sys

import pytest

from tests.faulty.power import Power, environment_with
from tests.soak.kills import Run, cut_power

WRITER = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode = WAL")
db.execute("CREATE TABLE t (n INTEGER)")
db.execute("PRAGMA synchronous = FULL")
db.execute("INSERT INTO t VALUES (1)")
db.execute(f"PRAGMA synchronous = {sys.argv[2]}")
db.execute("INSERT INTO t VALUES (2)")
print("written", flush=True)
time.sleep(60)
"""
READER = "import sqlite3, sys; print([n for n, in sqlite3.connect(sys.argv[1]).execute('SELECT n FROM t ORDER BY n')])"


@pytest.mark.parametrize(("synchronous", "kept"), [("FULL", "[1, 2]"), ("OFF", "[1]")])
def test_the_disk_loses_what_was_not_synced_and_nothing_else(tmp_path, synchronous, kept):
    database = tmp_path / "db.sqlite"
    power = Power(tmp_path, database)
    command = [sys.executable, "-c", WRITER, str(database), synchronous]
    with subprocess.Popen(command, env=environment_with(power), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "written\n"
        process.send_signal(signal.SIGKILL)
    power.cut()
    read = subprocess.run([sys.executable, "-c", READER, str(database)], capture_output=True, text=True, check=True)
    assert read.stdout.strip() == kept


@pytest.mark.timeout(120)
def test_what_was_acknowledged_survives_a_power_cut(tmp_path):
    """In custody `wrapped`, where the database has the keys; SoftHSM2 itself never syncs what it writes."""
    run = Run(tmp_path, 18, "wrapped")
    power = Power(tmp_path, run.folder / "gateway.sqlite")
    try:
        assert cut_power(run, power, cuts=1) > 0, "the power was cut when there was nothing to lose"
    finally:
        run.close()
