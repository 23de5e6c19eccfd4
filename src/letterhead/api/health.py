"""Whether the service is well, for load balancers and for people who look after it."""

from collections.abc import Callable, Iterator, Mapping

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from letterhead.api.access import OfficeOf
from letterhead.errors import LetterheadError

router = APIRouter(tags=["health"])

Counts = Callable[[], Mapping[str, Mapping[str, int]]]  # families, by outcome

_FAMILIES: Mapping[str, tuple[type[CounterMetricFamily | GaugeMetricFamily], str]] = {
    "recipients": (CounterMetricFamily, "Recipients by outcome since the start."),
    "submission": (CounterMetricFamily, "Messages and sign-ins by SMTP since the start."),
    "submission_sessions": (GaugeMetricFamily, "Connections by SMTP at the moment."),
}


@router.get("/healthz")
async def healthz(office: OfficeOf) -> Response:
    """
    Whether the operator must act: `red` and 503 if so, with `problems` in words.

    Mail is taken all the same (see /readyz). `captures` says that the platform's mail is kept and
    does not leave, `redirects_to` that every mail goes to one address, `submission` on which ports
    mail is taken by SMTP.
    """
    try:
        problems = await office.store.problems(office.clock())
    except LetterheadError as error:
        problems = [str(error)]
    shown = {
        "status": "red" if problems else "ok",
        "problems": problems,
        "captures": office.captures,
        "redirects_to": office.platform.redirect_all_to or None,
        "submission": office.submission,
    }
    return JSONResponse(shown, status_code=503 if problems else 200)


@router.get("/readyz")
async def readyz(office: OfficeOf) -> Response:
    """The database answers, so that requests can be served."""
    try:
        async with office.store.look_around() as rows:
            await rows.count_portals()
    except LetterheadError as error:
        return JSONResponse({"status": "unavailable", "detail": str(error)}, status_code=503)
    return JSONResponse({"status": "ok"})


def metrics(counts: Counts) -> APIRouter:
    """The route that shows what was counted since the start, for Prometheus."""
    registry = CollectorRegistry()
    registry.register(_Counted(counts))
    counted = APIRouter(tags=["health"])

    @counted.get("/metrics")
    async def show() -> Response:
        """What was counted since the start, in the text format of Prometheus."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return counted


class _Counted(Collector):
    """What was counted, in families of Prometheus."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        for name, counted in self._counts().items():
            made, text = _FAMILIES[name]
            family = made(f"letterhead_{name}", text, labels=["outcome"])
            for outcome, count in counted.items():
                family.add_metric([outcome], count)
            yield family
