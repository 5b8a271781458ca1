"""The examples of deployments are whole, and speak of what there is."""

from __future__ import annotations

import json
from importlib.metadata import entry_points, metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from langfuse_otel.settings import Settings, variables

if TYPE_CHECKING:
    from collections.abc import Iterator

DEPLOY = Path(__file__).parents[1] / "examples/deploy"
COLLECTORS = ["collector.yaml", "collector-balancer.yaml"]
KINDS = ("receivers", "processors", "exporters")
OURS = ("LANGFUSE_", "OTEL_")


def documents(name: str) -> list[Any]:
    """Return the documents of an example."""
    return list(yaml.safe_load_all((DEPLOY / name).read_text()))


def environments() -> Iterator[dict[str, str]]:
    """Yield the variables of each proxy in the examples."""
    [compose] = documents("docker-compose.yaml")
    yield compose["services"]["litellm"]["environment"]
    for document in documents("kubernetes.yaml"):
        if document["metadata"]["name"] == "litellm" and document["kind"] == "Deployment":
            [container] = document["spec"]["template"]["spec"]["containers"]
            yield {entry["name"]: entry["value"] for entry in container["env"]}


@pytest.mark.parametrize("path", sorted(DEPLOY.glob("*.yaml")), ids=lambda path: path.name)
def test_yaml(path: Path) -> None:
    """Every example is YAML with something in it."""
    assert all(isinstance(document, dict) for document in documents(path.name))


@pytest.mark.parametrize("environment", list(environments()), ids=["compose", "kubernetes"])
def test_settings(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxies' variables are settings of ours, and their values lead to the Collector."""
    known = {variable for name in Settings.model_fields for variable in variables(name)}
    ours = {name: value for name, value in environment.items() if name.startswith(OURS)}
    for name, value in ours.items():
        monkeypatch.setenv(name, value)

    assert set(ours) <= known
    assert Settings().destination().traces_url == "http://collector:4318/v1/traces"
    assert dict(Settings().destination().headers)["x-langfuse-project"] == "default"


@pytest.mark.parametrize("name", COLLECTORS)
def test_pipelines(name: str) -> None:
    """Every part of a Collector's pipelines is configured, and every configured part is used."""
    [config] = documents(name)
    connectors = set(config.get("connectors", {}))
    pipelines = config["service"]["pipelines"].values()

    for kind in KINDS:
        used = {part for pipeline in pipelines for part in pipeline.get(kind, [])}
        assert used - connectors == set(config[kind])
    assert set(config["service"].get("extensions", [])) == set(config.get("extensions", {}))


def test_routes() -> None:
    """Every project that the Collector routes to has its pipeline and its own keys."""
    [config] = documents("collector.yaml")
    routing = config["connectors"]["routing"]
    routed = {pipeline for route in routing["table"] for pipeline in route["pipelines"]}
    keys = [exporter["headers"]["Authorization"] for exporter in config["exporters"].values()]

    assert routed | set(routing["default_pipelines"]) < set(config["service"]["pipelines"])
    assert len(set(keys)) == len(keys)


def test_proxy() -> None:
    """The proxy of the examples has our callback."""
    [config] = documents("litellm.yaml")

    assert config["litellm_settings"]["callbacks"] == ["langfuse_otel.callback"]


def test_image() -> None:
    """The Dockerfile has one base, installs an extra that there is, and starts what that brings."""
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    [installed] = [rest for name, rest in steps if name == "RUN"]
    [entry] = [json.loads(rest) for name, rest in steps if name == "ENTRYPOINT"]

    assert [name for name, _ in steps] == ["FROM", "RUN", "EXPOSE", "ENTRYPOINT", "CMD"]
    assert ":latest" not in steps[0][1]
    assert "proxy" in (metadata("langfuse-otel").get_all("Provides-Extra") or [])
    assert installed.endswith("'langfuse-otel[proxy]'")
    assert entry[0] in {script.name for script in entry_points(group="console_scripts")}
