// The row of filters, and those that are set.

import * as api from "./api.js";
import { $, el, fill } from "./dom.js";
import { change, isFiltered, state } from "./state.js";

const CHOICES = {
  range: {
    "": "Any time",
    "15m": "Last 15 minutes",
    "1h": "Last hour",
    "24h": "Last day",
    "7d": "Last week",
  },
  level: { "": "Any level", ERROR: "Error", WARNING: "Warning", DEFAULT: "Default", DEBUG: "Debug" },
};
const SUGGESTED = { model: "models", environment: "environments", user: "users", tag: "tags", session: null };

const fields = {};
const clear = el("button", { class: "quiet clear", type: "button", click: reset }, "Clear");

/** Draw the row once. */
export function draw() {
  for (const [name, choices] of Object.entries(CHOICES)) {
    const options = Object.entries(choices).map(([value, label]) => el("option", { value }, label));
    fields[name] = el(
      "select",
      { name, "aria-label": choices[""].replace("Any ", ""), change: changed },
      options,
    );
  }
  for (const [name, kind] of Object.entries(SUGGESTED)) {
    fields[name] = el("input", {
      name,
      placeholder: name,
      "aria-label": name,
      list: kind && `known-${kind}`,
      autocomplete: "off",
      spellcheck: "false",
      change: changed,
    });
  }
  const lists = Object.values(SUGGESTED)
    .filter(Boolean)
    .map((kind) => el("datalist", { id: `known-${kind}` }));
  fill($("filters"), Object.values(fields), clear, lists);
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("filters").addEventListener("focusin", suggest);
  let typing;
  $("search").addEventListener("input", (event) => {
    clearTimeout(typing);
    typing = setTimeout(() => change({ text: event.target.value }, { isStep: false }), 150);
  });
  $("view-traces").addEventListener("click", () => change({ view: "" }));
  $("view-sessions").addEventListener("click", () =>
    change({ view: "sessions", trace: "", observation: "" }),
  );
}

/** Show what the address says. */
export function show() {
  const now = state();
  for (const [name, field] of Object.entries(fields)) {
    field.value = now[name] ?? "";
    field.classList.toggle("set", Boolean(now[name]));
  }
  if ($("search").value !== (now.text ?? "")) $("search").value = now.text ?? "";
  clear.hidden = !isFiltered();
  for (const view of ["traces", "sessions"]) {
    $(`view-${view}`).setAttribute("aria-pressed", String((now.view || "traces") === view));
  }
}

/** Take all filters away. */
export function reset() {
  $("search").value = "";
  change({ text: "", range: "", ...Object.fromEntries(Object.keys(fields).map((name) => [name, ""])) });
}

function changed(event) {
  change({ [event.target.name]: event.target.value.trim() });
}

async function suggest() {
  const known = await api.values().catch(() => ({}));
  for (const [kind, values] of Object.entries(known)) {
    fill(
      $(`known-${kind}`),
      values.map((value) => el("option", { value })),
    );
  }
}
