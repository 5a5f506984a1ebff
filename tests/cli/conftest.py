"""Folders of `dev` that tests share, since making one takes a while."""

import os

import pytest

from tests.cli.process import running_dev


@pytest.fixture(scope="session")
def dev_folder(tmp_path_factory):
    """A folder that `dev` has made and left; each test that starts a gateway in it finds the same token."""
    folder = tmp_path_factory.mktemp("dev")
    with running_dev(folder, "--front-ends", "1", "--token-workers", "1") as gateway:
        assert gateway.stop() == 0
    return folder


@pytest.fixture
def dev_toml(dev_folder, tmp_path):
    """Give a function that writes the configuration of `dev_folder` on a free port, one text replaced."""

    def write(old, new):
        text = (dev_folder / "gateway.toml").read_text().replace("[tls]", "[server]\nkmip_port = 0\n[tls]", 1)
        assert old in text
        # Paths in the file are relative to it, so the changed copy is a neighbour of the original.
        path = dev_folder / f"changed-{tmp_path.name}-{os.getpid()}.toml"
        path.write_text(text.replace(old, new))
        return path

    return write
