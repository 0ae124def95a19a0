/** Reads rsync's `--info=progress2` lines. */

/**
 * Bytes copied so far, as one of its lines tells it: `  32,768  12%  1.00MB/s  0:00:01 (xfr#1, to-chk=2/9)`, the
 * separators of thousands left out by `--no-human-readable`. Undefined for any other line.
 */
export function parseProgress(line: string): number | undefined {
  const bytes = /^\s*([\d,]+)\s+\d+%\s/.exec(line)?.[1];
  return bytes === undefined ? undefined : Number(bytes.replaceAll(",", ""));
}
