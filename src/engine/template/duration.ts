/** Durations as templates and options write them: `90s`, `10m`, `1h30m`. */

const UNITS_MS = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;

/** The longest time that a timer of Node's can wait, some 24 days. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * Milliseconds; undefined where it is no duration: hours, minutes, seconds and milliseconds, in this order, each at
 * most once, whole numbers, more than nothing in all and at most `LONGEST_MS`.
 */
export function parseDuration(text: string): number | undefined {
  const match = /^(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?$/.exec(text);
  if (!match) return undefined;
  const [hours, minutes, seconds, milliseconds] = match.slice(1).map((digits) => Number(digits ?? 0));
  const total = hours! * UNITS_MS.h + minutes! * UNITS_MS.m + seconds! * UNITS_MS.s + milliseconds!;
  return total > 0 && total <= LONGEST_MS ? total : undefined;
}
