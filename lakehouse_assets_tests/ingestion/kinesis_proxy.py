"""An HTTP server in front of a Kinesis server: it injects faults, drops replies, and alters what the server cannot do.

The server (moto) keeps closed shards without an end, moves records when it splits, keeps them for ever, and stamps them
with its own clock. Here a test says which shards are closed and whose children they are, what was trimmed, and when a
record arrived.
"""

from __future__ import annotations

import base64
import json
import socket
import struct
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DROPPED = "the reply is dropped"
CUT = "the reply ends in the middle"


@dataclass
class Fault:
    """What happens to requests instead, or to their replies.

    Args:
        action: such as `GetRecords`.
        kind: DROPPED, CUT, or the name of an error of AWS.
        status: of the error.
        times: how many requests.
        shard_id: of requests for a shard only, or None for all.
        text: of the error.
    """

    action: str
    kind: str
    status: int = 400
    times: int = 1
    shard_id: str | None = None
    text: str = "said by the proxy"


@dataclass
class Proxy:
    """What it does, to be changed by a test, and what it saw."""

    upstream: str
    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    trimmed_up_to: dict[str, int] = field(default_factory=dict)
    refuses_trimmed: bool = False
    repeats: bool = False
    page_records: int | None = None
    arrived_at: Callable[[bytes], datetime] | None = None
    behind_milliseconds: int | None = None
    before: Callable[[str, dict[str, Any]], None] | None = None
    seen: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def count(self, action: str) -> int:
        return sum(1 for name, _ in self.seen if name == action)

    def shards_read(self) -> list[str]:
        """The shards of all `GetRecords`, in order."""
        return [shard_of(body) or "" for action, body in self.seen if action == "GetRecords"]

    def take_fault(self, action: str, body: dict[str, Any]) -> Fault | None:
        for fault in self.faults:
            if fault.action == action and fault.times and fault.shard_id in (None, shard_of(body)):
                fault.times -= 1
                return fault
        return None

    def alter(self, action: str, body: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
        if action == "ListShards":
            return self._listed(reply)
        return self._page(shard_of(body) or "", reply) if action == "GetRecords" else reply

    def _listed(self, reply: dict[str, Any]) -> dict[str, Any]:
        shards = [shard for shard in reply["Shards"] if shard["ShardId"] not in self.hidden]
        for shard in shards:
            parents = self.parents.get(shard["ShardId"], ())
            names = ("ParentShardId", "AdjacentParentShardId")
            shard.update(dict(zip(names, parents, strict=False)))
        return reply | {"Shards": shards}

    def _page(self, shard_id: str, reply: dict[str, Any]) -> dict[str, Any]:
        trimmed = self.trimmed_up_to.get(shard_id, 0)
        records = [record for record in reply["Records"] if int(record["SequenceNumber"]) > trimmed]
        for record in records:
            if self.arrived_at is not None:
                time = self.arrived_at(base64.b64decode(record["Data"]))
                record["ApproximateArrivalTimestamp"] = time.timestamp()
        if self.repeats:
            records = [*reversed(records), *records[:1]]
        altered = reply | {"Records": records}
        if shard_id in self.closed and not reply["MillisBehindLatest"]:
            altered.pop("NextShardIterator")
        if self.behind_milliseconds is not None:
            altered["MillisBehindLatest"] = self.behind_milliseconds
        return altered


def shard_of(body: dict[str, Any]) -> str | None:
    """The shard of a request; moto's iterators say it."""
    if "ShardIterator" in body:
        return base64.decodebytes(body["ShardIterator"].encode()).decode().split(":")[1]
    return body.get("ShardId")


def _error(kind: str, text: str) -> bytes:
    return json.dumps({"__type": kind, "message": text}).encode()


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            action = self.headers["X-Amz-Target"].split(".")[1]
            body = json.loads(raw)
            proxy.seen.append((action, body))
            if proxy.before is not None:
                proxy.before(action, body)
            if proxy.page_records and "Limit" in body:
                raw = json.dumps(body | {"Limit": min(body["Limit"], proxy.page_records)}).encode()
            fault = proxy.take_fault(action, body)
            if fault is not None and fault.kind not in (DROPPED, CUT):
                self._send(fault.status, _error(fault.kind, fault.text))
            elif self._asks_for_what_was_trimmed(body):
                self._send(400, _error("InvalidArgumentException", "trimmed"))
            else:
                self._forward(action, body, raw, fault.kind if fault else None)

        def _asks_for_what_was_trimmed(self, body: dict[str, Any]) -> bool:
            after = int(body.get("StartingSequenceNumber", "0"))
            return proxy.refuses_trimmed and 0 < after < proxy.trimmed_up_to.get(body.get("ShardId", ""), 0)

        def _forward(self, action: str, body: dict[str, Any], raw: bytes, fault: str | None) -> None:
            kept = ("X-Amz-Target", "Content-Type", "Authorization", "X-Amz-Date")
            headers = {name: self.headers[name] for name in kept if self.headers[name]}
            request = urllib.request.Request(proxy.upstream, raw, headers)
            try:
                with urllib.request.urlopen(request, timeout=30) as answered:
                    status, reply = answered.status, answered.read()
            except urllib.error.HTTPError as error:
                with error:
                    status, reply = error.code, error.read()
            if status == 200 and reply:
                reply = json.dumps(proxy.alter(action, body, json.loads(reply))).encode()
            if fault == DROPPED:
                # Resets the connection.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            else:
                self._send(status, reply, len(reply) // 2 if fault == CUT else None)

        def _send(self, status: int, reply: bytes, end: int | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply[:end])

        def handle(self) -> None:
            try:
                super().handle()
            except (OSError, ValueError):
                # A connection that was dropped on purpose, or by a client that was killed.
                self.close_connection = True

        def finish(self) -> None:
            try:
                super().finish()
            except (OSError, ValueError):
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Tests look at `seen`."""

    return Handler


@contextmanager
def running_proxy(upstream: str) -> Iterator[Proxy]:
    """A proxy on a free port."""
    proxy = Proxy(upstream)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(proxy))
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
