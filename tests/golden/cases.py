"""
Golden cases: span attributes in, fields in Langfuse out, on both of its write paths.

Each case is one span. `attributes` are what goes over the wire, with their types; `legacy` and
`direct` are fields of the stored observation, `legacy_trace` and `direct_trace` of the trace that
this span alone makes. `DROPPED` stands for an observation that is not stored at all. `facts` names
the rule: the section of the notes on Langfuse's ingestion (observation, metadata, content, usage,
cost, trace) and the field.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Final

DROPPED: Final = {"is_dropped": True}
"""What the server stores of an observation that its schema or its database refuses: nothing."""

START_NS: Final = 1_700_000_000_123_456_789
END_NS: Final = 1_700_000_001_623_456_789

Attributes = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One span and what Langfuse makes of it."""

    id: str
    facts: str
    attributes: Attributes
    legacy: Attributes = field(default_factory=dict)
    direct: Attributes = field(default_factory=dict)
    legacy_trace: Attributes = field(default_factory=dict)
    direct_trace: Attributes = field(default_factory=dict)
    name: str = "span name"
    parent_span_id: str | None = None
    status_code: int = 0
    status_message: str | None = None
    scope_name: str = "langfuse-sdk.test"
    scope_version: str = "1"
    resource: Attributes = field(default_factory=dict)


def _both(
    case_id: str, facts: str, attributes: Attributes, stored: Attributes, **more: Any
) -> Case:
    """Build a case whose observation is the same on both paths."""
    return Case(case_id, facts, attributes, stored, stored, **more)


def _trace(
    case_id: str, facts: str, attributes: Attributes, trace: Attributes, **more: Any
) -> Case:
    """Build a case whose trace is the same on both paths."""
    return Case(case_id, facts, attributes, legacy_trace=trace, direct_trace=trace, **more)


def _generation(attributes: Attributes) -> Attributes:
    return {"langfuse.observation.type": "generation", **attributes}


OBSERVATIONS: Final = (
    _both("name-of-span", "3 name", {}, {"name": "span name"}),
    _both("tool-name-renames", "3 name", {"gen_ai.tool.name": "search"}, {"name": "search"}),
    _both(
        "tool-name-renames-generation",
        "3 name",
        _generation({"gen_ai.tool.name": "search"}),
        {"name": "search", "type": "GENERATION"},
    ),
    _both("message-of-logfire", "3 name", {"logfire.msg": "hello"}, {"name": "hello"}),
    *(
        _both(
            f"type-{kind}",
            "3 type (1)",
            {"langfuse.observation.type": kind},
            {"type": kind.upper()},
        )
        for kind in (
            "span",
            "generation",
            "event",
            "embedding",
            "agent",
            "tool",
            "chain",
            "retriever",
            "guardrail",
            "evaluator",
        )
    ),
    _both("type-absent", "3 type", {}, {"type": "SPAN"}),
    _both(
        "type-upper-case-unknown",
        "3 type (1)",
        {"langfuse.observation.type": "GENERATION"},
        {"type": "SPAN"},
    ),
    _both(
        "type-unknown-falls-through",
        "3 type (1)",
        {"langfuse.observation.type": "llm", "gen_ai.operation.name": "chat"},
        {"type": "GENERATION"},
    ),
    _both(
        "type-own-beats-operation",
        "3 type (1)",
        {"langfuse.observation.type": "chain", "gen_ai.operation.name": "chat"},
        {"type": "CHAIN"},
    ),
    _both(
        "type-openinference-llm",
        "3 type (2)",
        {"openinference.span.kind": "LLM"},
        {"type": "GENERATION"},
    ),
    _both(
        "type-openinference-chain",
        "3 type (2)",
        {"openinference.span.kind": "CHAIN"},
        {"type": "CHAIN"},
    ),
    *(
        _both(
            f"type-{operation}", "3 type (3)", {"gen_ai.operation.name": operation}, {"type": kind}
        )
        for operation, kind in (
            ("chat", "GENERATION"),
            ("text_completion", "GENERATION"),
            ("generate_content", "GENERATION"),
            ("embeddings", "EMBEDDING"),
            ("invoke_agent", "AGENT"),
            ("create_agent", "AGENT"),
            ("execute_tool", "TOOL"),
        )
    ),
    _both("type-tool-call-id", "3 type (7)", {"gen_ai.tool.call.id": "c1"}, {"type": "TOOL"}),
    _both("type-from-model", "3 type (10)", {"llm.model_name": "m"}, {"type": "GENERATION"}),
    _both(
        "type-old-sdk",
        "3 type (0)",
        {"langfuse.observation.type": "span", "langfuse.observation.model.name": "m"},
        {"type": "GENERATION", "model": "m"},
        scope_name="langfuse-sdk",
        scope_version="3.3.0",
        resource={"telemetry.sdk.language": "python"},
    ),
    _both(
        "type-not-so-old-sdk",
        "3 type (0)",
        {"langfuse.observation.type": "span", "langfuse.observation.model.name": "m"},
        {"type": "SPAN"},
        scope_name="langfuse-sdk",
        scope_version="3.3.1",
        resource={"telemetry.sdk.language": "python"},
    ),
    _both(
        "times-in-milliseconds",
        "2 timestamps",
        {},
        {
            "start": datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=timezone.utc),
            "end": datetime(2023, 11, 14, 22, 13, 21, 623_000, tzinfo=timezone.utc),
        },
    ),
    Case(
        "event-loses-end",
        "3 start / end",
        {"langfuse.observation.type": "event"},
        {"end": None},
        {"end": datetime(2023, 11, 14, 22, 13, 21, 623_000, tzinfo=timezone.utc)},
    ),
    *(
        _both(
            f"completion-start-{label}",
            "3 completionStartTime",
            _generation({"langfuse.observation.completion_start_time": text}),
            {
                "completion_start_time": datetime(
                    2023, 11, 14, 22, 13, 20, 500_000, tzinfo=timezone.utc
                )
            },
        )
        for label, text in (
            ("zulu", "2023-11-14T22:13:20.500000Z"),
            ("offset", "2023-11-14T23:13:20.5+01:00"),
            ("quoted", '"2023-11-14T22:13:20.500Z"'),
        )
    ),
    *(
        Case(
            f"completion-start-{label}-dropped",
            "3 completionStartTime",
            _generation({"langfuse.observation.completion_start_time": value}),
            DROPPED,
            {
                "completion_start_time": datetime(
                    2023, 11, 14, 22, 13, 20, 500_000, tzinfo=timezone.utc
                )
            },
        )
        for label, value in (
            ("epoch", 1_700_000_000_500),
            ("with-space", "2023-11-14 22:13:20.500"),
            ("without-zone", "2023-11-14T22:13:20.500"),
        )
    ),
    _both("level-default", "3 level", {}, {"level": "DEFAULT"}),
    _both(
        "level-from-status", "3 level", {}, {"level": "ERROR"}, status_code=2, status_message="no"
    ),
    _both(
        "level-hides-error-status",
        "3 level",
        {"langfuse.observation.level": "DEFAULT"},
        {"level": "DEFAULT"},
        status_code=2,
    ),
    *(
        _both(f"level-{given}", "3 level", {"langfuse.observation.level": given}, {"level": level})
        for given, level in (
            ("DEBUG", "DEBUG"),
            ("WARNING", "WARNING"),
            ("ERROR", "ERROR"),
            ("verbose", "DEBUG"),
            ("Info", "DEFAULT"),
            ("warn", "WARNING"),
            ("fatal", "ERROR"),
        )
    ),
    _both(
        "level-unknown-ignored",
        "3 level",
        {"langfuse.observation.level": "awful"},
        {"level": "ERROR"},
        status_code=2,
    ),
    _both(
        "status-message",
        "3 statusMessage",
        {"langfuse.observation.status_message": "timed out"},
        {"status_message": "timed out"},
        status_code=2,
        status_message="other",
    ),
    _both(
        "status-message-of-span",
        "3 statusMessage",
        {},
        {"status_message": "timed out"},
        status_code=2,
        status_message="timed out",
    ),
    Case(
        "status-message-number-dropped",
        "3 statusMessage",
        {"langfuse.observation.status_message": 504},
        DROPPED,
        {"status_message": "504"},
    ),
    _both("version", "3 version", {"langfuse.version": "1.2"}, {"version": "1.2"}),
    _both(
        "version-of-service",
        "3 version",
        {},
        {"version": "9"},
        resource={"service.version": "9", "langfuse.version": "ignored"},
    ),
    Case(
        "version-number-dropped",
        "3 version",
        {"langfuse.version": 2, "langfuse.trace.name": "lost"},
        DROPPED,
        {"version": "2"},
        {"name": None, "version": None},
        {"name": "lost", "version": "2"},
    ),
    _both("environment-absent", "3 environment", {}, {"environment": "default"}),
    *(
        _both(
            f"environment-{label}",
            "3 environment",
            {"langfuse.environment": given},
            {"environment": stored},
        )
        for label, given, stored in (
            ("plain", "staging-eu_1", "staging-eu_1"),
            ("lowered", "PROD", "prod"),
            ("prefix-stripped", "langfuse-langfuse_test", "test"),
            ("cut", "e" * 50, "e" * 40),
            ("space-lost", "my env", "default"),
            ("dot-lost", "v1.2", "default"),
        )
    ),
    _both(
        "environment-span-beats-resource",
        "3 environment",
        {"langfuse.environment": "span"},
        {"environment": "span"},
        resource={"langfuse.environment": "resource"},
    ),
    _both(
        "environment-own-key-on-resource-beats-generic-on-span",
        "3 environment",
        {"deployment.environment.name": "generic"},
        {"environment": "resource"},
        resource={"langfuse.environment": "resource"},
    ),
    _both(
        "environment-generic-old",
        "3 environment",
        {"deployment.environment": "old"},
        {"environment": "old"},
    ),
    _both(
        "model",
        "3 model",
        {"langfuse.observation.model.name": "gpt-4o", "gen_ai.response.model": "other"},
        {"model": "gpt-4o"},
    ),
    _both(
        "model-response-beats-request",
        "3 model",
        {"gen_ai.request.model": "asked", "gen_ai.response.model": "answered"},
        {"model": "answered"},
    ),
    _both(
        "model-empty-skipped",
        "3 model",
        {"langfuse.observation.model.name": "", "gen_ai.request.model": "asked"},
        {"model": "asked"},
    ),
    Case(
        "model-stripped-from-span",
        "3 L keeps only for generation-like types",
        {
            "langfuse.observation.type": "span",
            "langfuse.observation.model.name": "m",
            "langfuse.observation.usage_details": '{"input":1}',
            "langfuse.observation.cost_details": '{"total":1}',
        },
        {"model": None, "usage_details": {}, "cost_details": {}},
        {"model": "m", "usage_details": {"input": 1, "total": 1}, "cost_details": {"total": 1}},
    ),
    _both(
        "agent-operation-ignores-model",
        "3 invoke_agent",
        _generation(
            {
                "gen_ai.operation.name": "invoke_agent",
                "langfuse.observation.model.name": "m",
                "langfuse.observation.usage_details": '{"input":1}',
                "langfuse.observation.cost_details": '{"total":1}',
            }
        ),
        {"model": None, "usage_details": {}, "cost_details": {}},
    ),
    _both(
        "model-parameters",
        "3 modelParameters",
        _generation(
            {
                "langfuse.observation.model.parameters": (
                    '{"temperature":0,"stream":true,"stop":null,"tools":["a"],"effort":"low"}'
                ),
                "gen_ai.request.temperature": 1.0,
            }
        ),
        {
            "model_parameters": {
                "temperature": 0,
                "stream": "true",
                "stop": "null",
                "tools": '["a"]',
                "effort": "low",
            }
        },
    ),
    _both(
        "model-parameters-empty-object-counts",
        "3 modelParameters",
        _generation(
            {"langfuse.observation.model.parameters": "{}", "gen_ai.request.temperature": 1.0}
        ),
        {"model_parameters": {}},
    ),
    Case(
        "model-parameters-string-dropped",
        "3 modelParameters",
        _generation({"langfuse.observation.model.parameters": '"hot"'}),
        DROPPED,
        {"model_parameters": {}},
    ),
    _both(
        "model-parameters-openinference",
        "3 modelParameters",
        _generation({"llm.invocation_parameters": '{"top_p":0.5}'}),
        {"model_parameters": {"top_p": 0.5}},
    ),
    _both(
        "model-parameters-gen-ai",
        "3 modelParameters",
        _generation({"gen_ai.request.model": "m", "gen_ai.request.temperature": 0.5}),
        {"model_parameters": {"temperature": 0.5}},
    ),
    _both(
        "prompt",
        "3 promptName / promptVersion",
        _generation(
            {"langfuse.observation.prompt.name": "greet", "langfuse.observation.prompt.version": 3}
        ),
        {"prompt_name": "greet", "prompt_version": 3},
    ),
    _both(
        "prompt-short-keys",
        "3 promptName / promptVersion",
        _generation({"langfuse.prompt.name": "greet", "langfuse.prompt.version": 3}),
        {"prompt_name": "greet", "prompt_version": 3},
    ),
    Case(
        "prompt-version-string-dropped",
        "3 promptName / promptVersion",
        _generation(
            {
                "langfuse.observation.prompt.name": "greet",
                "langfuse.observation.prompt.version": "3",
            }
        ),
        DROPPED,
        {"prompt_name": "greet", "prompt_version": 3},
    ),
    Case(
        "prompt-name-alone-dropped",
        "3 promptName / promptVersion",
        _generation({"langfuse.observation.prompt.name": "greet"}),
        DROPPED,
        {"prompt_name": "greet", "prompt_version": None},
    ),
    _both(
        "prompt-only-on-generation",
        "3 promptName / promptVersion",
        {
            "langfuse.observation.type": "tool",
            "langfuse.observation.prompt.name": "greet",
            "langfuse.observation.prompt.version": 3,
        },
        {"prompt_name": None, "prompt_version": None},
    ),
    Case(
        "app-root",
        "3 isAppRoot",
        {"langfuse.internal.is_app_root": True},
        {"is_app_root": False},
        {"is_app_root": True},
    ),
    Case(
        "row-fields",
        "3 public, tags, userId, sessionId, release, traceName",
        {
            "langfuse.trace.name": "t",
            "langfuse.user.id": "u",
            "langfuse.session.id": "s",
            "langfuse.trace.tags": ["b", "a"],
            "langfuse.release": "r",
            "langfuse.trace.public": True,
        },
        {
            "trace_name": None,
            "user_id": None,
            "session_id": None,
            "tags": (),
            "release": None,
            "public": False,
        },
        {
            "trace_name": "t",
            "user_id": "u",
            "session_id": "s",
            "tags": ("b", "a"),
            "release": "r",
            "public": True,
        },
    ),
)

_SCOPE: Final = '{"name":"langfuse-sdk.test","version":"1","attributes":{}}'
_SCOPE_FLAT: Final = {"scope.name": "langfuse-sdk.test", "scope.version": "1"}

METADATA: Final = (
    Case(
        "metadata-blob-and-dotted",
        "4 metadata",
        {
            "langfuse.observation.metadata": '{"a":1,"team":{"id":"x","tags":["p"]},"none":{}}',
            "langfuse.observation.metadata.a": "dotted",
            "langfuse.observation.metadata.b.c": "flat",
        },
        {
            "metadata": {
                "a": "dotted",
                "team": '{"id":"x","tags":["p"]}',
                "none": "{}",
                "b.c": "flat",
                "resourceAttributes": "{}",
                "scope": _SCOPE,
            }
        },
        {
            "metadata": {
                "a": "dotted",
                "team.id": "x",
                "team.tags": '["p"]',
                "b.c": "flat",
                **_SCOPE_FLAT,
            }
        },
    ),
    Case(
        "metadata-scalar-blob-lost",
        "4 metadata",
        {"langfuse.observation.metadata": "7"},
        {"metadata": {"resourceAttributes": "{}", "scope": _SCOPE}},
        {"metadata": _SCOPE_FLAT},
    ),
    Case(
        "metadata-list-blob",
        "4 metadata",
        {"langfuse.observation.metadata": '["x"]'},
        {"metadata": {"0": "x", "resourceAttributes": "{}", "scope": _SCOPE}},
        {"metadata": {"0": "x", **_SCOPE_FLAT}},
    ),
    Case(
        "metadata-values-not-decoded",
        "4 metadata",
        {"langfuse.observation.metadata.a": '"quoted"', "langfuse.observation.metadata.n": 123},
        {
            "metadata": {
                "a": '"quoted"',
                "n": "123",
                "resourceAttributes": "{}",
                "scope": _SCOPE,
            }
        },
        {"metadata": {"a": '"quoted"', "n": "123", **_SCOPE_FLAT}},
    ),
    Case(
        "metadata-attributes-of-foreign-scope",
        "4 metadata",
        {
            "langfuse.user.id": "u",
            "langfuse.observation.input": "hidden",
            "langfuse.metadata.k": "twice",
            "n": 1,
        },
        {
            "metadata": {
                "k": "twice",
                "resourceAttributes": '{"service.name":"app"}',
                "scope": '{"name":"mine","version":"1","attributes":{}}',
                "attributes": '{"langfuse.user.id":"u","langfuse.metadata.k":"twice","n":"1"}',
            }
        },
        {
            "metadata": {
                "k": "twice",
                "resourceAttributes.service.name": "app",
                "scope.name": "mine",
                "scope.version": "1",
                "attributes.langfuse.user.id": "u",
                "attributes.langfuse.metadata.k": "twice",
                "attributes.n": "1",
            }
        },
        scope_name="mine",
        resource={"service.name": "app"},
    ),
    Case(
        "metadata-of-vercel",
        "4 metadata",
        {"ai.telemetry.metadata.k": "v", "ai.telemetry.metadata.userId": "u"},
        {"metadata": {"k": "v", "resourceAttributes": "{}", "scope": _SCOPE}},
        {"metadata": {"k": "v", **_SCOPE_FLAT}},
        {"user_id": "u"},
        {"user_id": "u"},
    ),
    Case(
        "metadata-name-clash",
        "4 L precedence",
        {"langfuse.observation.metadata.scope": "mine"},
        {"metadata": {"resourceAttributes": "{}", "scope": _SCOPE}},
        {"metadata": {"scope": "mine"}},
    ),
    Case(
        "metadata-one-bag-on-direct",
        "4 one bag",
        {"langfuse.observation.metadata.a": "observation", "langfuse.trace.metadata.a": "trace"},
        {"metadata": {"a": "observation", "resourceAttributes": "{}", "scope": _SCOPE}},
        {"metadata": {"a": "trace", **_SCOPE_FLAT}},
    ),
    Case(
        "metadata-of-resource-on-legacy",
        "4 resource attributes",
        {},
        {
            "metadata": {
                "a": "resource",
                "resourceAttributes": '{"langfuse.trace.metadata.a":"resource"}',
                "scope": _SCOPE,
            }
        },
        {
            "metadata": {
                "resourceAttributes.langfuse.trace.metadata.a": "resource",
                **_SCOPE_FLAT,
            }
        },
        resource={"langfuse.trace.metadata.a": "resource"},
    ),
    _both(
        "metadata-tools-move-to-input",
        "4 tools",
        {
            "langfuse.observation.metadata": '{"tools":[{"name":"t"}]}',
            "langfuse.observation.input": '[{"role":"user"}]',
        },
        {"input": '{"messages":[{"role":"user"}],"tools":[{"name":"t"}]}'},
    ),
    _both(
        "tool-definitions-move-to-input",
        "4 tools",
        {"gen_ai.tool.definitions": '[{"name":"t"}]', "langfuse.observation.input": "hi"},
        {"input": '{"prompt":"hi","tools":[{"name":"t"}]}'},
    ),
)

CONTENT: Final = (
    _both(
        "content",
        "5 (1)",
        {"langfuse.observation.input": '{"a": 1}', "langfuse.observation.output": "text"},
        {"input": '{"a": 1}', "output": "text"},
    ),
    _both(
        "content-either-decides-both",
        "5 (1)",
        {"langfuse.observation.input": "in", "output.value": "ignored"},
        {"input": "in", "output": None},
    ),
    _both(
        "content-of-openinference",
        "5 (6)",
        {"input.value": "in", "output.value": "out", "gen_ai.input.messages": "ignored"},
        {"input": "in", "output": "out"},
    ),
    _both(
        "content-of-traceloop",
        "5 (6)",
        {"traceloop.entity.input": "in", "traceloop.entity.output": "out"},
        {"input": "in", "output": "out"},
    ),
    _both(
        "content-indexed",
        "5 (7)",
        {
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.content": "hi",
            "gen_ai.completion.0.content": "ho",
        },
        {"input": '[{"role":"user","content":"hi"}]', "output": '[{"content":"ho"}]'},
    ),
    _both(
        "content-openinference-messages",
        "5 (8)",
        {"llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "hi"},
        {"input": '[{"message":{"role":"user","content":"hi"}}]', "output": None},
    ),
    _both(
        "content-gen-ai-messages",
        "5 (9)",
        {
            "gen_ai.system_instructions": "be kind",
            "gen_ai.input.messages": '[{"role":"user"}]',
            "gen_ai.output.messages": "[]",
        },
        {"input": '[{"role":"system","content":"be kind"},{"role":"user"}]', "output": "[]"},
    ),
    _both(
        "content-gen-ai-tool-call",
        "5 (9)",
        {"gen_ai.tool.call.arguments": "{}", "gen_ai.tool.call.result": "7"},
        {"input": "{}", "output": "7"},
    ),
    Case(
        "content-empty-text",
        "5 truthiness",
        {"langfuse.observation.input": "", "langfuse.observation.output": "x"},
        {"input": None, "output": "x"},
        {"input": "", "output": "x"},
    ),
    _both(
        "content-list-is-encoded",
        "5 non-strings",
        {"langfuse.observation.input": ["a", "b"]},
        {"input": '["a","b"]'},
    ),
)


def _usage(case_id: str, value: Any, stored: dict[str, int], **others: Any) -> Case:
    attributes = _generation({"langfuse.observation.usage_details": value, **others})
    return _both(f"usage-{case_id}", "6 usage", attributes, {"usage_details": stored})


def _cost(case_id: str, text: Any, legacy: Any, direct: Any) -> Case:
    attributes = _generation({"langfuse.observation.cost_details": text})
    stored = [part if part is DROPPED else {"cost_details": part} for part in (legacy, direct)]
    return Case(f"cost-{case_id}", "6 cost", attributes, stored[0], stored[1])


_GIVEN: Final = {"gen_ai.usage.input_tokens": 9}

USAGE: Final = (
    _usage(
        "buckets",
        '{"input":10,"input_cached_tokens":5,"output":3}',
        {"input": 10, "input_cached_tokens": 5, "output": 3, "total": 18},
    ),
    _usage("total-kept", '{"input":10,"total":99}', {"input": 10, "total": 99}),
    _usage("zero", '{"input":0,"output":0}', {"input": 0, "output": 0, "total": 0}),
    _usage(
        "bad-values-dropped",
        '{"input":1,"a":1.5,"b":-1,"c":null,"d":{"e":1},"f":"7","g":"x","h":true}',
        {"input": 1, "f": 7, "total": 8},
    ),
    _usage("number-is-empty", 5, {}, **_GIVEN),
    _usage("list-is-empty", "[1]", {}, **_GIVEN),
    _usage("empty-object-no-fallback", "{}", {}, **_GIVEN),
    _usage("broken-json-falls-back", "{", {"input": 9, "total": 9}, **_GIVEN),
    _usage(
        "openai-shape-subtracts",
        '{"prompt_tokens":10,"completion_tokens":8,"total_tokens":18,'
        '"prompt_tokens_details":{"cached_tokens":4},'
        '"completion_tokens_details":{"reasoning_tokens":3,"audio_tokens":null}}',
        {
            "input": 6,
            "input_cached_tokens": 4,
            "output": 5,
            "output_reasoning_tokens": 3,
            "total": 18,
        },
    ),
    _usage(
        "responses-shape-subtracts",
        '{"input_tokens":10,"output_tokens":8,"total_tokens":18,'
        '"input_tokens_details":{"cached_tokens":4}}',
        {"input": 6, "input_cached_tokens": 4, "output": 8, "total": 18},
    ),
    _usage(
        "openai-shape-clamps",
        '{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4,'
        '"prompt_tokens_details":{"cached_tokens":5}}',
        {"input": 0, "input_cached_tokens": 5, "output": 1, "total": 4},
    ),
    _usage(
        "one-extra-key-disables-conversion",
        '{"prompt_tokens":10,"completion_tokens":8,"total_tokens":18,"cache_read_input_tokens":4}',
        {
            "prompt_tokens": 10,
            "completion_tokens": 8,
            "total_tokens": 18,
            "cache_read_input_tokens": 4,
            "total": 40,
        },
    ),
    _both(
        "usage-gen-ai-cache-subtracted",
        "6 fallback",
        _generation(
            {
                "gen_ai.usage.input_tokens": 10,
                "gen_ai.usage.output_tokens": 5,
                "gen_ai.usage.cache_read_input_tokens": 4,
            }
        ),
        {"usage_details": {"input": 6, "output": 5, "input_cached_tokens": 4, "total": 15}},
    ),
    _both(
        "usage-exclusive-input-collapses",
        "6 fallback",
        _generation({"gen_ai.usage.input_tokens": 10, "gen_ai.usage.cache_read_input_tokens": 400}),
        {"usage_details": {"input": 0, "input_cached_tokens": 400, "total": 400}},
    ),
    _both(
        "usage-openinference",
        "6 fallback",
        _generation(
            {
                "llm.token_count.prompt": 10,
                "llm.token_count.completion": 5,
                "llm.token_count.total": 15,
            }
        ),
        {"usage_details": {"input": 10, "output": 5, "total": 15}},
    ),
    _cost(
        "total-given",
        '{"input":0.1,"output":0.2,"total":0.35}',
        {"input": 0.1, "output": 0.2, "total": 0.35},
        {"input": 0.1, "output": 0.2, "total": 0.35},
    ),
    _cost(
        "total-computed",
        '{"input":0.1,"output":0.2}',
        {"input": 0.1, "output": 0.2, "total": 0.3},
        {"input": 0.1, "output": 0.2, "total": 0.3},
    ),
    _cost(
        "third-key-has-no-total",
        '{"input":0.1,"cache":0.2}',
        {"input": 0.1, "cache": 0.2},
        {"input": 0.1, "cache": 0.2},
    ),
    _cost("explicit-zero", '{"total":0}', {"total": 0}, {"total": 0}),
    _cost("string", '{"total":"0.5"}', {}, {"total": 0.5}),
    _cost("negative", '{"total":-1}', {}, {"total": -1}),
    _cost("word", '{"total":"free"}', {}, DROPPED),
    _cost("boolean", '{"total":true}', {}, DROPPED),
    _cost("nested", '{"total":{"usd":1}}', {}, DROPPED),
    _cost("million", '{"total":1000000}', DROPPED, DROPPED),
    _cost("tiny", '{"total":1e-13}', {"total": 1e-13}, {"total": 0}),
    _both(
        "cost-gen-ai",
        "6 cost",
        _generation({"gen_ai.usage.cost": 0.5, "llm.cost.total": 0.7}),
        {"cost_details": {"total": 0.5}},
    ),
    _both(
        "cost-openinference",
        "6 cost",
        _generation({"llm.cost.total": 0.7}),
        {"cost_details": {"total": 0.7}},
    ),
)

_CHILD: Final = "00000000000000aa"

TRACES: Final = (
    _trace("trace-name", "7 name", {"langfuse.trace.name": "mine"}, {"name": "mine"}),
    _trace("trace-name-of-root", "7 name", {}, {"name": "span name"}),
    Case(
        "trace-name-too-long",
        "7 name",
        {"langfuse.trace.name": "n" * 1001, "langfuse.user.id": "u"},
        {"name": "span name"},
        {"name": "span name"},
        {"name": None, "user_id": None},
        {"name": "n" * 1001, "user_id": "u"},
    ),
    _trace(
        "trace-user",
        "7 userId",
        {"langfuse.user.id": "u", "user.id": "other"},
        {"user_id": "u"},
    ),
    _trace(
        "trace-user-empty-skipped",
        "7 userId",
        {"langfuse.user.id": "", "user.id": "u"},
        {"user_id": "u"},
    ),
    _trace("trace-user-number", "7 userId", {"user.id": 7}, {"user_id": "7"}),
    _trace(
        "trace-user-in-metadata",
        "7 userId",
        {"langfuse.observation.metadata.langfuse_user_id": "u"},
        {"user_id": "u"},
    ),
    _trace(
        "trace-session",
        "7 sessionId",
        {"langfuse.session.id": "s", "session.id": "other"},
        {"session_id": "s"},
    ),
    _trace(
        "trace-session-of-conversation",
        "7 sessionId",
        {"gen_ai.conversation.id": "s"},
        {"session_id": "s"},
    ),
    *(
        _trace(f"trace-tags-{label}", "7 tags", {"langfuse.trace.tags": given}, {"tags": stored})
        for label, given, stored in (
            ("list", ["a", "b"], ("a", "b")),
            ("json", '["a","b"]', ("a", "b")),
            ("comma-split", "a, b", ("a", "b")),
            ("single", "a", ("a",)),
            ("empty-list-over-protobuf", '{"arrayValue":{}}', ('{"arrayValue":{}}',)),
        )
    ),
    _trace("trace-tags-short-key", "7 tags", {"langfuse.tags": ["a"]}, {"tags": ("a",)}),
    _trace("trace-tags-llama", "7 tags", {"tag.tags": "a"}, {"tags": ("a",)}),
    _trace(
        "trace-version-and-release",
        "7 version / release",
        {"langfuse.version": "v", "langfuse.release": "r"},
        {"version": "v", "release": "r"},
        resource={"service.version": "other", "langfuse.release": "other"},
    ),
    _trace(
        "trace-release-of-resource",
        "7 version / release",
        {},
        {"release": "r"},
        resource={"langfuse.release": "r"},
    ),
    *(
        _trace(
            f"trace-public-{label}",
            "7 public",
            {"langfuse.trace.public": given},
            {"public": stored},
        )
        for label, given, stored in (
            ("true", True, True),
            ("text", "true", True),
            ("one-is-false", 1, False),
            ("false", False, False),
        )
    ),
    _trace("trace-public-short-key", "7 public", {"langfuse.public": True}, {"public": True}),
    _trace(
        "trace-environment",
        "7 environment",
        {"langfuse.environment": "Prod"},
        {"environment": "prod"},
    ),
    _trace(
        "trace-content-of-root",
        "7 input/output",
        {"langfuse.observation.input": "in", "langfuse.observation.output": "out"},
        {"input": "in", "output": "out"},
    ),
    Case(
        "trace-content-own-keys",
        "7 input/output",
        {"langfuse.trace.input": "trace in", "langfuse.observation.input": "in"},
        {"input": "in"},
        {"input": "in"},
        {"input": "trace in"},
        {"input": "in"},
    ),
    Case(
        "trace-metadata",
        "4 trace",
        {"langfuse.trace.metadata": '{"k":"v"}', "langfuse.trace.metadata.d": "dotted"},
        legacy_trace={
            "metadata": {"k": "v", "d": "dotted", "resourceAttributes": "{}", "scope": _SCOPE}
        },
        direct_trace={"metadata": {"k": "v", "d": "dotted", **_SCOPE_FLAT}},
    ),
    Case(
        "orphan-bare",
        "7 orphan",
        {"langfuse.observation.input": "in"},
        legacy_trace={"name": None, "input": None, "metadata": {}},
        direct_trace={"name": None, "input": None, "metadata": {}},
        parent_span_id=_CHILD,
    ),
    Case(
        "orphan-with-trace-fields",
        "7 orphan",
        {"langfuse.trace.name": "mine", "langfuse.trace.input": "trace in", "user.id": "u"},
        legacy_trace={"name": "mine", "input": "trace in", "user_id": "u"},
        direct_trace={"name": "mine", "input": None, "user_id": "u", "metadata": {}},
        parent_span_id=_CHILD,
    ),
    Case(
        "orphan-as-root",
        "7 orphan",
        {"langfuse.internal.as_root": True, "langfuse.observation.input": "in"},
        legacy_trace={"name": "span name", "input": "in"},
        direct_trace={"name": None, "input": None},
        parent_span_id=_CHILD,
    ),
    Case(
        "orphan-app-root",
        "7 orphan",
        {"langfuse.internal.is_app_root": True, "langfuse.observation.input": "in"},
        legacy_trace={"name": None, "input": None},
        direct_trace={"name": "span name", "input": None},
        parent_span_id=_CHILD,
    ),
    *(
        Case(
            f"child-{key}-is-no-update",
            "7 Path L",
            {key: value},
            legacy_trace={stored: nothing},
            parent_span_id=_CHILD,
        )
        for key, value, stored, nothing in (
            ("langfuse.release", "r", "release", None),
            ("langfuse.trace.metadata", "", "metadata", {}),
            ("langfuse.version", "v", "version", None),
            ("langfuse.tags", ["a"], "tags", ()),
            ("langfuse.public", True, "public", False),
            ("gen_ai.conversation.id", "s", "session_id", None),
        )
    ),
)

CASES: Final = (*OBSERVATIONS, *METADATA, *CONTENT, *USAGE, *TRACES)
