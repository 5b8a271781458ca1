"""A host that only a request vouches for is an address of the public internet, or nothing is sent."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest

from langfuse_otel._delivery.delivery import Delivery
from langfuse_otel._delivery.loop import run
from langfuse_otel._delivery.sender import NOT_PUBLIC, Delivered, Request, Sender
from langfuse_otel._destination import langfuse_destination
from langfuse_otel._hosts import is_public
from langfuse_otel._litellm.tenants import Tenant
from langfuse_otel._routes import Routes
from langfuse_otel.settings import Settings
from test_delivery import SOON_S, adds_up, an_item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langfuse_otel._destination import Destination
    from langfuse_otel.testing import Collector

NAME = "langfuse.tenants.example"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("::ffff:8.8.8.8", True),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("192.0.2.1", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("::127.0.0.1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:169.254.169.254", False),
        ("fe80::1%eth0", False),
        ("::ffff:127.0.0.1%eth0", False),
        ("fec0::1", False),
        ("fc00::1", False),
        ("fd00:ec2::254", False),
        ("ff02::1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("no address", False),
    ],
)
def test_public(address: str, expected: bool) -> None:
    """Only what the whole internet can reach is public."""
    assert is_public(address) is expected


class Resolver:
    """Knows one name: its addresses, those of the first question first."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.real = socket.getaddrinfo

    def __call__(self, host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        """Answer a question."""
        if host not in {NAME, NAME.encode()}:
            return self.real(host, port, *rest, **options)
        address = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))]


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The name resolves to this machine."""
    monkeypatch.setattr(socket, "getaddrinfo", Resolver("127.0.0.1"))
    return


def project(collector: Collector, *, is_public_only: bool = True) -> Destination:
    """Return the collector's project, its host by name."""
    host = collector.url.replace("127.0.0.1", NAME)
    found = langfuse_destination(host, collector.public_key, collector.secret_key)
    return replace(found, is_public_only=is_public_only)


def outcomes(*destinations: Destination) -> list[object]:
    """Return what becomes of a request to each, with one sender, in the loop of the delivery."""
    found: list[object] = []

    async def work() -> None:
        sender = Sender()
        found.extend([await sender.post(destination, b"", 2) for destination in destinations])
        await sender.aclose()

    run(work)
    return found


@pytest.mark.usefixtures("inside")
def test_a_name_that_leads_inside(collector: Collector) -> None:
    """What a request may name by the end of its name alone never leads into the own network."""
    delivery = Delivery(Sender)
    delivery.submit(an_item(1, project(collector)))
    assert delivery.flush(SOON_S)

    assert delivery.stats().dropped == {"host_not_allowed": 1}
    assert adds_up(delivery)
    assert not collector.bodies
    assert not collector.refused
    delivery.submit(an_item(2, project(collector, is_public_only=False)))
    assert delivery.flush(SOON_S)
    assert len(collector.spans) == 1
    delivery.shutdown(1)


@pytest.mark.usefixtures("inside")
def test_a_kept_connection(collector: Collector) -> None:
    """A connection that another project's requests have opened is not used."""
    trusted = project(collector, is_public_only=False)

    assert outcomes(trusted, project(collector)) == [Delivered(), NOT_PUBLIC]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[fe80::1%25lo]",
    ],
)
def test_an_address_in_place_of_a_name(collector: Collector, host: str) -> None:
    """An address in any form, which nobody has to look up, leads inside no more than a name does."""
    port = urlsplit(collector.url).port
    request = Request("PUT", f"http://{host}:{port}/", {}, b"bytes", is_public_only=True)
    found: list[object] = []

    async def work() -> None:
        sender = Sender()
        found.append(await sender.ask(request, 2))
        await sender.aclose()

    run(work)

    assert found == [NOT_PUBLIC]


@pytest.mark.usefixtures("inside")
def test_a_proxy_in_between(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """No HTTP proxy is asked, which would look the name up itself."""
    monkeypatch.setenv("HTTP_PROXY", collector.url)

    assert outcomes(project(collector)) == [NOT_PUBLIC]
    assert not collector.refused


def test_a_name_that_resolves_otherwise_later(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address that is checked is the one that is connected to: the name is asked once."""
    resolver = Resolver("192.88.99.254", "127.0.0.1")
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    monkeypatch.setattr(
        "langfuse_otel._delivery.loop.is_public", lambda address: address != "127.0.0.1"
    )
    [outcome] = outcomes(project(collector))

    assert outcome != Delivered()
    assert resolver.answers == ["127.0.0.1"]
    assert not collector.bodies


def test_no_redirect() -> None:
    """Such a host sends nobody elsewhere."""
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(307, headers={"Location": "/again"})

    async def work() -> None:
        sender = Sender(httpx.MockTransport(answer))
        destination = langfuse_destination(f"https://{NAME}", "pk", "sk")
        await sender.post(replace(destination, is_public_only=True), b"", 2)

    run(work)

    assert len(seen) == 1


@pytest.mark.parametrize(
    ("host", "allowed", "expected"),
    [
        (f"https://{NAME}", "*.tenants.example", True),
        (f"https://{NAME}", f"*.tenants.example,{NAME}", False),
        ("https://us.cloud.langfuse.com", "*.langfuse.com", False),
        ("https://ours.example", "*.example", False),
    ],
)
def test_which_hosts(host: str, allowed: str, expected: bool) -> None:
    """Only a host that the operator knows by the end of its name has to be public."""
    settings = Settings(host="https://ours.example", allowed_hosts=allowed)
    routes = Routes(settings, lambda _: None)
    named = routes.of(Tenant("pk", "sk", host, is_host_foreign=True))
    pinned = routes.of(Tenant("pk", "sk", host))

    assert not isinstance(named, str)
    assert not isinstance(pinned, str)
    assert (named.is_public_only, pinned.is_public_only) == (expected, False)
