"""Codes that a person enters."""

from letterhead.api.body import Body
from letterhead.errors import Invalid, Problem


class CodeBody(Body):
    """Six digits that came by mail."""

    code: str = ""


def demand_right(left: int | None, of: str) -> None:
    """Say that a code of a mail was wrong, and how many tries are `left`; None if it was right."""
    if left is None:
        return
    rest = f"You can try {left} more times." if left else "It is void now: let another one be sent."
    raise Invalid([Problem("code", "wrong", f"This is not the code of the {of}. {rest}")])
