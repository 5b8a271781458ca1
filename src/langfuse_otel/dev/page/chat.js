// Input and output as a conversation.

import { copyButton, el } from "./dom.js";
import { plural } from "./format.js";
import { jsonBlock } from "./json.js";
import { messagesOf, toolsOf } from "./messages.js";

const LONG = 1800;
const DRAWN = {
  text: said,
  reasoning,
  call,
  result,
  image,
  audio,
  video,
  file,
  data: ({ data }) => jsonBlock(data),
};

/** Draw the conversation of an observation. */
export function conversation({ observation, span }) {
  if (!observation) return el("p", { class: "empty" }, "Langfuse stores no observation for this span.");
  const { input, output, statusMessage, level } = observation;
  const parts = [side("Input", input, "user"), side("Output", output, "assistant")].filter(Boolean);
  return [
    statusMessage ? el("p", { class: `failure ${level}`, role: "alert" }, statusMessage) : null,
    parts.length
      ? parts
      : el(
          "p",
          { class: "empty" },
          statusMessage ? "There is no output." : `${span.name || "It"} has no input and no output.`,
        ),
  ];
}

function side(title, data, role) {
  const messages = messagesOf(data, role);
  if (!messages.length) return null;
  const tools = toolsOf(data);
  return el(
    "section",
    { class: "side" },
    el(
      "h3",
      {},
      title,
      copyButton("Copy", () => (typeof data === "string" ? data : JSON.stringify(data, null, 2))),
    ),
    tools.length ? offered(tools) : null,
    messages.map(turn),
  );
}

function turn({ role, name, blocks }) {
  const drawn = blocks.map((block) => DRAWN[block.kind](block));
  return el(
    "article",
    { class: `turn ${known(role)}` },
    el("header", {}, role || "message", name && el("span", { class: "note" }, name)),
    el("div", { class: "blocks" }, drawn.length ? drawn : el("p", { class: "note" }, "empty")),
  );
}

const known = (role) =>
  ["system", "developer", "user", "assistant", "tool", "function"].includes(role) ? role : "other";

function said({ text }) {
  if (text.length <= LONG) return el("p", { class: "text" }, text);
  const shown = el("p", { class: "text" }, `${text.slice(0, LONG)}…`);
  const button = el(
    "button",
    { class: "quiet", type: "button", click: all },
    `Show all ${text.length.toLocaleString("en-US")} characters`,
  );
  return el("div", {}, shown, button);

  function all() {
    shown.textContent = text;
    button.remove();
  }
}

function reasoning({ text }) {
  return el(
    "details",
    { class: "reasoning", open: text.length < LONG },
    el("summary", {}, "Reasoning"),
    el("p", { class: "text" }, text || "not shown by the provider"),
  );
}

function call({ name, id, input }) {
  return el(
    "div",
    { class: "call" },
    el("header", {}, el("b", {}, name ?? "tool"), id && el("code", {}, id)),
    value(input),
  );
}

function result({ id, output }) {
  return el(
    "div",
    { class: "call result" },
    el("header", {}, "result", id && el("code", {}, id)),
    value(output),
  );
}

const value = (given) =>
  given == null || given === ""
    ? null
    : typeof given === "object"
      ? jsonBlock(given)
      : said({ text: String(given) });

function image({ url, name }) {
  if (!isOurs(url)) return link(url);
  const shown = el("img", { src: url, alt: name ?? "image", loading: "lazy" });
  shown.addEventListener("error", () =>
    shown.replaceWith(el("p", { class: "note" }, "The image is not here.")),
  );
  return shown;
}

function audio({ url }) {
  return isOurs(url) ? el("audio", { src: url, controls: true, preload: "none" }) : link(url);
}

function video({ url }) {
  return isOurs(url) ? el("video", { src: url, controls: true, preload: "none" }) : link(url);
}

function file({ url, name, type }) {
  const label = [name, type].filter(Boolean).join(", ") || "file";
  return url.startsWith("/page/media/")
    ? el("a", { class: "file", href: url, download: name ?? "" }, label)
    : link(url.startsWith("data:") ? label : url);
}

/** Nothing is loaded from elsewhere; there is only a way to go there. */
function link(url) {
  return /^https?:\/\//.test(url)
    ? el("a", { href: url, target: "_blank", rel: "noreferrer" }, url)
    : el("code", {}, url.slice(0, 200));
}

const isOurs = (url) => url.startsWith("/page/media/") || url.startsWith("data:");

function offered(tools) {
  const name = (tool) => tool.function?.name ?? tool.name ?? tool.type ?? "tool";
  return el(
    "details",
    { class: "tools" },
    el(
      "summary",
      {},
      plural(tools.length, "tool"),
      el("span", { class: "note" }, tools.map(name).join(", ")),
    ),
    jsonBlock(tools),
  );
}
