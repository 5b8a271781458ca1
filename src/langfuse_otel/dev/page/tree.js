// The observations as a tree, each beside its bar on one time axis.

import { el } from "./dom.js";
import { dollars, duration, tokens } from "./format.js";
import { change } from "./state.js";

const TICKS = 4;

/** Give the observations of a trace with their depth, parents first, by start. */
export function ordered(trace) {
  const known = new Set(trace.observations.map(({ id }) => id));
  const children = Map.groupBy
    ? Map.groupBy(trace.observations, parentOf)
    : trace.observations.reduce(
        (map, seen) => map.set(parentOf(seen), [...(map.get(parentOf(seen)) ?? []), seen]),
        new Map(),
      );
  const found = [];
  const visited = new Set();
  walk(children.get(null) ?? [], 0);
  // Spans that name each other as parent hang nowhere; they start at the top level.
  for (const seen of trace.observations) if (!visited.has(seen.id)) walk([seen], 0);
  return found;

  function parentOf({ parentObservationId }) {
    return known.has(parentObservationId) ? parentObservationId : null;
  }

  function walk(top, depth) {
    const open = top.map((seen) => [seen, depth]).reverse();
    while (open.length) {
      const [seen, at] = open.pop();
      if (visited.has(seen.id)) continue;
      visited.add(seen.id);
      found.push({ ...seen, depth: at });
      open.push(...(children.get(seen.id) ?? []).map((child) => [child, at + 1]).reverse());
    }
  }
}

/** Draw the tree of a trace. */
export function draw(trace) {
  const seen = ordered(trace).map((one) => ({
    ...one,
    start: Date.parse(one.startTime),
    end: Date.parse(one.endTime ?? one.startTime),
  }));
  const first = Math.min(...seen.map(({ start }) => start));
  const span = Math.max(...seen.map(({ end }) => end), first + 1) - first;
  return el(
    "div",
    { class: "tree", role: "tree", "aria-label": "Observations" },
    el(
      "div",
      { class: "axis", "aria-hidden": "true" },
      el("span", {}),
      el("span", { class: "ticks" }, ticks(span)),
    ),
    seen.map((one) => row(one, first, span)),
  );
}

/** Give the id of the row that is chosen. */
export const chosen = (rows) => rows?.querySelector("[aria-current]")?.dataset.id;

function row(seen, first, span) {
  const part = (from, to) => ({
    "--from": (100 * (from - first)) / span,
    "--long": (100 * Math.max(to - from, 0)) / span,
  });
  const answered = seen.completionStartTime
    ? Math.min(Math.max(Date.parse(seen.completionStartTime), seen.start), seen.end)
    : seen.start;
  return el(
    "button",
    {
      class: "span",
      type: "button",
      role: "treeitem",
      "aria-level": seen.depth + 1,
      "data-id": seen.id,
      "data-level": seen.level,
      "--depth": Math.min(seen.depth, 16),
      click: () => change({ observation: seen.id }, { isStep: false }),
    },
    el(
      "span",
      { class: "label" },
      el("span", { class: `kind ${seen.type}`, title: seen.type.toLowerCase() }, seen.type.slice(0, 1)),
      el("b", {}, seen.name || "unnamed"),
      el("span", { class: "model" }, seen.model ?? ""),
    ),
    el(
      "span",
      { class: "lane" },
      el("span", { class: "bar", ...part(seen.start, seen.end) }),
      answered > seen.start
        ? el("span", {
            class: "bar waiting",
            title: `first token after ${duration(answered - seen.start)}`,
            ...part(seen.start, answered),
          })
        : null,
      el("span", { class: "took", ...part(seen.start, seen.end) }, duration(seen.end - seen.start)),
    ),
    el(
      "span",
      { class: "number cost", title: tokens(seen.inputTokens, seen.outputTokens) },
      dollars(seen.totalCost),
    ),
  );
}

function ticks(span) {
  const rough = span / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((width) => width >= rough);
  const at = [];
  for (let tick = 0; tick < span * 0.93; tick += step)
    at.push(el("span", { "--from": (100 * tick) / span }, tick ? label(tick) : "0"));
  return at;
}

const label = (ms) =>
  ms < 1000 ? `${Number(ms.toPrecision(3))} ms` : `${Number((ms / 1000).toPrecision(3))} s`;
