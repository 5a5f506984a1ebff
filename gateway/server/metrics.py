"""The text of /metrics, in Prometheus's form: numbers, and names of tokens: none of a client, a tenant or an object."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway.server.meters import BOUNDS, SOURCES, Meters
from gateway.server.tally import Tally

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Which further tokens there are, and whether each can be used.
Further = Callable[[], Mapping[str, bool]]
LIMITS = [*map(str, BOUNDS), "+Inf"]


class Snapshot(Collector):
    """The sums of all front ends; `failing` is what does not answer."""

    def __init__(self, meters: Meters, tally: Tally, failing: str, further: Mapping[str, bool]) -> None:
        self._meters = meters
        self._further = further
        self._tally = tally
        self._failing = failing

    def collect(self) -> Iterator[Metric]:
        """Give one family after the other."""
        yield self._requests()
        yield self._responses()
        yield GaugeMetricFamily("kmip_connections", "Open connections.", value=self._tally.open_connections())
        for name in ("token", "database", "audit"):
            up = float(self._failing != name)
            yield GaugeMetricFamily(f"kmip_{name}_up", f"1 when the {name} answers, else 0.", value=up)
        if self._further:
            yield self._further_tokens()

    def _requests(self) -> HistogramMetricFamily:
        help_ = "Seconds from a request message to its response."
        family = HistogramMetricFamily("kmip_request_seconds", help_, labels=("port", "encoding"))
        for place, source in enumerate(SOURCES):
            counts, seconds = self._meters.times(place)
            family.add_metric(source, list(zip(LIMITS, map(float, counts), strict=True)), seconds)
        return family

    def _further_tokens(self) -> GaugeMetricFamily:
        help_ = "1 when a worker of the token of [tokens.NAME] takes requests, else 0."
        family = GaugeMetricFamily("kmip_further_token_up", help_, labels=("token",))
        for name, up in self._further.items():
            family.add_metric((name,), float(up))
        return family

    def _responses(self) -> CounterMetricFamily:
        family = CounterMetricFamily("kmip_http_responses", "HTTP answers by status.", labels=("status",))
        for status, count in self._meters.statuses().items():
            family.add_metric((str(status),), count)
        return family


def metrics(meters: Meters, tally: Tally, failing: str, further: Mapping[str, bool]) -> bytes:
    """Give the body for one scrape."""
    registry = CollectorRegistry()
    registry.register(Snapshot(meters, tally, failing, further))
    return generate_latest(registry)
