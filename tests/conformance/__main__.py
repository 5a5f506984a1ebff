"""`python -m tests.conformance`: replay the official test cases, print the score; an exclusion is a failure in it."""

import sys
from pathlib import Path

import pytest

CASES = Path(__file__).with_name("test_official.py")


def main() -> int:
    """Give pytest's exit code: 1 when a case that should pass does not, or one that should not does."""
    # The plugin's own dots and reasons say nothing that the score does not.
    return int(pytest.main([str(CASES), "-q", "-q", "-r", "N", "-p", "no:cacheprovider", "--tb=line"]))


if __name__ == "__main__":
    sys.exit(main())
