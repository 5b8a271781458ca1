// One observation: its messages, its details, what Langfuse reads from it, and all of it as JSON.

import * as api from "./api.js";
import { conversation } from "./chat.js";
import { copyButton, el, fill } from "./dom.js";
import { count, dollars, duration, exactly } from "./format.js";
import { jsonBlock } from "./json.js";
import { reads } from "./reads.js";

const TABS = [
  ["Messages", conversation],
  ["Details", details],
  ["What Langfuse reads", reads],
  ["JSON", raw],
];

let tab = 0;
let shown = null;
let loads = 0;

/** Load an observation into a pane. */
export async function show(pane, trace, id) {
  if (shown?.pane === pane && shown.trace === trace && shown.id === id) return;
  const load = ++loads;
  try {
    const found = await api.observation(trace, id);
    if (load !== loads) return;
    shown = { pane, trace, id, found };
    draw();
  } catch (error) {
    if (load === loads) fill(pane, el("p", { class: "empty problem", role: "alert" }, error.message));
  }
}

/** Forget what is shown, so that it is loaded again. */
export function forget() {
  shown = null;
}

/** Change to another tab. */
export function showTab(at) {
  tab = at;
  if (shown) draw();
}

function draw() {
  const { pane, found } = shown;
  const [, content] = TABS[tab];
  fill(
    pane,
    el(
      "div",
      { class: "tabs", role: "tablist" },
      TABS.map(([name], at) => tabButton(name, at, found)),
    ),
    el("div", { class: "content", role: "tabpanel" }, content(found)),
  );
}

function tabButton(name, at, { warnings }) {
  const marks =
    name === "What Langfuse reads" && warnings.length
      ? el("em", { class: "count" }, String(warnings.length))
      : null;
  return el(
    "button",
    { type: "button", role: "tab", "aria-selected": String(at === tab), click: () => showTab(at) },
    name,
    marks && " ",
    marks,
  );
}

function details({ observation, span }) {
  if (!observation) return el("p", { class: "empty" }, "Langfuse stores no observation for this span.");
  const { usageDetails: usage, costDetails: cost } = observation;
  return [
    section("Usage and cost", buckets(usage, cost)),
    section("Timing", pairs(timing(observation))),
    section("Model parameters", pairs(observation.modelParameters)),
    section(
      "Prompt",
      pairs(observation.promptName && { name: observation.promptName, version: observation.promptVersion }),
    ),
    section("Metadata", metadata(observation.metadata)),
    section("Identity", pairs(identity(observation, span))),
  ];
}

function section(title, content) {
  return content && el("section", { class: "facts" }, el("h3", {}, title), content);
}

function buckets(usage, cost) {
  const names = [...new Set([...Object.keys(usage), ...Object.keys(cost)])].sort(
    (one, other) => (one === "total") - (other === "total"),
  );
  if (!names.length) return null;
  const most = Math.max(...names.filter((name) => name !== "total").map((name) => usage[name] ?? 0), 1);
  const rows = names.map((name) =>
    el(
      "tr",
      { class: name === "total" ? "total" : null },
      el("th", { scope: "row" }, name),
      el("td", { class: "share", "--share": name === "total" ? 0 : (usage[name] ?? 0) / most }),
      el("td", { class: "number" }, name in usage ? count(usage[name]) : ""),
      el("td", { class: "number" }, name in cost ? dollars(cost[name]) : ""),
    ),
  );
  const head = ["", "", "tokens", "cost"].map((name) => el("th", { scope: "col" }, name));
  return el("table", { class: "buckets" }, el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows));
}

function timing(seen) {
  const at = (text) => (text ? exactly(Date.parse(text)) : null);
  const took = (seconds) => (seconds == null ? null : duration(seconds * 1000));
  return {
    start: at(seen.startTime),
    end: at(seen.endTime),
    latency: took(seen.latency),
    "time to first token": took(seen.timeToFirstToken),
  };
}

function identity(seen, span) {
  const scope = [span.scope_name, span.scope_version].filter(Boolean).join(" ");
  return {
    id: seen.id,
    parent: seen.parentObservationId,
    type: seen.type,
    level: seen.level,
    environment: seen.environment,
    version: seen.version,
    scope,
  };
}

function metadata(given) {
  const added = (name) => /^(attributes|resourceAttributes|scope)(\.|$)/.test(name);
  const own = Object.entries(given).filter(([name]) => !added(name));
  const others = Object.entries(given).filter(([name]) => added(name));
  if (!own.length && !others.length) return null;
  return [
    pairs(Object.fromEntries(own)) ?? el("p", { class: "note" }, "None was sent."),
    others.length
      ? el("details", {}, el("summary", {}, "Added by Langfuse"), pairs(Object.fromEntries(others)))
      : null,
  ];
}

function pairs(given) {
  const rows = Object.entries(given || {}).filter(([, value]) => value != null && value !== "");
  if (!rows.length) return null;
  return el(
    "dl",
    { class: "pairs" },
    rows.map(([name, value]) => [
      el("dt", {}, name),
      el("dd", {}, typeof value === "object" ? jsonBlock(value) : String(value)),
    ]),
  );
}

function raw(found) {
  const parts = { "As Langfuse stores it": found.observation, "As it was sent": found.span };
  return Object.entries(parts).map(([title, data]) =>
    el(
      "section",
      { class: "facts" },
      el(
        "h3",
        {},
        title,
        copyButton("Copy", () => JSON.stringify(data, null, 2)),
      ),
      data ? jsonBlock(data) : el("p", { class: "note" }, "Nothing."),
    ),
  );
}
