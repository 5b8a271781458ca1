// Input and output of an observation, in whichever shape they are, as messages of blocks.
//
// A message is {role, name, blocks}; a block is {kind, …}: text, reasoning, call, result, image,
// audio, file or data. Known are OpenAI's chat and responses, Anthropic's and Gemini's contents, and
// OpenTelemetry's parts; all else is data.

const REFERENCE = /@@@langfuseMedia:type=([^|@]+)\|id=([^|@]+)\|source=[^@]*@@@/;
const REFERENCES = new RegExp(`(${REFERENCE.source.replaceAll("([^", "(?:[^")})`);
const TEXTS = new Set(["text", "input_text", "output_text", "refusal", "summary_text"]);
const CALLS = new Set(["tool_use", "function_call", "tool_call", "server_tool_use", "custom_tool_call"]);
const RESULTS = new Set([
  "tool_result",
  "function_call_output",
  "tool_call_response",
  "custom_tool_call_output",
]);
const REASONS = new Set(["thinking", "reasoning", "redacted_thinking"]);

/** Take an input or output, give its messages; `role` is who speaks where nothing says so. */
export function messagesOf(data, role) {
  if (data == null || data === "") return [];
  if (Array.isArray(data))
    return data.every(isItem)
      ? data.flatMap((item) => messagesOf(item, role))
      : [message(role, content(data))];
  if (typeof data !== "object") return [message(role, text(String(data)))];
  for (const key of ["messages", "choices", "contents", "candidates"])
    if (Array.isArray(data[key])) return messagesOf(data[key], role);
  if (data.message && typeof data.message === "object") return messagesOf(data.message, role);
  if (data.type === "message" || "role" in data) return [said(data, role)];
  if (CALLS.has(data.type) || REASONS.has(data.type)) return [message("assistant", block(data))];
  if (RESULTS.has(data.type)) return [message("tool", block(data))];
  if ("tool_calls" in data || ("content" in data && Object.keys(data).length <= 3)) return [said(data, role)];
  if (typeof data.prompt === "string" && Object.keys(data).every((key) => ["prompt", "tools"].includes(key)))
    return [message(role, text(data.prompt))];
  return [message(role, TEXTS.has(data.type) ? block(data) : [{ kind: "data", data }])];
}

/** Take an input, give the tools that it offers. */
export const toolsOf = (data) =>
  data && !Array.isArray(data) && Array.isArray(data.tools) ? data.tools : [];

const message = (role, blocks, name) => ({ role, name, blocks });
const isItem = (item) =>
  item &&
  typeof item === "object" &&
  ("role" in item ||
    "message" in item ||
    "content" in item ||
    CALLS.has(item.type) ||
    RESULTS.has(item.type) ||
    REASONS.has(item.type)) &&
  !TEXTS.has(item.type);

function said(data, role) {
  const who = data.role === "model" ? "assistant" : (data.role ?? role);
  const reasoning = reasoningOf(data);
  const spoken =
    who === "tool" || who === "function"
      ? [{ kind: "result", id: data.tool_call_id, output: parsed(data.content ?? data.parts) }]
      : content(data.content ?? data.parts);
  const calls = Array.isArray(data.tool_calls) ? data.tool_calls.flatMap(block) : [];
  const called = data.function_call ? [call(data.function_call.name, data.function_call.arguments)] : [];
  const refused = typeof data.refusal === "string" ? text(data.refusal) : [];
  const audio = data.audio?.data
    ? [{ kind: "audio", url: source(data.audio.data, `audio/${data.audio.format ?? "wav"}`) }]
    : [];
  const images = Array.isArray(data.images) ? content(data.images) : [];
  return message(
    who,
    [...reasoning, ...spoken, ...refused, ...images, ...audio, ...calls, ...called],
    data.name,
  );
}

function reasoningOf(data) {
  if (typeof data.reasoning_content === "string" && data.reasoning_content)
    return [{ kind: "reasoning", text: data.reasoning_content }];
  return Array.isArray(data.thinking_blocks) ? data.thinking_blocks.flatMap(block) : [];
}

function content(given) {
  if (given == null || given === "") return [];
  if (Array.isArray(given)) return given.flatMap(block);
  return typeof given === "string" ? text(given) : block(given);
}

function block(part) {
  if (part == null) return [];
  if (typeof part === "string") return text(part);
  if (typeof part !== "object") return [{ kind: "data", data: part }];
  if (TEXTS.has(part.type) || (part.type === undefined && typeof part.text === "string"))
    return text(part.text ?? part.refusal ?? part.content ?? "");
  if (REASONS.has(part.type))
    return [{ kind: "reasoning", text: part.thinking ?? part.text ?? part.content ?? summary(part) }];
  if (part.function) return [call(part.function.name, part.function.arguments, part.id)];
  if (CALLS.has(part.type)) return [call(part.name, part.input ?? part.arguments, part.call_id ?? part.id)];
  if (part.functionCall) return [call(part.functionCall.name, part.functionCall.args)];
  if (RESULTS.has(part.type))
    return [
      {
        kind: "result",
        id: part.tool_use_id ?? part.call_id ?? part.id,
        output: parsed(part.content ?? part.output ?? part.response ?? part.result),
      },
    ];
  if (part.functionResponse)
    return [{ kind: "result", id: part.functionResponse.name, output: part.functionResponse.response }];
  return media(part) ?? [{ kind: "data", data: part }];
}

function media(part) {
  const image = part.image_url?.url ?? part.image_url ?? imageSource(part);
  if (typeof image === "string") return [mediaOf(image, "image")];
  if (part.input_audio?.data)
    return [mediaOf(source(part.input_audio.data, `audio/${part.input_audio.format ?? "wav"}`), "audio")];
  const inline = part.inlineData ?? part.inline_data;
  if (inline?.data) return [mediaOf(source(inline.data, inline.mimeType ?? inline.mime_type), "file")];
  const file = part.file?.file_data ?? part.file_data;
  if (typeof file === "string") return [mediaOf(file, "file", part.file?.filename ?? part.filename)];
  return null;
}

function imageSource({ type, source: from }) {
  if (!["image", "document"].includes(type) || !from) return undefined;
  return from.url ?? (from.data && source(from.data, from.media_type));
}

/** Bare base64 as an address; what is one already stays. */
const source = (data, type) =>
  data.startsWith("data:") || REFERENCE.test(data) ? data : `data:${type};base64,${data}`;

function mediaOf(url, kind, name) {
  const reference = url.match(REFERENCE);
  const type = reference?.[1] ?? url.match(/^data:([^;,]+)/)?.[1] ?? "";
  const family = type.split("/")[0];
  const isShown = ["image", "audio", "video"].includes(family);
  return {
    kind: isShown ? family : kind,
    type,
    name,
    url: reference ? `/page/media/${encodeURIComponent(reference[2])}` : url,
  };
}

/** Text, and the media that it refers to in its place. */
function text(given) {
  const whole = typeof given === "string" ? given : JSON.stringify(given);
  return whole
    .split(REFERENCES)
    .filter((part) => part !== "")
    .map((part) => (REFERENCE.test(part) ? mediaOf(part, "file") : { kind: "text", text: part }));
}

const call = (name, given, id) => ({ kind: "call", name, id, input: parsed(given) });
const summary = (part) =>
  Array.isArray(part.summary) ? part.summary.map((one) => one.text ?? "").join("\n") : "";

function parsed(given) {
  if (Array.isArray(given) && given.every((part) => typeof part?.text === "string"))
    return given.map((part) => part.text).join("\n");
  if (typeof given !== "string") return given;
  try {
    const data = JSON.parse(given);
    return data && typeof data === "object" ? data : given;
  } catch {
    return given;
  }
}
