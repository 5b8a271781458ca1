"""An MCP server on loopback, with one tool that answers and one that fails."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn
from mcp.server import MCPServer

if TYPE_CHECKING:
    from collections.abc import Iterator

START_S = 20.0


@contextmanager
def a_tool_server() -> Iterator[str]:
    """Run the server and yield the address of its MCP endpoint."""
    app = _tools().streamable_http_app()
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, ws="none"))
    running = threading.Thread(target=server.run, daemon=True)
    running.start()
    try:
        yield f"http://127.0.0.1:{_port(server)}/mcp"
    finally:
        server.should_exit = True
        running.join(START_S)


def _tools() -> MCPServer:
    tools = MCPServer("house", log_level="CRITICAL")

    @tools.tool()
    def add(a: int, b: int) -> str:
        """Add two numbers."""
        return str(a + b)

    @tools.tool()
    def fall(height: int) -> str:
        """Fail."""
        raise ValueError(f"fell {height} m")

    return tools


def _port(server: uvicorn.Server) -> int:
    deadline = time.monotonic() + START_S
    while not server.started:
        if time.monotonic() > deadline:
            raise RuntimeError("the MCP server did not start")
        time.sleep(0.01)
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port
