// Small charts over time, drawn by hand.

import { el, svg } from "./dom.js";
import { when } from "./format.js";

const [WIDTH, HEIGHT] = [300, 56];

/**
 * A chart in a card: a title, one large number, and a drawing that says what is under the pointer.
 * `series` is a list of {className, values}; all have as many values as there are buckets.
 */
export function card({ title, value, note, buckets, series, kind, read }) {
  const said = el("span", { class: "note" }, note ?? "");
  const drawing = kind(series);
  drawing.setAttribute("aria-label", `${title} over time`);
  drawing.addEventListener("pointermove", point);
  drawing.addEventListener("pointerleave", () => (said.textContent = note ?? ""));
  return el("figure", { class: "card" }, el("figcaption", {}, title), el("output", {}, value, said), drawing);

  function point(event) {
    const box = drawing.getBoundingClientRect();
    const at = Math.floor(((event.clientX - box.left) / box.width) * buckets.length);
    const bucket = buckets[Math.min(Math.max(at, 0), buckets.length - 1)];
    if (bucket) said.textContent = `${when(bucket.start_ms)}  ${read(bucket)}`;
  }
}

/** Bars, the series on top of one another. */
export function bars(series) {
  const length = series[0]?.values.length ?? 0;
  const tops = Array.from({ length }, (_, at) =>
    series.reduce((sum, { values }) => sum + (values[at] || 0), 0),
  );
  const scale = HEIGHT / Math.max(...tops, Number.MIN_VALUE);
  const width = WIDTH / Math.max(length, 1);
  const floor = new Array(length).fill(HEIGHT);
  return frame(
    series.map(({ className, values }) =>
      svg("path", { class: className, d: values.map((value, at) => bar(at, value)).join("") }),
    ),
  );

  function bar(at, value) {
    if (!value) return "";
    const height = Math.max(value * scale, 1);
    floor[at] -= height;
    const gap = Math.min(width * 0.2, 1.5);
    return `M${round(at * width + gap / 2)} ${round(floor[at])}h${round(Math.min(width - gap, 24))}v${round(height)}H${round(at * width + gap / 2)}z`;
  }
}

/** Lines, one for each series; where a value is missing the line has a gap. */
export function lines(series) {
  const highest = Math.max(
    ...series.flatMap(({ values }) => values.filter((value) => value != null)),
    Number.MIN_VALUE,
  );
  const length = series[0]?.values.length ?? 0;
  const x = (at) => round(((at + 0.5) * WIDTH) / length);
  const y = (value) => round(HEIGHT - 2 - (value / highest) * (HEIGHT - 4));
  return frame(
    series.map(({ className, values }) => svg("path", { class: `line ${className}`, d: path(values) })),
  );

  function path(values) {
    let isOpen = false;
    let drawn = "";
    values.forEach((value, at) => {
      if (value == null) isOpen = false;
      else {
        // A point with no neighbour is a short stroke.
        drawn += `${isOpen ? "L" : "M"}${x(at)} ${y(value)}${isOpen ? "" : "h1"}`;
        isOpen = true;
      }
    });
    return drawn;
  }
}

/** A line for each model: its name, its share as a bar, a number. */
export function shares(models, read) {
  const most = Math.max(...models.map(({ calls }) => calls), 1);
  return el(
    "ul",
    { class: "shares" },
    models.map((model) =>
      el(
        "li",
        { "--share": model.calls / most },
        el("span", { class: "model" }, model.model || "no model"),
        el("span", { class: "number" }, read(model)),
      ),
    ),
  );
}

function frame(paths) {
  const base = svg("path", { class: "base", d: `M0 ${HEIGHT}H${WIDTH}` });
  return svg(
    "svg",
    { class: "chart", role: "img", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none" },
    base,
    paths,
  );
}

const round = (value) => Math.round(value * 100) / 100;
