"""The engine: a Spark Connect session, and the process or thread that answers it.

Today one engine: Sail, in this process, on a loopback port (no Java). Reading and writing tables is `storage`'s trade.
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakehouse_assets.errors import EngineError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

logger = logging.getLogger(__name__)

ENGINES = ("sail",)


@dataclass(frozen=True)
class Engine:
    """A running engine.

    Args:
        name: which one answers.
        session: the Connect session; its time zone is UTC.
        server: what must be stopped at the end.
    """

    name: str
    session: SparkSession
    server: Any

    def stop(self) -> None:
        """End the session and the server. Safe to call once, at the end of the process or of a test."""
        self.session.stop()
        self.server.stop()


def start_engine(name: str) -> Engine:
    """Start the engine and connect to it.

    Args:
        name: one of `ENGINES`.

    Raises:
        EngineError: the name is unknown, or the engine did not start.
    """
    if name not in ENGINES:
        raise EngineError(f"Unknown engine {name!r}. Set LAKEHOUSE_ENGINE to one of: {', '.join(ENGINES)}.")
    # Sail logs every session at INFO and every shutdown at WARN; who debugs it sets RUST_LOG.
    os.environ.setdefault("RUST_LOG", "error")
    started = time.monotonic()
    try:
        from pysail.spark import SparkConnectServer
        from pyspark.sql import SparkSession

        server = SparkConnectServer("127.0.0.1", 0)
        server.start(background=True)
        host, port = server.listening_address
        session = SparkSession.builder.remote(f"sc://{host}:{port}").create()
    except (ImportError, OSError, RuntimeError) as error:
        raise EngineError(
            f"The embedded engine did not start: {error}. Nothing was written. "
            "Install the locked requirements again (./run_pipeline.sh does) and retry."
        ) from error
    # Sail takes the machine's zone otherwise, and naive times would be read in it.
    session.conf.set("spark.sql.session.timeZone", "UTC")
    # Otherwise PySpark walks the stack and tries to import IPython at every column expression: a tenth of a small run.
    session.conf.set("spark.python.sql.dataFrameDebugging.enabled", "false")
    logger.info("engine %s answers on %s:%s after %.2f s", name, host, port, time.monotonic() - started)
    return Engine(name, session, server)
