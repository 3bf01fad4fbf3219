"""What a worker says of itself: Prometheus metrics, /healthz and /readyz."""

from __future__ import annotations

import threading
import time
from collections import Counter as Counted
from collections.abc import Iterable, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

STALLED_S = 30.0
"""Seconds without a beat of the event loop after which a worker is not healthy."""


class Health:
    """State and metrics of one worker; safe to read from another thread."""

    def __init__(self) -> None:
        self.state = "starting"
        self.beaten = time.monotonic()
        self.registry = CollectorRegistry()
        of: dict[str, Any] = {"registry": self.registry}
        self.events = Counter("agentrisk_events", "events scored", ["kind"], **of)
        self.records = Counter("agentrisk_records", "records read from the input topics", ["kind"], **of)
        self.outputs = Counter("agentrisk_outputs", "records sent to the output topics", ["kind"], **of)
        self.rejected = Gauge("agentrisk_rejected", "rows rejected, by what was expected", ["reason"], **of)
        self.late = Gauge("agentrisk_late", "events that came too late", ["partition"], **of)
        self.agents = Gauge("agentrisk_agents", "agents alive", ["partition"], **of)
        self.lag = Gauge("agentrisk_lag_seconds", "wall clock less the newest event time applied", ["partition"], **of)
        self.scores = Histogram("agentrisk_score", "scores written", buckets=(1, 5, 10, 25, 50, 70, 90, 100), **of)
        self.batch_rows = Histogram(
            "agentrisk_batch_events", "events applied at once", buckets=(1, 10, 100, 1e3, 1e4, 1e5), **of
        )
        self.batch_seconds = Histogram("agentrisk_batch_seconds", "seconds to apply a chunk and send what leaves", **of)
        self.checkpoints = Gauge("agentrisk_checkpoints", "checkpoints written", **of)
        self.checkpoint_bytes = Gauge("agentrisk_checkpoint_bytes", "bytes of the last checkpoint", **of)
        self.checkpoint_seconds = Gauge("agentrisk_checkpoint_seconds", "seconds of the last checkpoint", **of)
        self.partitions = Gauge("agentrisk_partitions", "partitions owned", **of)
        self.refused: dict[int, Counted[str]] = {}
        self.fenced = Gauge("agentrisk_fenced", "partitions that another worker took over first", **of)

    def beat(self) -> None:
        """The event loop lives."""
        self.beaten = time.monotonic()

    def applied(self, pieces: Sequence[Any], outputs: Sequence[Any], share: Any, seconds: float) -> None:
        """Records of one or more topics were applied."""
        self.beat()
        for piece in pieces:
            self.records.labels(piece.kind).inc(piece.records)
            self.events.labels(piece.kind).inc(len(piece.keys) + len(piece.entries))
        self.batch_rows.observe(sum(len(piece.keys) for piece in pieces))
        self.batch_seconds.observe(seconds)
        for output in outputs:
            self.outputs.labels(output.kind).inc()
            if output.kind == "score":
                self.scores.observe(output.record["score"])
        partition = str(share.number)
        self.agents.labels(partition).set(len(share.scorer.agents))
        self.late.labels(partition).set(sum(share.scorer.account.late))
        if share.scorer.clock:
            self.lag.labels(partition).set(max(0.0, time.time() - share.scorer.clock / 1e6))
        self.refused[share.number] = share.rejected
        if any(output.kind == "rejected" for output in outputs):
            self._count_refused()

    def owned(self, partitions: Iterable[int]) -> None:
        """These partitions are ours, the others no longer."""
        self.partitions.set(len(set(partitions)))
        for gone in set(self.refused) - set(partitions):
            del self.refused[gone]
            for gauge in (self.agents, self.late, self.lag):
                with suppress(KeyError):
                    gauge.remove(str(gone))
        self._count_refused()

    def _count_refused(self) -> None:
        for reason, count in sum(self.refused.values(), Counted()).items():
            self.rejected.labels(reason[:120]).set(count)

    def checkpoint(self, store: Any) -> None:
        """Checkpoints were written."""
        self.checkpoints.set(store.written.count)
        self.checkpoint_bytes.set(store.written.last_bytes)
        self.checkpoint_seconds.set(store.written.last_seconds)
        self.fenced.set(store.fenced)

    @property
    def healthy(self) -> bool:
        """Whether the event loop has beaten lately."""
        return time.monotonic() - self.beaten < STALLED_S and self.state != "failed"

    @property
    def ready(self) -> bool:
        """Whether events are being applied."""
        return self.healthy and self.state == "running"

    def serve(self, port: int, host: str = "") -> ThreadingHTTPServer:
        """Answer /metrics, /healthz and /readyz from a thread of its own."""
        health = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/metrics":
                    self.answer(200, generate_latest(health.registry), CONTENT_TYPE_LATEST)
                elif self.path == "/healthz":
                    self.answer(200 if health.healthy else 503, health.state.encode() + b"\n")
                elif self.path == "/readyz":
                    self.answer(200 if health.ready else 503, health.state.encode() + b"\n")
                else:
                    self.answer(404, b"expected /metrics, /healthz or /readyz\n")

            def answer(self, status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                return

        server = ThreadingHTTPServer((host, port), Handler)
        threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
        return server
