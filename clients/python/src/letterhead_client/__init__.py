"""Hand mail to Letterhead: `Client` for plain code, `AsyncClient` for asyncio."""

from letterhead_client.answers import Event, MessageState, Receipt, RecipientState, Suppression
from letterhead_client.asynchronous import AsyncClient
from letterhead_client.errors import (
    Conflict,
    FieldProblem,
    Forbidden,
    Invalid,
    LetterheadError,
    NotFound,
    Refused,
    TooLarge,
    TooMany,
    Unauthorized,
    Unavailable,
)
from letterhead_client.message import Address, Attachment, Message
from letterhead_client.retrying import Patience
from letterhead_client.synchronous import Client

__all__ = [
    "Address",
    "AsyncClient",
    "Attachment",
    "Client",
    "Conflict",
    "Event",
    "FieldProblem",
    "Forbidden",
    "Invalid",
    "LetterheadError",
    "Message",
    "MessageState",
    "NotFound",
    "Patience",
    "Receipt",
    "RecipientState",
    "Refused",
    "Suppression",
    "TooLarge",
    "TooMany",
    "Unauthorized",
    "Unavailable",
]
