"""Walks the tree of a domain's SPF record, within limits."""

from collections.abc import Awaitable, Callable, Sequence

from letterhead.dns.authority import NoAnswer, NoName
from letterhead.mail import spf_record
from letterhead.mail.said import said, spoken
from letterhead.mail.spf import LOOKUPS, MAIL_SERVERS, Node
from letterhead.mail.spf_record import Term

Records = Callable[[str, str], Awaitable[Sequence[str]]]

_NODES = 40  # records that are read for one domain
_KINDS = {"a": ("A", "AAAA"), "exists": ("A",), "mx": ("MX",)}

_LOOPS = said("the record includes itself: take that term out.")
_EXPLODES = said("the record includes too much: take out what is not needed.")
_LEADS_NOWHERE = said("another record leads here, and it has no SPF record: take that term out.")
_DEPENDS = said("Depends on who sends: not followed.")


class Survey:
    """Walks one tree: a domain must not cost more than a receiver would spend."""

    def __init__(self, records: Records) -> None:
        """`records` gives those of a name and kind, as `NoName` and `NoAnswer` let it."""
        self._records = records
        self._nodes = 0
        self._lookups = 0

    async def node(self, domain: str, path: tuple[str, ...]) -> Node:
        """What stands at `domain`, and below; `path` are the domains that led here."""
        self._nodes += 1
        if domain in path:
            return Node(domain, problem=_LOOPS)
        if self._nodes > _NODES:
            return Node(domain, problem=_EXPLODES)
        try:
            found = await self._records(domain, "TXT")
        except NoName:
            return Node(domain, problem=_LEADS_NOWHERE if path else "", exists=False)
        except NoAnswer:
            return Node(domain, unanswered=(domain,))
        return await self._only([each for each in found if spf_record.is_spf(each)], domain, path)

    async def _only(self, found: Sequence[str], domain: str, path: tuple[str, ...]) -> Node:
        if not found:
            return Node(domain, problem=_LEADS_NOWHERE if path else "")
        if len(found) > 1:
            shown = "\n".join(found)[: spf_record.RECORD_LIMIT]
            return Node(domain, shown, problem=_several(len(found)))
        return await self._read(domain, found[0], (*path, domain))

    async def _read(self, domain: str, text: str, path: tuple[str, ...]) -> Node:
        shown = text[: spf_record.RECORD_LIMIT]
        try:
            terms = tuple(spf_record.parse(text).effective)
        except spf_record.NotSpf as error:
            return Node(domain, shown, problem=spoken(error))
        below: dict[int, Node] = {}
        found: dict[Term, int | None] = {}
        for at, term in enumerate(terms):
            self._lookups += term.asks
            if term.name in {"include", "redirect"}:
                below[at] = await self._below(term, path)
            elif term.name in _KINDS and not term.has_macro and self._lookups <= LOOKUPS:
                found[term] = await self._count(term, domain)
        return Node(
            domain,
            shown,
            problem=_too_many(found),
            terms=terms,
            below=below,
            voids=[each.text for each, count in found.items() if count == 0],
            unanswered=[each.target or domain for each, count in found.items() if count is None],
        )

    async def _below(self, term: Term, path: tuple[str, ...]) -> Node:
        return (
            Node(term.target, note=_DEPENDS)
            if term.has_macro
            else await self.node(term.target, path)
        )

    async def _count(self, term: Term, domain: str) -> int | None:
        """How many records a look-up finds; None if nobody says."""
        for kind in _KINDS[term.name]:
            try:
                if found := await self._records(term.target or domain, kind):
                    return len(found)
            except NoName:
                return 0
            except NoAnswer:
                return None
        return 0


def _several(count: int) -> str:
    return said(
        "there are {count} SPF records, and one is allowed: "
        "put their terms into one record, and delete the others.",
        count=count,
    )


def _too_many(found: dict[Term, int | None]) -> str:
    """Say which `mx` leads to more servers than receivers look up (section 4.6.4)."""
    for term, count in found.items():
        if term.name == "mx" and (count or 0) > MAIL_SERVERS:
            return said(
                "{term} leads to {count} mail servers, and {allowed} are allowed: "
                "put ip4: and ip6: in its place.",
                term=repr(term.text),
                count=count,
                allowed=MAIL_SERVERS,
            )
    return ""
