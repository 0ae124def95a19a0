/** How far something is: one line that is redrawn, on a terminal alone. */
import type { TransferProgress } from "../store/remote/push.ts";
import { bytes, count } from "../views/amounts.ts";
import { cutToWidth, textWidth } from "../views/text-width.ts";
import type { Terminal } from "./terminal.ts";

const REDRAW_MS = 100;
/** For the `^C` that the terminal writes behind it; and some terminals wrap when the last column is written to. */
const FREE_COLUMNS = 3;

export interface StatusLine extends Disposable {
  /** Draws it anew, at most ten times a second. */
  show(text: string): void;
  /** Prints in its place; the next `show` draws it again below. */
  terminal: Terminal;
}

export function statusLine(terminal: Terminal): StatusLine {
  let drawnMs = Number.NEGATIVE_INFINITY;
  let drawnWidth = 0;
  let shown = "";
  const columns = () => process.stderr.getWindowSize()[0] || 80;
  // A window made narrower has wrapped what was drawn.
  const toStart = () => {
    const rowsUp = Math.max(0, Math.ceil(drawnWidth / columns()) - 1);
    return `\r${rowsUp > 0 ? `\x1b[${rowsUp}A` : ""}\x1b[J`;
  };
  const clear = () => {
    if (drawnWidth > 0) process.stderr.write(toStart());
    drawnWidth = 0;
    drawnMs = Number.NEGATIVE_INFINITY;
  };
  const draw = () => {
    const line = cutToWidth(shown, Math.max(1, columns() - FREE_COLUMNS));
    process.stderr.write(`${drawnWidth > 0 ? toStart() : ""}${line}`);
    drawnWidth = textWidth(line);
    drawnMs = Date.now();
  };
  const fit = () => {
    if (drawnWidth > 0) draw();
  };
  process.stderr.on("resize", fit);
  return {
    show(text) {
      if (!terminal.isLive || Date.now() - drawnMs < REDRAW_MS) return;
      shown = text;
      draw();
    },
    terminal: {
      ...terminal,
      out(text) {
        clear();
        terminal.out(text);
      },
      err(text) {
        clear();
        terminal.err(text);
      },
    },
    [Symbol.dispose]() {
      process.stderr.off("resize", fit);
      clear();
    },
  };
}

/** `sending  45%  123.4 MiB  (7385 of 16393 blobs)`: what matters most stands first, in case the rest is cut. */
export function transferText(
  doing: "sending" | "fetching",
  { done, total, bytes: moved }: TransferProgress,
): string {
  const share = total === 0 ? 0 : Math.floor((done / total) * 100);
  return `${doing} ${String(share).padStart(3)}%  ${bytes(moved)}  (${done} of ${count(total, "blob")})`;
}
