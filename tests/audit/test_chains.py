"""Chains as they are written and as they are verified: what was done to the files is named, with the first record."""

import asyncio
import errno
import os
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from gateway.audit import chain as chains
from gateway.audit import shared
from gateway.audit.chain import Chain
from gateway.audit.checkpoints import key_name
from gateway.audit.records import Record, chained, decode, encode, hash_of
from gateway.audit.trail import Trail
from gateway.audit.verifying import CHECKPOINTS, Verdict, verify

NAME = "front-end-a"
FILE = f"{NAME}.000001.jsonl"


class Signer:
    """A key outside of a token."""

    def __init__(self) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.key = key_name(self.private.public_key())

    async def ready(self) -> bool:
        return True

    async def sign(self, data: bytes) -> bytes:
        return self.private.sign(data, ec.ECDSA(SHA256()))


SIGNER = Signer()


def record(number: int) -> Record:
    return Record(1000.0 + number, "item", operation="Get", identity="cert:a", objects=(f"object-{number}",))


async def written(folder: Path, count: int, after: int = 0) -> Trail:
    """Give a trail of so many records, a checkpoint signed behind them, and so many records after it."""
    os.makedirs(folder, exist_ok=True)
    trail = Trail(folder, NAME, signer=SIGNER)
    for number in range(count):
        trail.write([record(number)])
    await trail.checkpoint()
    for number in range(count, count + after):
        trail.write([record(number)])
    return trail


def verdict(folder: Path) -> Verdict:
    return verify(folder, SIGNER.private.public_key())


def fault(folder: Path) -> tuple[str, str]:
    """Give the kind of the only fault, and what is said of it."""
    (found,) = verdict(folder).faults
    assert found.chain == NAME
    return found.kind, found.what


def lines(folder: Path) -> list[bytes]:
    return (folder / FILE).read_bytes().splitlines(keepends=True)


def rewrite(folder: Path, changed: list[bytes]) -> None:
    (folder / FILE).write_bytes(b"".join(changed))


async def test_what_was_written_is_right_and_the_end_behind_the_checkpoint_is_named(tmp_path: Path) -> None:
    await written(tmp_path, 5, after=2)
    found = verdict(tmp_path)
    assert (found.faults, found.records) == ((), 7)
    (remark,) = found.remarks
    assert "the last 2 of 7 records" in remark


async def test_a_removed_record_is_named(tmp_path: Path) -> None:
    await written(tmp_path, 6)
    there = lines(tmp_path)
    rewrite(tmp_path, there[:2] + there[3:])
    kind, what = fault(tmp_path)
    assert kind == "removed"
    assert "line 3" in what
    assert "records 2 to 2" in what


async def test_an_edited_record_is_named(tmp_path: Path) -> None:
    await written(tmp_path, 6)
    there = lines(tmp_path)
    there[3] = there[3].replace(b"object-3", b"object-9")
    rewrite(tmp_path, there)
    kind, what = fault(tmp_path)
    assert kind == "edited"
    assert "record 3 " in what


async def test_the_last_record_cannot_be_edited_under_a_checkpoint(tmp_path: Path) -> None:
    await written(tmp_path, 6)
    there = lines(tmp_path)
    there[5] = there[5].replace(b"object-5", b"object-9")
    rewrite(tmp_path, there)
    kind, what = fault(tmp_path)
    assert kind == "edited"
    assert "record 5 is not the one that was signed" in what


async def test_a_chain_computed_anew_is_not_the_one_that_was_signed(tmp_path: Path) -> None:
    await written(tmp_path, 6)
    (tmp_path / FILE).unlink()
    forged = Chain(tmp_path, NAME, 1 << 20)
    forged.append([encode(record(number + (number == 2))) for number in range(6)])
    kind, what = fault(tmp_path)
    assert kind == "edited"
    assert "not the one that was signed" in what


async def test_records_that_changed_places_are_named(tmp_path: Path) -> None:
    await written(tmp_path, 6)
    there = lines(tmp_path)
    there[2], there[3] = there[3], there[2]
    rewrite(tmp_path, there)
    kind, what = fault(tmp_path)
    assert kind == "reordered"
    assert "record 3 stands before record 2" in what


async def test_an_end_that_was_cut_off_is_proven_by_the_checkpoint(tmp_path: Path) -> None:
    await written(tmp_path, 6)
    rewrite(tmp_path, lines(tmp_path)[:4])
    kind, what = fault(tmp_path)
    assert kind == "truncated"
    assert "records 4 to 5 are missing" in what


async def test_a_chain_that_was_removed_is_proven_by_the_checkpoint(tmp_path: Path) -> None:
    await written(tmp_path, 6)
    (tmp_path / FILE).unlink()
    kind, what = fault(tmp_path)
    assert kind == "truncated"
    assert "there is no file of this chain" in what


async def test_a_chain_that_was_put_away_is_missed_unless_it_may_be(tmp_path: Path) -> None:
    await written(tmp_path, 6)
    (tmp_path / FILE).unlink()
    later, earlier = time.time() + 60, time.time() - 60
    assert verify(tmp_path, SIGNER.private.public_key(), since=later).faults == ()
    assert verify(tmp_path, SIGNER.private.public_key(), since=earlier).faults != ()


async def test_a_token_that_hangs_keeps_nothing_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hanging(Signer):
        async def sign(self, data: bytes) -> bytes:
            await asyncio.sleep(60)
            return b""

    monkeypatch.setattr("gateway.audit.trail.SIGN_S", 0.01)
    trail = Trail(tmp_path, NAME, signer=Hanging())
    trail.write([record(0)])
    await trail.checkpoint()
    assert "audit checkpoint cannot be made" in capsys.readouterr().out
    assert not (tmp_path / CHECKPOINTS).exists()
    trail._signer = SIGNER
    await trail.checkpoint()
    assert verdict(tmp_path).faults == ()


async def test_a_chain_that_goes_on_twice_from_one_record_is_forked(tmp_path: Path) -> None:
    trail = await written(tmp_path, 4)
    head, count = trail._chain.head, trail._chain.count
    trail.write([record(4)])
    trail._chain.head, trail._chain.count = head, count
    trail.write([record(44), record(45)])
    kind, what = fault(tmp_path)
    assert kind == "forked"
    assert "record 4 is there twice" in what


async def test_what_is_added_behind_a_signed_end_is_forged(tmp_path: Path) -> None:
    """As is a chain that somebody has made up, of which no checkpoint is: that cannot be told from one just begun."""
    trail = await written(tmp_path, 2)
    await trail.close()
    assert verdict(tmp_path).faults == ()
    assert not trail.write([record(9)])
    end = lines(tmp_path)[-1].rstrip(b"\n")
    rewrite(tmp_path, [*lines(tmp_path), chained(3, hash_of(end), encode(record(9))) + b"\n"])
    assert fault(tmp_path) == ("forged", f"{FILE} line 4: stands behind the end of the chain, which is signed")
    Chain(tmp_path, "front-end-b", 10000).append([encode(record(1))])
    assert "front-end-b: no checkpoint is of any of its 1 records" in verdict(tmp_path).remarks[0]


async def test_two_checkpoints_of_one_place_prove_a_fork(tmp_path: Path) -> None:
    """Somebody had an earlier copy of the folder go on, and both were signed."""
    trail = await written(tmp_path, 4)
    trail.write([record(4)])
    await trail.checkpoint()
    here = (tmp_path / CHECKPOINTS).read_bytes()
    other = await written(tmp_path / "copy", 4)
    other.write([record(44)])
    await other.checkpoint()
    (tmp_path / CHECKPOINTS).write_bytes(here + (tmp_path / "copy" / CHECKPOINTS).read_bytes())
    kind, what = fault(tmp_path)
    assert kind == "forked"
    assert "another record 4 was signed before" in what


async def test_a_checkpoint_is_not_made_without_the_key(tmp_path: Path) -> None:
    await written(tmp_path, 4)
    path = tmp_path / CHECKPOINTS
    path.write_bytes(path.read_bytes().replace(b'"count":4', b'"count":3'))
    kind, what = fault(tmp_path)
    assert kind == "checkpoint"
    assert "was not signed by the key" in what


def test_a_chain_goes_on_over_files_and_none_may_be_missing(tmp_path: Path) -> None:
    chain = Chain(tmp_path, NAME, max_file_bytes=300)
    for number in range(12):
        chain.append([encode(record(number))])
    files = sorted(tmp_path.glob("*.jsonl"))
    assert len(files) > 3
    assert verdict(tmp_path).faults == ()
    assert verdict(tmp_path).records == 12
    files[1].unlink()
    kind, what = fault(tmp_path)
    assert kind == "removed"
    assert files[2].name in what


def test_what_is_left_in_a_file_is_on_the_disk_before_the_next_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where each answer waits for the disk: later on only the new file is synced."""
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.readlink(f"/proc/self/fd/{fd}")))
    for durable in (False, True):
        chain = Chain(tmp_path, f"chain-{durable}", 1, durable=durable)
        chain.append([encode(record(0))])
        chain.append([encode(record(1))])
        chain.close()
    assert synced == [str(tmp_path / "chain-True.000001.jsonl")]


async def test_a_line_that_a_killed_process_left_unfinished_is_no_fault(tmp_path: Path) -> None:
    await written(tmp_path, 4)
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"seq":4,"prev":"')
    found = verdict(tmp_path)
    assert (found.faults, found.records) == ((), 4)
    assert any("is not whole" in remark for remark in found.remarks)


def test_several_processes_write_the_operators_chain_in_turn(tmp_path: Path) -> None:
    children = []
    for child in range(4):
        pid = os.fork()
        if not pid:
            for number in range(10):
                shared.add(tmp_path, record(child * 10 + number))
            os._exit(0)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 4
    assert shared.end_of(tmp_path)[0] == 40
    assert verify(tmp_path, None).faults == ()
    assert verify(tmp_path, None).records == 40


OPERATORS = f"{shared.NAME}.000001.jsonl"


async def looked(trail: Trail, logged: pytest.CaptureFixture[str]) -> str:
    """Give what the log says of the next checkpoint."""
    trail._due = 0.0
    await trail.look()
    return "".join(logged.readouterr())


async def test_what_others_cut_off_behind_a_checkpoint_is_told_while_the_gateway_runs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    trail = await written(tmp_path, 1)
    for number in range(3):
        shared.add(tmp_path, record(number))
    assert "error" not in await looked(trail, capfd)
    there = (tmp_path / OPERATORS).read_bytes().splitlines(keepends=True)
    (tmp_path / OPERATORS).write_bytes(b"".join(there[:2]))
    assert "operators is shorter than it was" in await looked(trail, capfd)
    shared.add(tmp_path, record(9))
    assert await looked(trail, capfd) == ""  # told once
    signed = (tmp_path / CHECKPOINTS).read_bytes().splitlines(keepends=True)
    (tmp_path / CHECKPOINTS).write_bytes(signed[0])
    shared.add(tmp_path, record(10))
    assert "checkpoints were cut off or replaced" in await looked(trail, capfd)
    assert verdict(tmp_path).faults == ()


def test_the_operators_chain_goes_on_behind_a_torn_line(tmp_path: Path) -> None:
    shared.add(tmp_path, record(0))
    with (tmp_path / "operators.000001.jsonl").open("ab") as file:
        file.write(b'{"seq":1,"pr')
    shared.add(tmp_path, record(1))
    assert verify(tmp_path, None).faults == ()
    assert verify(tmp_path, None).records == 2


class Disk:
    """Takes the place of `os.write` in chains: fails, or takes half of what comes, while it is said to."""

    def __init__(self) -> None:
        self.error = 0
        self.half = False

    def write(self, fd: int, data: bytes) -> int:
        if self.error:
            raise OSError(self.error, os.strerror(self.error))
        return os.write(fd, data[: len(data) // 2] if self.half else data)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()

    class System:
        def __getattr__(self, name: str) -> object:
            return getattr(disk, name) if name == "write" else getattr(os, name)

    monkeypatch.setattr(chains, "os", System())
    return disk


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES, 0], ids=["full", "broken", "denied", "half"])
async def test_a_disk_that_takes_nothing_is_told_once_and_found_again(
    disk: Disk, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trail = await written(tmp_path, 2)
    disk.error, disk.half = code, not code
    assert not trail.write([record(2)])
    assert not trail.write([record(3)])
    await trail.look()
    assert trail.closed
    assert capsys.readouterr().out.count("audit trail cannot be written") == 1
    disk.error, disk.half = 0, False
    await trail.look()
    assert not trail.closed
    assert trail.write([record(4)])
    await trail.checkpoint()
    found = verdict(tmp_path)
    assert (found.faults, found.records, found.remarks) == ((), 6, ())
    events = [decode(line).event for line in lines(tmp_path)]
    assert events == ["item"] * 4 + ["interrupted", "item"]


async def test_what_could_not_be_kept_is_counted(disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.audit.trail.MAX_PENDING", 3)
    trail = await written(tmp_path, 1)
    disk.error = errno.ENOSPC
    for number in range(5):
        trail.write([record(number)])
    disk.error = 0
    await trail.look()
    assert "2 records lost" in decode(lines(tmp_path)[-1]).detail


async def test_an_operator_may_have_it_fail_open(disk: Disk, tmp_path: Path) -> None:
    trail = Trail(tmp_path, NAME, fail_open=True)
    disk.error = errno.ENOSPC
    assert trail.write([record(0)])
    assert (trail.failing, trail.closed) == (True, False)


@pytest.mark.parametrize("done", ["removed", "replaced", "cut"])
async def test_a_file_that_is_taken_away_under_the_gateway_is_noticed(tmp_path: Path, done: str) -> None:
    trail = await written(tmp_path, 3)
    path = tmp_path / FILE
    match done:
        case "removed":
            path.unlink()
        case "replaced":
            path.rename(tmp_path / "elsewhere")
            path.write_bytes((tmp_path / "elsewhere").read_bytes())
        case "cut":
            os.truncate(path, 10)
    await trail.look()
    assert trail.closed
    await trail.look()
    assert not trail.closed
    assert decode((tmp_path / f"{NAME}.000002.jsonl").read_bytes().splitlines()[0]).event == "interrupted"
    assert bool(verdict(tmp_path).faults) == (done != "replaced")


async def test_handshakes_of_strangers_do_not_fill_the_disk(tmp_path: Path) -> None:
    trail = await written(tmp_path, 0)
    for _ in range(1000):
        trail.turned_away("192.0.2.1", "unknown ca")
    await trail.look()
    there = [decode(line) for line in lines(tmp_path)]
    assert len(there) == 51
    assert there[-1].detail == "950 more, in the second before"
    # Who goes on for hours has one recorded each second, and the others counted.
    for _ in range(1000):
        trail.turned_away("192.0.2.1", "unknown ca")
    await trail.look()
    assert len(lines(tmp_path)) == 53
