"""What a template may say is found by trial, and one failure that passes is no proof that it may say less."""

import pytest

from gateway.token.failures import CryptokiError
from gateway.token.rights import takes_only_true
from gateway.token.templates import RIGHT_ATTRIBUTES
from gateway.token.testbench import Bench

CKR_ATTRIBUTE_VALUE_INVALID = 0x13


class Refusing(Bench):
    """The bench of a token that refuses a template with a right that is False, so many times."""

    def __init__(self, refusals: int) -> None:
        self.left = refusals

    def renew(self) -> None:
        """There is no session here."""

    def made(self, attributes):
        if self.left and any(attributes.get(right) is False for right in RIGHT_ATTRIBUTES.values()):
            self.left -= 1
            raise CryptokiError(CKR_ATTRIBUTE_VALUE_INVALID, "CreateObject")
        return 1


@pytest.mark.parametrize(("refusals", "found"), [(0, False), (1, False), (1000, True)])
def test_rights_are_left_out_only_where_they_are_refused_each_time(refusals, found):
    assert takes_only_true(Refusing(refusals)) is found
