// One trace: its facts, its tree beside a waterfall, and the observation that is chosen.

import * as api from "./api.js";
import * as detail from "./detail.js";
import { $, copyButton, el, fill } from "./dom.js";
import { dollars, duration, exactly, plural, tokens } from "./format.js";
import { address, change } from "./state.js";
import * as tree from "./tree.js";

const pane = el("div", { class: "detail" });

let drawn = { id: null, text: "" };
let rows = null;

/** Show a trace and one of its observations, or none. */
export async function show(id, chosen) {
  $("trace").hidden = !id;
  if (!id) {
    drawn = { id: null, text: "" };
    return fill($("trace"));
  }
  if (id !== drawn.id) {
    drawn = { id, text: "" };
    detail.forget();
    fill($("trace"), el("p", { class: "loading" }, "Loading …"));
    await draw(id, chosen);
  } else choose(chosen);
}

/** Draw it again if it has changed. */
export async function refresh() {
  if (drawn.id) await draw(drawn.id, tree.chosen(rows));
}

/** Give the rows of the tree. */
export const items = () => [...(rows?.querySelectorAll(".span") ?? [])];

export const showTab = detail.showTab;

async function draw(id, chosen) {
  let found;
  try {
    found = await api.trace(id);
  } catch (error) {
    if (id === drawn.id && !drawn.text)
      fill($("trace"), close(), el("p", { class: "empty problem", role: "alert" }, error.message));
    return;
  }
  const text = JSON.stringify(found);
  if (id !== drawn.id || text === drawn.text) return;
  const isFirst = !drawn.text;
  drawn.text = text;
  const hadFocus = rows?.contains(document.activeElement);
  rows = tree.draw(found);
  fill($("trace"), heading(found), el("div", { class: "parts" }, rows, pane));
  choose(chosen ?? (found.observations.find((seen) => seen.level === "ERROR") ?? tree.ordered(found)[0])?.id);
  if (hadFocus || (isFirst && $("list").contains(document.activeElement)))
    items()
      .find((row) => row.hasAttribute("aria-current"))
      ?.focus();
}

function choose(id) {
  const row = items().find((item) => item.dataset.id === id) ?? items()[0];
  for (const item of items()) item.removeAttribute("aria-current");
  row?.setAttribute("aria-current", "true");
  if (row) detail.show(pane, drawn.id, row.dataset.id);
  else fill(pane);
}

function close() {
  return el(
    "button",
    {
      class: "quiet close",
      type: "button",
      title: "Back (Esc)",
      "aria-label": "Back",
      click: () => change({ trace: "", observation: "" }),
    },
    "←",
  );
}

function heading(trace) {
  const start = Date.parse(trace.timestamp);
  return el(
    "header",
    { class: "heading" },
    close(),
    el("h1", {}, trace.name || "unnamed"),
    trace.level === "DEFAULT" ? null : el("span", { class: `level ${trace.level}` }, trace.level),
    el(
      "p",
      { class: "numbers" },
      facts(trace).map(([name, value]) => el("span", { title: name }, value)),
    ),
    el(
      "p",
      { class: "labels" },
      trace.userId && filterLink("user", trace.userId),
      trace.sessionId && filterLink("session", trace.sessionId),
      trace.environment !== "default" && filterLink("environment", trace.environment),
      trace.tags.map((tag) => filterLink("tag", tag)),
      trace.release && label("release", trace.release),
      trace.version && label("version", trace.version),
      trace.public && label("", "public"),
      trace.scores.map((score) => label(score.name, score.stringValue ?? String(score.value), score.comment)),
      label("time", exactly(start), trace.timestamp),
      el(
        "span",
        { class: "id" },
        el("code", {}, trace.id),
        copyButton("Copy", () => trace.id),
      ),
    ),
    trace.dropped.length
      ? el(
          "ul",
          { class: "dropped", role: "alert" },
          trace.dropped.map((lost) =>
            el("li", {}, el("b", {}, lost.name || lost.id), ` dropped: ${lost.reason}`),
          ),
        )
      : null,
  );
}

function facts(trace) {
  return [
    ["latency", duration(trace.latency == null ? null : trace.latency * 1000)],
    ["tokens, input → output", tokens(trace.inputTokens, trace.outputTokens)],
    ["cost", dollars(trace.totalCost)],
    ["observations", plural(trace.observations.length, "observation")],
  ].filter(([, value]) => value);
}

function filterLink(name, value) {
  return el(
    "a",
    { class: `chip ${name}`, href: address({ view: "", [name]: value }), title: `Only this ${name}` },
    value,
  );
}

function label(name, value, title) {
  return el("span", { class: "fact", title }, name && el("i", {}, name), value);
}
