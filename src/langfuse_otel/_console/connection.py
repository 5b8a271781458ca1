"""Whether a server can be reached: its name, its port, TLS, and an HTTP proxy in between."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

from langfuse_otel._console.report import Finding


def name_finding(url: str) -> Finding:
    """Return whether the host in an address has a network address."""
    host = urlsplit(url).hostname or ""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        return Finding(
            "name",
            good=False,
            text=f"{host} has no address: {error.strerror or error}",
            cure="Check the spelling of the host and that this machine's DNS knows it.",
        )
    return Finding("name", good=True, text=f"{host} is {found[0][4][0]}")


def connection_finding(url: str, proxy: str | None, timeout_s: float) -> Finding:
    """Return whether the server at an address listens, or the HTTP proxy that leads to it."""
    parts = urlsplit(proxy or url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    through = f"the HTTP proxy {host}:{port} answers: the environment names it for this host"
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as plain:
            if proxy:
                return Finding("connection", good=True, text=through)
            if secure:
                with ssl.create_default_context().wrap_socket(plain, server_hostname=host) as tls:
                    return Finding(
                        "connection", good=True, text=f"port {port} answers, {tls.version()}"
                    )
    except ssl.SSLError as error:
        cure = (
            "A company's own certificate authority? Point SSL_CERT_FILE to its certificate. "
            "A server without TLS? Write http:// in front of the host."
        )
        reason = getattr(error, "verify_message", "") or error.reason or error
        return Finding(
            "connection", good=False, text=f"TLS with {host}:{port} failed: {reason}", cure=cure
        )
    except OSError as error:
        cure = (
            "It is the HTTP proxy that the environment names (HTTPS_PROXY); NO_PROXY takes hosts out."
            if proxy
            else "Is the server up, the port right, and no firewall or proxy in between?"
        )
        text = f"cannot connect to {host}:{port}: {error.strerror or error}"
        return Finding("connection", good=False, text=text, cure=cure)
    return Finding("connection", good=True, text=f"port {port} answers, without TLS")
