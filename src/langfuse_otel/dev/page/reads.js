// What Langfuse reads from a span: attribute, value, field; and what it does not keep as it was sent.

import { el } from "./dom.js";

const LONGEST = 160;

export function reads({ reads: all, warnings, observation }) {
  const used = all.filter(({ fields, is_beaten }) => fields.length && !is_beaten);
  const beaten = all.filter(({ is_beaten }) => is_beaten);
  const unread = all.filter(({ fields }) => !fields.length);
  return [
    warnings.length
      ? el("ul", { class: "warnings" }, warnings.map(warning))
      : el("p", { class: "well" }, "Langfuse keeps everything as it was sent."),
    table("Read", used, ({ fields }) => fields.join(", ")),
    table("Beaten by another attribute", beaten, ({ fields }) => `would be ${fields.join(", ")}`),
    table(observation ? "Kept in the metadata only" : "Not read", unread, () => ""),
  ];
}

function warning({ effect, attribute, text }) {
  return el(
    "li",
    { class: effect },
    el("em", {}, effect),
    el("span", {}, attribute && [el("code", {}, attribute), " "], text),
  );
}

function table(title, found, meaning) {
  if (!found.length) return null;
  const rows = found.map((read) =>
    el(
      "tr",
      {},
      el("td", {}, el("code", {}, read.attribute)),
      el("td", { class: "field" }, meaning(read)),
      el("td", { class: "value" }, short(read.value)),
    ),
  );
  return el(
    "section",
    { class: "facts" },
    el("h3", {}, title),
    el("table", { class: "reads" }, el("tbody", {}, rows)),
  );
}

function short(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
