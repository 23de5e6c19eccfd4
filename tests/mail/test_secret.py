"""A secret does not show itself."""

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letterhead.mail.secret import Secret


@given(st.text("xyz0", min_size=1))
def test_a_secret_is_shown_by_reveal_alone(value: str) -> None:
    secret = Secret(value)

    shown = {str(secret), repr(secret), f"{secret}", f"{secret:>99}", f"{secret!r}", "%s" % secret}  # noqa: UP031

    assert shown == {"Secret(***)"}
    assert secret.reveal() == value


def test_a_secret_does_not_travel_by_pickle_or_copy() -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Secret("a"))
    with pytest.raises(TypeError, match="not pickled"):
        copy.copy(Secret("a"))


def test_a_secret_has_no_attributes_to_print() -> None:
    assert not hasattr(Secret("a"), "__dict__")


def test_secrets_are_equal_by_value_and_to_secrets_alone() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


def test_an_empty_secret_is_none() -> None:
    assert not Secret("")
    assert Secret(" ")
