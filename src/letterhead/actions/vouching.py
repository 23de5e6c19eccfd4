"""What actions need of an identity provider; `letterhead.identity` fits it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from letterhead.mail.registration import Attempt


class Identity(Protocol):
    """An identity provider. Unreachable if it does not answer."""

    @property
    def name(self) -> str:
        """What stands on the button of the sign-in page."""
        ...

    async def look(self) -> None:
        """See whether the provider is there, and who it says to be."""
        ...

    async def address(self, attempt: Attempt) -> str:
        """Where a browser is sent to sign in there."""
        ...

    async def email(self, answer: Mapping[str, str], attempt: Attempt, now: datetime) -> str:
        """The address for which the provider vouches; Forbidden if it does not."""
        ...
