const NUMBER = new Intl.NumberFormat("en");
const SHORT = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

export const number = (value: number): string => NUMBER.format(value);

export function bytes(value: number): string {
  if (value < 1000) return `${number(value)} B`;
  if (value < 1e6) return `${value < 1e4 ? SHORT.format(value / 1e3) : number(Math.round(value / 1e3))} KB`;
  return `${value < 1e7 ? SHORT.format(value / 1e6) : number(Math.round(value / 1e6))} MB`;
}

/** A limit, in the unit in which limits are set. */
export const mebibytes = (value: number): string => `${SHORT.format(value / 2 ** 20)} MiB`;

export function milliseconds(value: number): string {
  return value < 10_000 ? `${number(Math.max(1, Math.round(value)))} ms` : `${SHORT.format(value / 1000)} s`;
}

export function count(value: number, one: string, many = `${one}s`): string {
  return `${number(value)} ${value === 1 ? one : many}`;
}

/** Foreign text for one line: without characters that nobody sees and that can change how others are shown, such as right-to-left overrides. */
export const oneLine = (text: string): string => text.replace(/\p{Cf}/gu, "").replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ");

export const clock = (date: Date): string => date.toLocaleTimeString("en", { hour: "2-digit", minute: "2-digit" });

export const day = (iso: string): string =>
  new Date(iso).toLocaleDateString("en", { year: "numeric", month: "long", day: "numeric" });
