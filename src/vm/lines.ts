/** Splits a byte stream into lines, whatever the pieces it comes in; what follows the last newline comes at the end. */
import type { Readable } from "node:stream";

/** Calls `onLine` for every line, without its `\n` or `\r\n`. */
export function readLines(stream: Readable, onLine: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (part: string) => {
    const lines = (rest + part).split("\n");
    rest = lines.pop()!;
    for (const line of lines) onLine(line.replace(/\r$/, ""));
  });
  stream.on("end", () => {
    if (rest !== "") onLine(rest);
  });
}
