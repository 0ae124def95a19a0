/** Splits a byte stream into lines, whatever the pieces it comes in; what follows the last newline comes at the end. */
import type { Readable } from "node:stream";

/** Calls `onLine` for every line, without its `\n` or `\r\n`; of a line that a progress meter rewrote (`\r`), what was left. */
export function readLines(stream: Readable, onLine: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (part: string) => {
    const lines = (rest + part).split("\n");
    rest = lines.pop()!;
    for (const line of lines) onLine(shown(line));
  });
  stream.on("end", () => {
    if (rest !== "") onLine(shown(rest));
  });
}

function shown(line: string): string {
  return line.replace(/\r+$/, "").split("\r").at(-1)!;
}
