/** Sizes as people write them. */
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

export const SIZE_FORM = "write a size as 500MiB, 20GiB or 1.5TiB";

/** Bytes; undefined where it is no size. */
export function parseSize(text: string): number | undefined {
  const [, amount, unit = "B"] = /^(\d+(?:\.\d+)?)\s*([KMGT]iB|B)?$/.exec(text) ?? [];
  return amount === undefined ? undefined : Math.floor(Number(amount) * 1024 ** UNITS.indexOf(unit));
}
