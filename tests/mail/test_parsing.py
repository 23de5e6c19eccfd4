"""Fields are read as Python reads them, whether they were met before or not."""

from email.headerregistry import HeaderRegistry
from typing import Any

import pytest

from letterhead.mail.parsing import parsed


@pytest.mark.parametrize("value", ["Hart & Co <office@hart.test>", "a@b.test, " * 100 + "c@d.test"])
def test_a_field_that_was_met_before_reads_the_same(value: str) -> None:
    plain: Any = HeaderRegistry()("to", value)

    again = [parsed("to", value) for _ in range(2)]

    assert [each.addresses for each in again] == [plain.addresses] * 2


def test_the_same_value_in_another_field_is_another_thing() -> None:
    both = [parsed(name, "office@hart.test") for name in ("to", "subject")]

    assert [hasattr(each, "addresses") for each in both] == [True, False]
