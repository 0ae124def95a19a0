/** Times, sizes and digests as people read them. */

/** `40ms`, `0.4s`, `12.3s`, `1m 04s`, `2h 05m`. */
export function seconds(value: number): string {
  if (value < 0.095) return `${Math.round(value * 1000)}ms`;
  if (value < 59.95) return `${value.toFixed(1)}s`;
  const whole = Math.round(value);
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}m ${two(whole % 60)}s`;
  return `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m`;
}

/** `0 B`, `512 B`, `1.5 MiB`, `2 GiB`. */
export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  let amount = value;
  while (amount >= 1024 && unit < units.length - 1) {
    amount /= 1024;
    unit++;
  }
  return `${unit === 0 || Number.isInteger(amount) ? amount : amount.toFixed(1)} ${units[unit]}`;
}

/** `sha256:` and as much of a digest as tells it apart. */
export function shortDigest(digest: string): string {
  return digest.slice(0, "sha256:".length + 12);
}

/** `1 step`, `2 steps`. */
export function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? "" : "s"}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
