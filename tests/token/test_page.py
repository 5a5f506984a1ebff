"""docs/tokens.md says of each token what `token check` finds on it today."""

import pytest

from tests.support import tokens_page
from tests.token.tokens import KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_is_current(kind: str) -> None:
    said = tokens_page.column(tokens_page.PAGE.read_text(), kind)
    assert said == tokens_page.measured(kind), f"run {tokens_page.COMMAND}"
