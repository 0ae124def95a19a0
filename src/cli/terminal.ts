/** Where output goes and what it may look like there. Results go to stdout; progress, logs and diagnostics to stderr. */
import { coloured, type Paint, plain } from "../views/paint.ts";

export interface Terminal {
  /** A result: a line or several, without the last newline. */
  out(text: string): void;
  /** Anything else. */
  err(text: string): void;
  outPaint: Paint;
  errPaint: Paint;
  /** The width of the window that results are read in; absent where they go elsewhere. */
  outColumns?: number;
  /** Someone sits before it: stderr is a terminal that can be redrawn. */
  isLive: boolean;
}

export function openTerminal(): Terminal {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", ignoreClosedPipe);
  const { columns } = process.stdout;
  return {
    out: (text) => void process.stdout.write(`${text}\n`),
    err: (text) => void process.stderr.write(`${text}\n`),
    outPaint: paintFor(process.stdout),
    errPaint: paintFor(process.stderr),
    ...(process.stdout.isTTY && columns ? { outColumns: columns } : {}),
    isLive: process.stderr.isTTY && !process.env.CI && process.env.TERM !== "dumb",
  };
}

/** Colour on a terminal alone, and not where `NO_COLOR` (no-color.org) or `CI` is set. */
function paintFor(stream: NodeJS.WriteStream): Paint {
  const { NO_COLOR, CI, TERM } = process.env;
  return stream.isTTY && !NO_COLOR && !CI && TERM !== "dumb" ? coloured : plain;
}

/** `tplgraph … | head`: whoever read has seen enough; the work goes on. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
}
