// JSON for reading: indented, with its parts in colours.

import { el } from "./dom.js";

const PARTS = /("(?:\\.|[^"\\])*")(\s*:)?|\b(true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const LONGEST = 200_000;

/** Draw data as JSON; what is very long stays plain. */
export function jsonBlock(data) {
  const text = JSON.stringify(data, null, 2) ?? "";
  return el("pre", { class: "json", tabindex: "0" }, text.length > LONGEST ? text : coloured(text));
}

function coloured(text) {
  const parts = [];
  let from = 0;
  for (const found of text.matchAll(PARTS)) {
    const [whole, string, colon, word] = found;
    parts.push(text.slice(from, found.index));
    const kind = string ? (colon ? "key" : "string") : word ? "word" : "digits";
    parts.push(el("span", { class: kind }, string ?? whole), colon ?? "");
    from = found.index + whole.length;
  }
  return [...parts, text.slice(from)];
}
