// What the receiver is asked.

async function ask(path, query = {}) {
  const answer = await fetch(`/page/api/${path}?${new URLSearchParams(query)}`).catch(() => null);
  if (!answer) throw new Error("The receiver does not answer. Is `langfuse-otel dev` still running?");
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(said.message ?? `The receiver answers ${answer.status}.`);
  return said;
}

export const traces = (filters, before) => ask("traces", with_(filters, before));
export const sessions = (filters, before) => ask("sessions", with_(filters, before));
export const overview = (filters) => ask("overview", filters);
export const values = () => ask("values");
export const trace = (id) => ask("trace", { id });
export const observation = (trace, id) => ask("observation", { trace, id });

/** Call `arrived` at once, whenever something arrives and after each interruption. */
export function listen(arrived, interrupted) {
  const source = new EventSource("/page/api/events");
  source.onmessage = arrived;
  source.onerror = interrupted;
}

function with_(filters, before) {
  const query = new URLSearchParams(filters);
  if (before) query.set("before", before);
  return query;
}
