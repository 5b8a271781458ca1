"""What a call was and what it said, by LiteLLM's call type: observation type, input, output. Pure.

A call type that is not in the table is a generation whose input and output are kept as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langfuse_otel._litellm.limits import short_text, short_text_of
from langfuse_otel._text import clean
from langfuse_otel._values import mapping_of, members, part

if TYPE_CHECKING:
    from langfuse_otel._records import ObservationType

Reader = Callable[[Any], object]

SYSTEM = ("system", "developer")
# What LiteLLM puts where a call has no messages.
MADE_UP = [{"role": "user", "content": "default-message-value"}]


def _messages(kwargs: Mapping[str, Any]) -> object:
    """Messages; with tool definitions in the form in which Langfuse finds them."""
    messages = kwargs.get("messages") or kwargs.get("input")
    given = mapping_of(kwargs.get("optional_params"))
    system = given.get("instructions") or given.get("system") or kwargs.get("system")
    if system and isinstance(messages, list):
        messages = [{"role": "system", "content": system}, *messages]
    tools = {
        name: found
        for name in ("tools", "functions")
        if (found := given.get(name) or kwargs.get(name))
    }
    return {"messages": messages, **tools} if tools else messages


def _asked(kwargs: Mapping[str, Any]) -> object:
    """What a response was asked for with, its instructions once.

    LiteLLM (1.106) asks for some chats by the Responses API: such has them in its messages as well.
    It asks chat models for responses: Anthropic's has them no longer in its messages.
    """
    given = mapping_of(kwargs.get("optional_params"))
    instructions, texts = given.get("instructions"), _system_texts(kwargs.get("messages"))
    if instructions and instructions == " ".join(texts):
        return _messages({**kwargs, "optional_params": {**given, "instructions": None}})
    taken_out = () if instructions or texts else _system_texts(kwargs.get("input"))
    return _messages({**kwargs, "system": " ".join(taken_out)} if taken_out else kwargs)


def _system_texts(messages: object) -> list[str]:
    given = messages if isinstance(messages, list) else ()
    contents = (part(one, "content") for one in given if part(one, "role") in SYSTEM)
    return [content for content in contents if isinstance(content, str)]


def _generated_from(kwargs: Mapping[str, Any]) -> object:
    """A request in Gemini's own form, of which LiteLLM (1.106) has the texts alone as messages.

    Contents that hold more than text are kept as they are.
    """
    sent = mapping_of(part(kwargs.get("additional_args"), "complete_input_dict"))
    contents = sent.get("contents")
    if not isinstance(contents, list):
        return _messages(kwargs)
    has_more = any(_is_more_than_text(part(content, "parts")) for content in contents)
    instruction = sent.get("systemInstruction")
    return _messages(
        {
            "messages": contents if has_more else kwargs.get("messages") or contents,
            "system": _text_of_parts(part(instruction, "parts")) or instruction,
            "tools": sent.get("tools"),
        }
    )


def _is_more_than_text(parts: object) -> bool:
    return isinstance(parts, list) and any(part(one, "text") is None for one in parts)


def _text_of_parts(parts: object) -> str:
    texts = (part(one, "text") for one in (parts if isinstance(parts, list) else ()))
    return "\n".join(text for text in texts if isinstance(text, str))


def _prompt(kwargs: Mapping[str, Any]) -> object:
    """The text that LiteLLM has put into a message, or the tokens that were given in its place."""
    messages = kwargs.get("messages")
    if not isinstance(messages, list):
        return messages or kwargs.get("input")
    if not all(isinstance(message, Mapping) for message in messages):
        return messages
    texts = [part(message, "content") for message in messages]
    return texts[0] if len(texts) == 1 else texts


def _embedded(kwargs: Mapping[str, Any]) -> object:
    return kwargs.get("input") or _prompt(kwargs)


def _ranked(kwargs: Mapping[str, Any]) -> object:
    given = mapping_of(kwargs.get("optional_params"))
    return {"query": given.get("query", kwargs.get("input")), "documents": given.get("documents")}


def _searched(kwargs: Mapping[str, Any]) -> object:
    return mapping_of(kwargs.get("optional_params")).get("query") or _embedded(kwargs)


def _file(kwargs: Mapping[str, Any]) -> object:
    """The name and size of a file; its bytes are no text."""
    sent = part(part(kwargs.get("additional_args"), "complete_input_dict"), "file")
    given = sent or kwargs.get("input")
    name = given[0] if isinstance(given, tuple) and given else part(given, "name")
    data = given[1] if isinstance(given, tuple) and len(given) > 1 else None
    size = len(data) if isinstance(data, bytes) else None
    return {k: v for k, v in {"file": name or "audio", "bytes": size}.items() if v is not None}


def _given(kwargs: Mapping[str, Any]) -> object:
    """What a call was given of which no more is known than how LiteLLM hands it over."""
    given = kwargs.get("input") if kwargs.get("messages") == MADE_UP else _messages(kwargs)
    return None if given in ("", MADE_UP[0]["content"]) else given


def _nothing(_kwargs: Mapping[str, Any]) -> object:
    """LiteLLM puts a made-up message where a call has none."""
    return None


def _arguments(kwargs: Mapping[str, Any]) -> object:
    """What an MCP tool was called with."""
    call = _tool_call(kwargs)
    return call.get("arguments", kwargs.get("messages"))


def _tool_call(kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    payload = mapping_of(kwargs.get("standard_logging_object"))
    return mapping_of(mapping_of(payload.get("metadata")).get("mcp_tool_call_metadata"))


def _passed(kwargs: Mapping[str, Any]) -> object:
    """The request that the proxy passed through, of which LiteLLM makes one message's text."""
    body = _parsed(_prompt(kwargs))
    if not isinstance(body, Mapping):
        return _messages(kwargs)
    return _messages(body) if body.get("messages") else body


def _passed_back(response: object) -> object:
    """The answer to it, as a message where LiteLLM or we can read one."""
    return answer_of(_parsed(_member("response")(response)))


def _parsed(text: object) -> object:
    """JSON text as what it says, anything else as it is."""
    try:
        return json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return text


def answer_of(response: object) -> object:
    """The whole message, or the text of a completion; a list of them where there are several."""
    choices = part(response, "choices")
    if not isinstance(choices, (list, Sequence)) or isinstance(choices, str):
        return response
    answers = [_answer(choice) for choice in choices]
    return answers[0] if len(answers) == 1 else answers


def _answer(choice: object) -> object:
    message = part(choice, "message")
    return part(choice, "text") if message is None else _said(message)


def _said(message: object) -> object:
    """A message without its empty members, which differ between a stream and a whole answer."""
    said = members(message).items()
    return {k: v for k, v in said if v is not None and not _is_empty(v)} or message


def _is_empty(value: object) -> bool:
    if isinstance(value, dict):
        return all(_is_empty(member) for member in value.values())
    return value is None or value == []


def _messages_or_items(response: object) -> object:
    """The messages of a chat, the output items of a response: one may stand for the other.

    LiteLLM asks a provider for the one where the caller wants the other.
    """
    return answer_of(response) if part(response, "choices") else _member("output")(response)


def _completed(response: object) -> object:
    """The text of a completion, which LiteLLM wraps into a message when it is streamed."""
    said = answer_of(response)
    texts = [part(one, "content") or one for one in (said if isinstance(said, list) else [said])]
    return texts if isinstance(said, list) else texts[0]


def _member(*names: str) -> Reader:
    """Return a reader of the first of these members, or of the whole response where it has none."""

    def read(response: object) -> object:
        found = (part(response, name) for name in names)
        return next((value for value in found if value is not None), response)

    return read


def _vectors(response: object) -> object:
    """How many vectors there are, and of how many dimensions: their numbers help nobody."""
    data = part(response, "data")
    if not isinstance(data, list):
        return response
    first = part(data[0], "embedding") if data else None
    return {"count": len(data), "dimensions": _dimensions(first)}


def _dimensions(vector: object) -> int | None:
    """Of numbers, or of base64, which has four characters for three bytes, of four for a number."""
    if isinstance(vector, str):
        return len(vector) * 3 // 16
    return len(vector) if isinstance(vector, list) else None


def _session(events: object) -> object:
    """What was said in a realtime session, out of the events that LiteLLM keeps of it."""
    if not isinstance(events, list):
        return events
    responses = (part(e, "response") for e in events if part(e, "type") == "response.done")
    return [item for response in responses for item in part(response, "output") or ()]


def _binary(_response: object) -> object:
    """What is in a file or a video is no text."""
    return {"content": "binary"}


def _audio(_response: object) -> object:
    """A speech response is a stream of bytes, which reading would consume."""
    return {"audio": "binary"}


@dataclass(frozen=True, slots=True)
class Kind:
    """How Langfuse should see one of LiteLLM's call types.

    `operation` is OpenTelemetry's `gen_ai.operation.name` where it knows one. Where a kind has no
    model LiteLLM (1.106) may call the id that it was given one.
    """

    operation: str
    type: ObservationType = "generation"
    input: Reader = _given
    output: Reader = answer_of
    has_usage: bool = True
    has_model: bool = True


# What LiteLLM says where there is no model: for requests that its proxy passes through, for tools.
NO_MODEL = ("", "unknown")
TOOLS = "MCP: "

# What is kept at the provider: made, looked at, and thrown away.
_KEPT = (
    "create_batch",
    "retrieve_batch",
    "cancel_batch",
    "list_batches",
    "create_file",
    "file_retrieve",
    "file_delete",
    "file_list",
    "create_fine_tuning_job",
    "retrieve_fine_tuning_job",
    "cancel_fine_tuning_job",
    "list_fine_tuning_jobs",
    "get_responses",
    "cancel_responses",
    "delete_responses",
    "list_input_items",
    "video_status",
    "video_list",
)
# What LiteLLM lets stand before a model of Bedrock's: the API to ask, and the region.
_BEDROCKS_WAY = re.compile(r"^(?:(?:converse|converse_like|invoke)/)?(?:[a-z]{2}(?:-[a-z]+)+-\d/)?")
_KEPT_FILES = ("file_content", "video_content")
KINDS: Mapping[str, Kind] = {
    "completion": Kind("chat", input=_messages),
    "text_completion": Kind("text_completion", input=_prompt, output=_completed),
    "embedding": Kind("embeddings", "embedding", _embedded, _vectors),
    "responses": Kind("chat", input=_asked, output=_messages_or_items),
    "anthropic_messages": Kind("chat", input=_messages, output=_messages_or_items),
    "generate_content": Kind("generate_content", input=_generated_from),
    "generate_content_stream": Kind("generate_content", input=_generated_from),
    "pass_through_endpoint": Kind("pass_through", input=_passed, output=_passed_back),
    "image_generation": Kind("image_generation", input=_prompt, output=_member("data")),
    "image_edit": Kind("image_edit", input=_prompt, output=_member("data")),
    "transcription": Kind("transcription", input=_file, output=_member("text")),
    "speech": Kind("speech", input=_embedded, output=_audio),
    "rerank": Kind("rerank", "retriever", _ranked, _member("results")),
    "moderation": Kind("moderation", "guardrail", _embedded, _member("results")),
    "call_mcp_tool": Kind("execute_tool", "tool", _arguments, has_usage=False),
    "list_mcp_tools": Kind("list_tools", "span", _nothing, has_usage=False),
    "vector_store_search": Kind("search", "retriever", _searched, _member("data"), has_model=False),
    "search": Kind("search", "retriever", _searched, _member("results", "data"), has_model=False),
    "realtime": Kind("realtime", input=_messages, output=_session),
    **{name: Kind(name, "span", _nothing, has_usage=False, has_model=False) for name in _KEPT},
    **{
        name: Kind(name, "span", _nothing, _binary, has_usage=False, has_model=False)
        for name in _KEPT_FILES
    },
}


def kind_of(kwargs: Mapping[str, Any]) -> Kind:
    """Return the kind of the call that these callback arguments are about."""
    name = str(kwargs.get("call_type") or "call").lstrip("_")
    return KINDS.get(name) or KINDS.get(name.removeprefix("a")) or Kind(name)


def default_name(kwargs: Mapping[str, Any]) -> str:
    """Return operation and model or tool, the span name of OpenTelemetry's GenAI conventions."""
    kind = kind_of(kwargs)
    is_tool = kind.type == "tool"
    subject = short_text_of(_tool_call(kwargs).get("name")) if is_tool else model_name(kwargs)
    return clean(f"{kind.operation} {subject}" if subject else kind.operation)


def model_name(kwargs: Mapping[str, Any]) -> str | None:
    """Return the model without the provider that LiteLLM writes before it on some routes."""
    model, provider = kwargs.get("model"), kwargs.get("custom_llm_provider")
    if not isinstance(model, str) or model in NO_MODEL or model.startswith(TOOLS):
        return None
    if not kind_of(kwargs).has_model:
        return None
    name = model.removeprefix(f"{provider}/") if provider else model
    if provider == "bedrock":
        name = _BEDROCKS_WAY.sub("", name)
    return short_text(clean(name))
