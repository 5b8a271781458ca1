// What is shown, kept in the address: it can be bookmarked, shared and gone back from.

export const FILTERS = ["text", "model", "user", "session", "tag", "level", "environment"];

const RANGES = { "15m": 15, "1h": 60, "24h": 1440, "7d": 10_080 };

/** Give all that the address says, by name. */
export function state() {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

/** Change some of it; an empty value takes it away. `isStep` makes going back lead here. */
export function change(changes, { isStep = true } = {}) {
  const next = Object.entries({ ...state(), ...changes }).filter(([, value]) => value);
  const hash = `#${new URLSearchParams(next)}`;
  if (hash === location.hash || (hash === "#" && !location.hash)) return;
  history[isStep ? "pushState" : "replaceState"](null, "", hash);
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

/** Give the address that `change` would lead to. */
export function address(changes) {
  const next = Object.entries({ ...state(), ...changes }).filter(([, value]) => value);
  return `#${new URLSearchParams(next)}`;
}

/** Give the filters as the receiver takes them. */
export function filters() {
  const now = state();
  const query = new URLSearchParams(FILTERS.filter((name) => now[name]).map((name) => [name, now[name]]));
  if (RANGES[now.range]) query.set("since_ms", Date.now() - RANGES[now.range] * 60_000);
  return query;
}

/** Tell whether anything is filtered. */
export const isFiltered = () => [...FILTERS, "range"].some((name) => state()[name]);
