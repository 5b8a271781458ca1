// Numbers and times as people read them.

const number = new Intl.NumberFormat("en-US");
const short = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });
const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const time = new Intl.DateTimeFormat("en-GB", clock);
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const moment = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

export const count = (value) => number.format(value);
export const compact = (value) => (value < 10_000 ? number.format(value) : short.format(value));

export function duration(ms) {
  if (ms == null) return "";
  if (Math.abs(ms) < 1000) return `${Math.round(ms)} ms`;
  if (Math.abs(ms) < 60_000) return `${(ms / 1000).toFixed(2)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

export function dollars(cost) {
  if (cost == null) return "";
  if (cost === 0) return "$0";
  const digits = Math.abs(cost) < 0.01 ? 6 : Math.abs(cost) < 1 ? 4 : 2;
  return `$${cost.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

/** With two digits that say something, for a line of text. */
export const roughly = (cost) =>
  cost > 0 && cost < 1 ? `$${cost.toFixed(Math.max(2, 1 - Math.floor(Math.log10(cost))))}` : dollars(cost);

export const tokens = (given, taken) => (given || taken ? `${count(given)} → ${count(taken)}` : "");

export function when(ms) {
  const date = new Date(ms);
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday ? time.format(date) : `${day.format(date)} ${time.format(date).slice(0, 5)}`;
}

export const exactly = (ms) => moment.format(new Date(ms));

export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
