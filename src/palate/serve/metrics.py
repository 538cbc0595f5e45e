"""Counts and times for Prometheus. Labels are routes, never addresses, so nothing of a person is in them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

BUCKETS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.12, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("route", "method", "status")
        self.requests = Counter("palate_requests", "Requests answered", labels, registry=self.registry)
        self.seconds = Histogram(
            "palate_request_seconds", "Seconds to an answer", ("route",), buckets=BUCKETS, registry=self.registry
        )
        self.jobs = Gauge("palate_jobs", "Jobs by state", ("state",), registry=self.registry)
        self.drawn = Counter("palate_pictures_drawn", "Pictures drawn", registry=self.registry)

    def seen(self, route: str, method: str, status: int, seconds: float) -> None:
        self.requests.labels(route, method, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        return generate_latest(self.registry)
