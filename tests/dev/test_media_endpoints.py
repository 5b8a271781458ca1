"""The receiver takes media as strictly as Langfuse and its bucket do."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from langfuse.api import MediaContentType
from starlette.testclient import TestClient

from langfuse_otel.dev._app import create_app
from langfuse_otel.dev._media import TYPES
from langfuse_otel.dev._store import Store
from received import media_of

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENT = b"something to see"
SHA256 = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
MEDIA_ID = SHA256.replace("+", "-").replace("/", "_")[:22]
MEDIA = "/api/public/media"
CREATE: dict[str, Any] = {
    "traceId": "0" * 31 + "1",
    "observationId": "0" * 15 + "1",
    "contentType": "image/png",
    "contentLength": len(CONTENT),
    "sha256Hash": SHA256,
    "field": "input",
}
CONFIRM = {"uploadedAt": "2026-11-21T08:00:00Z", "uploadHttpStatus": 200}
PNG = {"content-type": "image/png"}


@pytest.fixture
def store() -> Iterator[Store]:
    """Give an empty store in memory."""
    opened = Store()
    yield opened
    opened.close()


@pytest.fixture
def client(store: Store) -> TestClient:
    """Give a client with the right keys."""
    client = TestClient(create_app(store, public_key="pk", secret_key="sk"))
    client.auth = ("pk", "sk")  # type: ignore[assignment]
    return client


@pytest.fixture
def stranger(client: TestClient) -> TestClient:
    """Give a client of the same receiver without keys."""
    return TestClient(client.app)


def address(client: TestClient) -> str:
    """Ask for an address to upload to."""
    return str(client.post(MEDIA, json=CREATE).json()["uploadUrl"])


def test_upload(client: TestClient, stranger: TestClient, store: Store) -> None:
    """Created, stored without keys and confirmed, media can be seen."""
    created = client.post(MEDIA, json=CREATE)
    stored = stranger.put(created.json()["uploadUrl"], content=CONTENT, headers=PNG)
    confirmed = client.patch(f"{MEDIA}/{MEDIA_ID}", json=CONFIRM)
    shown = client.get(f"{MEDIA}/{MEDIA_ID}")
    given = stranger.get(shown.json()["url"])

    assert (created.status_code, created.json()["mediaId"]) == (201, MEDIA_ID)
    assert (stored.status_code, confirmed.status_code) == (200, 200)
    assert {**shown.json(), "url": "", "urlExpiry": ""} == {
        "mediaId": MEDIA_ID,
        "contentType": "image/png",
        "contentLength": len(CONTENT),
        "uploadedAt": CONFIRM["uploadedAt"],
        "url": "",
        "urlExpiry": "",
    }
    assert (given.content, given.headers["content-type"]) == (CONTENT, "image/png")
    assert media_of(store, CREATE["traceId"]) == [(CREATE["observationId"], "input", MEDIA_ID)]


def test_known_media_get_no_address(client: TestClient, stranger: TestClient, store: Store) -> None:
    """What is there is not uploaded again, but belongs to one more observation."""
    stranger.put(address(client), content=CONTENT, headers=PNG)
    client.patch(f"{MEDIA}/{MEDIA_ID}", json=CONFIRM)
    again = client.post(MEDIA, json={**CREATE, "observationId": None, "field": "output"})

    assert again.json() == {"mediaId": MEDIA_ID, "uploadUrl": None}
    assert len(media_of(store, CREATE["traceId"])) == 2


def test_another_type_is_uploaded_again(client: TestClient, stranger: TestClient) -> None:
    """The same bytes under another type are other media, in the place of the first."""
    stranger.put(address(client), content=CONTENT, headers=PNG)
    client.patch(f"{MEDIA}/{MEDIA_ID}", json=CONFIRM)
    again = client.post(MEDIA, json={**CREATE, "contentType": "image/gif"})

    assert again.json()["uploadUrl"]
    assert client.get(f"{MEDIA}/{MEDIA_ID}").status_code == 404


def test_failed_upload_is_not_shown(client: TestClient, stranger: TestClient) -> None:
    """What the client says has failed is not there."""
    stranger.put(address(client), content=CONTENT, headers=PNG)
    said = {**CONFIRM, "uploadHttpStatus": 403, "uploadHttpError": "no"}
    client.patch(f"{MEDIA}/{MEDIA_ID}", json=said)

    assert client.get(f"{MEDIA}/{MEDIA_ID}").status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"traceId": None},
        {"traceId": ""},
        {"observationId": 1},
        {"contentType": "image/x-icon"},
        {"contentType": None},
        {"contentLength": 0},
        {"contentLength": "16"},
        {"contentLength": True},
        {"contentLength": 10**19},
        {"contentType": []},
        {"sha256Hash": "0" * 64},
        {"sha256Hash": None},
        {"field": "trace"},
    ],
    ids=str,
)
def test_invalid_request(client: TestClient, change: dict[str, Any]) -> None:
    """A field of the wrong form is refused, with a message."""
    answer = client.post(MEDIA, json={**CREATE, **change})

    assert (answer.status_code, list(answer.json())) == (400, ["message"])


@pytest.mark.parametrize(
    "change",
    [
        {"uploadedAt": None},
        {"uploadedAt": "yesterday"},
        {"uploadHttpStatus": None},
        {"uploadHttpStatus": "200"},
        {"uploadHttpError": 1},
    ],
    ids=str,
)
def test_invalid_confirmation(client: TestClient, change: dict[str, Any]) -> None:
    """So is one of a confirmation."""
    address(client)
    answer = client.patch(f"{MEDIA}/{MEDIA_ID}", json={**CONFIRM, **change})

    assert (answer.status_code, list(answer.json())) == (400, ["message"])


@pytest.mark.parametrize("body", [b"", b"[]", b"{"])
def test_no_object(client: TestClient, body: bytes) -> None:
    """So is what is no JSON object."""
    assert client.post(MEDIA, content=body).status_code == 400


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (CONTENT, {"content-type": "image/gif"}),
        (CONTENT, {}),
        (CONTENT[:-1], PNG),
        (CONTENT[:-1] + b"!", PNG),
        (CONTENT, {**PNG, "x-amz-checksum-sha256": "A" * 44}),
        (CONTENT, {**PNG, "authorization": "Basic cGs6c2s="}),
    ],
    ids=["other-type", "no-type", "other-length", "other-bytes", "other-checksum", "with-keys"],
)
def test_bucket_is_strict(
    client: TestClient, stranger: TestClient, content: bytes, headers: dict[str, str]
) -> None:
    """An address takes exactly what it was signed for, and no keys beside its signature."""
    assert stranger.put(address(client), content=content, headers=headers).status_code == 400


@pytest.mark.parametrize("signature", ["", "?signature=", "?signature=0123", "?signature=%C3%A4"])
def test_address_needs_its_signature(client: TestClient, signature: str) -> None:
    """Without its signature an address opens nothing, also with the keys."""
    url = address(client).partition("?")[0] + signature

    assert client.put(url, content=CONTENT, headers=PNG).status_code == 403


def test_address_is_for_one_method(client: TestClient, stranger: TestClient) -> None:
    """Who may upload may not read by the same address."""
    assert stranger.get(address(client)).status_code == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", MEDIA), ("GET", f"{MEDIA}/x"), ("PATCH", f"{MEDIA}/x")],
)
def test_wrong_keys(stranger: TestClient, method: str, path: str) -> None:
    """The media API needs the key pair."""
    assert stranger.request(method, path).status_code == 401


def test_unknown_media(client: TestClient) -> None:
    """Media that were never announced are not found."""
    shown, confirmed = client.get(f"{MEDIA}/x"), client.patch(f"{MEDIA}/x", json=CONFIRM)

    assert (shown.status_code, confirmed.status_code) == (404, 404)


def test_types_are_those_of_the_api() -> None:
    """The types that are taken are the ones that Langfuse's API names."""
    assert {kind.value for kind in MediaContentType} == TYPES
