// The keyboard.

import { $, el, fill } from "./dom.js";
import * as list from "./list.js";
import { change, state } from "./state.js";
import * as trace from "./trace.js";

const HELP = [
  ["j  ↓", "the next one"],
  ["k  ↑", "the one before"],
  ["Enter", "open"],
  ["Esc", "back"],
  ["/", "search"],
  ["t  s", "traces, sessions"],
  ["1 – 4", "messages, details, what Langfuse reads, JSON"],
  ["d", "light or dark"],
  ["?", "these keys"],
];
const MOVES = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 };

/** Listen from now on. */
export function start() {
  fill(
    $("help"),
    el("h2", {}, "Keys"),
    el(
      "dl",
      {},
      HELP.map(([key, does]) => [
        el(
          "dt",
          {},
          key.split("  ").map((name) => el("kbd", {}, name)),
        ),
        el("dd", {}, does),
      ]),
    ),
    el("form", { method: "dialog" }, el("button", { class: "quiet" }, "Close")),
  );
  $("help-button").addEventListener("click", () => $("help").showModal());
  $("theme").addEventListener("click", otherTheme);
  document.addEventListener("keydown", pressed);
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  const isTyping = event.target.matches("input, select, textarea");
  if (event.key === "Escape") return back(event, isTyping);
  if (isTyping) return isLeavingSearch(event) ? move(event, 1) : undefined;
  if (event.key in MOVES) return move(event, MOVES[event.key]);
  const does = {
    "/": () => $("search").select(),
    "?": () => $("help").showModal(),
    d: otherTheme,
    t: () => change({ view: "" }),
    s: () => change({ view: "sessions", trace: "", observation: "" }),
  }[event.key];
  if (does) {
    event.preventDefault();
    does();
  } else if (/^[1-4]$/.test(event.key)) trace.showTab(Number(event.key) - 1);
}

const isLeavingSearch = (event) =>
  event.target.id === "search" && (event.key === "ArrowDown" || event.key === "Enter");

function back(event, isTyping) {
  if (isTyping) return event.target.blur();
  if (!state().trace) return;
  const open = state().trace;
  change({ trace: "", observation: "" });
  list
    .items()
    .find((row) => row.dataset.id === open)
    ?.focus();
}

function move(event, step) {
  event.preventDefault();
  const isInTrace = $("trace").contains(document.activeElement);
  const rows = isInTrace ? trace.items() : list.items();
  const at = rows.indexOf(document.activeElement);
  const isCurrent = (row) => row.getAttribute("aria-current") === "true";
  const from = at >= 0 ? at : rows.findIndex(isCurrent);
  const row = rows[Math.min(Math.max(from + step, 0), rows.length - 1)];
  row?.focus();
  row?.scrollIntoView({ block: "nearest" });
  if (isInTrace) row?.click();
}

function otherTheme() {
  const root = document.documentElement;
  const isDark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
}
