// Totals for what is shown, and how they came about over time.

import * as api from "./api.js";
import { bars, card, lines, shares } from "./charts.js";
import { $, el, fill } from "./dom.js";
import { compact, count, dollars, duration, plural, roughly } from "./format.js";
import { filters } from "./state.js";

let loads = 0;

/** Load and draw them; nothing where nothing is shown. */
export async function load() {
  const load_ = ++loads;
  const found = await api.overview(filters()).catch(() => null);
  if (load_ !== loads) return;
  $("overview").hidden = !found?.traces;
  if (found?.traces) fill($("overview"), cards(found));
}

function cards({ traces, totals, models, buckets }) {
  const series = (key, className = "accent") => ({ className, values: buckets.map((bucket) => bucket[key]) });
  const successes = buckets.map(({ calls, errors }) => calls - errors);
  return [
    card({
      title: "Calls",
      value: compact(totals.calls),
      note: `in ${plural(traces, "trace")}`,
      buckets,
      series: [{ className: "accent", values: successes }, series("errors", "error")],
      kind: bars,
      read: ({ calls }) => plural(calls, "call"),
    }),
    card({
      title: "Errors",
      value: compact(totals.errors),
      note: totals.calls ? `${((100 * totals.errors) / totals.calls).toFixed(1)} % of calls` : "",
      buckets,
      series: [series("errors", "error")],
      kind: bars,
      read: ({ errors }) => plural(errors, "error"),
    }),
    card({
      title: "Tokens",
      value: compact(totals.input_tokens + totals.output_tokens),
      note: `${compact(totals.input_tokens)} → ${compact(totals.output_tokens)}`,
      buckets,
      series: [series("input_tokens"), series("output_tokens", "soft")],
      kind: bars,
      read: ({ input_tokens, output_tokens }) => `${count(input_tokens)} in, ${count(output_tokens)} out`,
    }),
    card({
      title: "Cost",
      value: dollars(totals.cost),
      note: totals.calls ? `${roughly(totals.cost / totals.calls)} each` : "",
      buckets,
      series: [series("cost")],
      kind: bars,
      read: ({ cost }) => dollars(cost),
    }),
    card({
      title: "Latency, p50",
      value: duration(totals.p50_ms),
      note: totals.p95_ms == null ? "" : `p95 ${duration(totals.p95_ms)}`,
      buckets,
      series: [series("p95_ms", "soft"), series("p50_ms")],
      kind: lines,
      read: ({ p50_ms, p95_ms }) =>
        p50_ms == null ? "no calls" : `p50 ${duration(p50_ms)}, p95 ${duration(p95_ms)}`,
    }),
    byModel(models),
  ];
}

function byModel(models) {
  const shown = models.slice(0, 4);
  const read = (model) =>
    [compact(model.calls), roughly(model.cost), duration(model.p50_ms)].filter(Boolean).join(" · ");
  const others =
    models.length > shown.length ? `and ${models.length - shown.length} more` : "calls · cost · p50";
  return el(
    "figure",
    { class: "card models" },
    el("figcaption", {}, "By model", el("span", { class: "note" }, others)),
    shares(shown, read),
  );
}
