// Elements. Text from outside becomes text and nothing else: no markup is ever parsed here.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element; children are elements, texts, lists of them, or nothing: null, false, "". */
export function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** Make an element of a drawing. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

/** Give an element other children. */
export function fill(node, ...children) {
  node.replaceChildren(...given(children));
}

export const $ = (id) => document.getElementById(id);

const given = (children) => children.flat(Infinity).filter((child) => child || child === 0);

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value == null || value === false) continue;
    if (typeof value === "function") node.addEventListener(name, value);
    else if (name.startsWith("--")) node.style.setProperty(name, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...given(children));
  return node;
}

/** A button that copies what `text` gives when it is pressed. */
export function copyButton(label, text) {
  const button = el("button", { class: "copy quiet", type: "button", click: copy }, label);
  return button;

  async function copy() {
    const isCopied = await copied(text());
    button.textContent = isCopied ? "Copied" : "Cannot copy";
    setTimeout(() => (button.textContent = label), 1200);
  }
}

async function copied(text) {
  if (navigator.clipboard)
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
  // Beyond loopback a page without TLS has no clipboard of its own.
  const area = document.body.appendChild(el("textarea", { class: "unseen" }));
  area.value = text;
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}
