// The page: what the address says is shown, and shown again when something arrives.

import * as api from "./api.js";
import { $ } from "./dom.js";
import * as filterRow from "./filters.js";
import * as keys from "./keys.js";
import * as list from "./list.js";
import * as overview from "./overview.js";
import { FILTERS, state } from "./state.js";
import * as trace from "./trace.js";

const PAUSE_MS = 700;

let shown = {};
let isFirst = true;
let isBusy = false;
let isStale = false;

filterRow.draw();
keys.start();
window.addEventListener("hashchange", show);
show();
api.listen(arrived, () => live("interrupted"));

function show() {
  const before = shown;
  shown = state();
  const differs = (names) => isFirst || names.some((name) => before[name] !== shown[name]);
  filterRow.show();
  if (differs(["view", "range", ...FILTERS])) list.load();
  if (differs(["range", ...FILTERS])) overview.load();
  document.body.classList.toggle("open", Boolean(shown.trace));
  if (differs(["trace", "observation"])) trace.show(shown.trace, shown.observation);
  list.mark();
  isFirst = false;
}

async function arrived() {
  live("live");
  isStale = true;
  if (isBusy) return;
  isBusy = true;
  while (isStale) {
    isStale = false;
    await Promise.allSettled([list.refresh(), overview.load(), trace.refresh()]);
    // What arrives meanwhile waits a moment, so that a busy program costs the page little.
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  isBusy = false;
}

function live(text) {
  $("live").textContent = text;
  $("live").dataset.state = text;
}
