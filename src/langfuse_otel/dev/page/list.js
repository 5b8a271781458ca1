// Traces, newest first, and sessions, latest first.

import * as api from "./api.js";
import { $, el, fill } from "./dom.js";
import { count, dollars, duration, exactly, plural, tokens, when } from "./format.js";
import { address, change, filters, isFiltered, state } from "./state.js";

const VIEWS = {
  traces: { ask: api.traces, key: "traces", row: traceRow, head: traceHead },
  sessions: { ask: api.sessions, key: "sessions", row: sessionRow, head: sessionHead },
};
const more = new IntersectionObserver((seen) => seen.some((entry) => entry.isIntersecting) && loadMore(), {
  rootMargin: "600px",
});
const sentinel = el("div", { class: "sentinel" });

let rows = null;
let next = null;
let loads = 0;

const view = () => VIEWS[state().view] ?? VIEWS.traces;

/** Load the first rows anew. */
export async function load() {
  const load_ = ++loads;
  const { ask, key, head, row } = view();
  try {
    const found = await ask(filters());
    if (load_ !== loads) return;
    next = found.next;
    rows = el("div", { class: `rows ${key}` }, found[key].map(row));
    fill($("list"), found[key].length ? [head(), rows, sentinel] : nothing());
    more.disconnect();
    more.observe(sentinel);
    mark();
  } catch (error) {
    if (load_ === loads) fill($("list"), problem(error));
  }
}

/** Put what is new on top, and what has changed in place of what it was. */
export async function refresh() {
  if (!rows?.isConnected || !rows.children.length || view().key === "sessions") return load();
  const load_ = loads;
  const found = await view()
    .ask(filters())
    .catch(() => null);
  if (!found || load_ !== loads) return;
  const known = new Map([...rows.children].map((row) => [row.dataset.id, row]));
  if (!found.traces.some((trace) => known.has(trace.id))) return load();
  let place = rows.firstElementChild;
  for (const trace of found.traces) {
    const old = known.get(trace.id);
    const made = traceRow(trace);
    if (!old) {
      made.classList.add("new");
      rows.insertBefore(made, place);
    } else {
      if (place === old) place = old.nextElementSibling;
      if (old.textContent !== made.textContent || old.dataset.level !== made.dataset.level) {
        const hadFocus = old === document.activeElement;
        old.replaceWith(made);
        if (hadFocus) made.focus();
      }
    }
  }
  mark();
}

/** Show which trace is open. */
export function mark() {
  for (const row of rows?.children ?? []) {
    if (row.dataset.id === state().trace) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
}

/** Give the rows that can be walked through. */
export const items = () => [...(rows?.children ?? [])];

async function loadMore() {
  if (!next) return;
  const [load_, before] = [loads, next];
  next = null;
  const { ask, key, row } = view();
  const found = await ask(filters(), before).catch(() => null);
  if (load_ !== loads || !rows) return;
  if (!found) {
    next = before;
    return;
  }
  next = found.next;
  rows.append(...found[key].map(row));
  mark();
  more.unobserve(sentinel);
  more.observe(sentinel);
}

function traceHead() {
  const names = [
    "",
    "name",
    "model",
    "user, session",
    "environment",
    "latency",
    "first token",
    "tokens",
    "cost",
    "time",
  ];
  return el(
    "div",
    { class: "head", "aria-hidden": "true" },
    names.map((name) => el("span", {}, name)),
  );
}

function traceRow(trace) {
  return el(
    "a",
    {
      class: "row",
      href: address({ trace: trace.id, observation: "" }),
      "data-id": trace.id,
      "data-level": trace.level,
    },
    el("span", {
      class: "dot",
      title: trace.level,
      "aria-label": trace.level === "DEFAULT" ? null : trace.level,
    }),
    el(
      "span",
      { class: "what" },
      el(
        "span",
        { class: "title" },
        el("b", {}, trace.name || "unnamed"),
        lost(trace),
        trace.tags.map((tag) => chip("tag", tag)),
      ),
      el("span", { class: "said" }, trace.asked, trace.answered && el("i", {}, trace.answered)),
    ),
    el("span", { class: "model" }, trace.models.join(", ")),
    el(
      "span",
      { class: "who" },
      trace.user_id && chip("user", trace.user_id),
      trace.session_id && chip("session", trace.session_id),
    ),
    el("span", { class: "environment" }, trace.environment === "default" ? "" : trace.environment),
    el("span", { class: "number latency" }, duration(trace.latency_ms)),
    el("span", { class: "number first" }, duration(trace.first_token_ms)),
    el("span", { class: "number tokens" }, tokens(trace.input_tokens, trace.output_tokens)),
    el("span", { class: "number cost" }, dollars(trace.cost)),
    el("time", { class: "number time", title: exactly(trace.start_ms) }, when(trace.start_ms)),
  );
}

function lost(trace) {
  return trace.dropped
    ? el("em", { class: "lost" }, `${plural(trace.dropped, "observation")} dropped`)
    : null;
}

function chip(name, value) {
  return el("span", { class: `chip ${name}`, title: `Only this ${name}`, click: only }, value);

  function only(event) {
    event.preventDefault();
    event.stopPropagation();
    change({ [name]: value });
  }
}

function sessionHead() {
  const names = ["session", "users", "traces", "observations", "errors", "tokens", "cost", "last"];
  return el(
    "div",
    { class: "head sessions", "aria-hidden": "true" },
    names.map((name) => el("span", {}, name)),
  );
}

function sessionRow(session) {
  return el(
    "a",
    {
      class: "row session",
      href: address({ view: "", session: session.id, trace: "" }),
      "data-id": session.id,
    },
    el("b", { class: "id" }, session.id),
    el("span", { class: "users" }, session.users?.replaceAll(",", ", ")),
    el("span", { class: "number" }, plural(session.traces, "trace")),
    el("span", { class: "number observations" }, count(session.observations)),
    el("span", { class: "number errors" }, session.errors ? plural(session.errors, "error") : ""),
    el("span", { class: "number tokens" }, tokens(session.input_tokens, session.output_tokens)),
    el("span", { class: "number" }, dollars(session.cost)),
    el("time", { class: "number time", title: exactly(session.last_ms) }, when(session.last_ms)),
  );
}

function nothing() {
  if (isFiltered()) {
    return el(
      "div",
      { class: "empty" },
      el("h2", {}, "Nothing here"),
      el("p", {}, "No trace meets all filters."),
    );
  }
  const lines = [
    `export LANGFUSE_HOST=${location.origin}`,
    "export LANGFUSE_PUBLIC_KEY=pk-lf-local",
    "export LANGFUSE_SECRET_KEY=sk-lf-local",
  ];
  return el(
    "div",
    { class: "empty" },
    el("h2", {}, state().view === "sessions" ? "No session yet" : "Waiting for the first trace"),
    el(
      "p",
      {},
      "Point your program here; what it sends appears by itself. The keys are those that the terminal shows:",
    ),
    el("pre", {}, lines.join("\n")),
  );
}

function problem(error) {
  return el(
    "div",
    { class: "empty problem", role: "alert" },
    el("h2", {}, "This did not work"),
    el("p", {}, error.message),
  );
}
