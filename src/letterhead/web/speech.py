"""How somebody is spoken to: in which language, and by which clock."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale
from babel.dates import format_date, format_datetime, format_time, format_timedelta
from babel.numbers import format_decimal
from starlette.requests import Request

from letterhead.web.words import LANGUAGES, SOURCE

LANGUAGE, ZONE = "language", "zone"  # the cookies

_MANY = 20  # languages that a browser may ask for
# English as most of the world writes its dates: 12 March 2026, 14:05.
_LOCALES = {SOURCE: "en_GB"}


@dataclass(frozen=True, slots=True)
class Speech:
    """A language, and a time zone; None: the browser has not told it, so times are in UTC."""

    language: str = SOURCE
    zone: ZoneInfo | None = None

    @property
    def locale(self) -> Locale:
        return Locale.parse(_LOCALES.get(self.language, self.language))

    @property
    def clock(self) -> tzinfo:
        return self.zone or UTC

    def moment(self, at: datetime) -> str:
        """A time to the minute; where it is in UTC because nothing else is known, it says so."""
        local = at.astimezone(self.clock)
        day = format_date(local, "long", locale=self.locale)
        words = f"{day}, {format_time(local, 'short', locale=self.locale)}"
        return words if self.zone else f"{words} UTC"

    def exactly(self, at: datetime) -> str:
        """The same to the second, with the name of the zone."""
        return format_datetime(at.astimezone(self.clock), "full", locale=self.locale)

    def day(self, at: datetime) -> str:
        return format_date(at.astimezone(self.clock), "long", locale=self.locale)

    def date(self, day: date) -> str:
        """A day that is one wherever its reader is: 12 Mar 2026."""
        return format_date(day, "medium", locale=self.locale)

    def number(self, many: int) -> str:
        """A number with its thousands apart."""
        return format_decimal(many, locale=self.locale)

    def ago(self, at: datetime, now: datetime) -> str:
        """How long ago something was: 3 days ago."""
        return format_timedelta(at - now, add_direction=True, locale=self.locale)

    def midnight(self, day: str, *, after: int = 0) -> datetime | None:
        """When a day (YYYY-MM-DD) begins here, or one `after` it; None where there is no day."""
        try:
            begins = datetime.fromisoformat(day[:10]).replace(tzinfo=self.clock)
            return (begins + timedelta(days=after)).astimezone(UTC)
        except (ValueError, OverflowError):
            return None


def speech_of(request: Request) -> Speech:
    """What somebody chose, else what their browser asks for."""
    chosen = request.cookies.get(LANGUAGE, "")
    asked = request.headers.get("accept-language", "")
    wanted = (each for each in [chosen, *_preferred(asked)] if each in LANGUAGES)
    zone = request.cookies.get(ZONE, "")
    return Speech(next(wanted, SOURCE), ZoneInfo(zone) if zone in _zones() else None)


def _preferred(header: str) -> Iterator[str]:
    """The languages of an Accept-Language header, the best first (RFC 9110, section 12.5.4)."""
    ranges = [part.partition(";") for part in header.split(",")[:_MANY]]
    for name, _, weight in sorted(ranges, key=lambda found: -_weight(found[2])):
        if _weight(weight) > 0:
            yield name.strip().lower().partition("-")[0]


def _weight(parameter: str) -> float:
    try:
        return float(parameter.partition("=")[2] or 1)
    except ValueError:
        return 0.0


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
