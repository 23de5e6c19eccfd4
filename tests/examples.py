"""The replies that the catalogue of faults gives as examples, ready to be said by a server."""

from dataclasses import dataclass

from letterhead.mail import faults
from letterhead.mail.faults import Row
from letterhead.mail.reply import Reply, Stage


@dataclass(frozen=True, slots=True)
class Example:
    """What a server of a provider says at a stage, and the row of the catalogue that it is for."""

    row: Row
    stage: Stage

    def __str__(self) -> str:
        return f"{self.code} {self.row.when.example.splitlines()[0]}"  # as pytest names a test

    @property
    def code(self) -> str:
        return self.row.fault.code

    @property
    def provider(self) -> str:
        return min(self.row.when.providers, default="")

    @property
    def reply(self) -> Reply:
        code, _, text = self.row.when.example.partition(" ")
        return Reply(self.stage, int(code), text)

    @property
    def octets(self) -> bytes:
        """The reply as it comes over the wire."""
        code, _, text = self.row.when.example.partition(" ")
        lines = text.split("\n")
        said = [f"{code}-{each}\r\n" for each in lines[:-1]] + [f"{code} {lines[-1]}\r\n"]
        return "".join(said).encode()


def _stage(row: Row) -> Stage:
    """The first stage at which a server says it; at any, it is the answer to the recipient."""
    return next((each for each in Stage if each in row.when.stages), Stage.RECIPIENT)


EXAMPLES = [Example(row, _stage(row)) for row in faults.rows() if row.when.example]
