/**
 * Progress on a terminal: what has ended stands above, a line each, and scrolls away; below it live one line for
 * each running step and one for the whole. The live part is drawn anew at most ten times a second, never wraps
 * and is never higher than the window, so that moving up over it always meets its first line.
 */
import type { RunEvent } from "../engine/run/event.ts";
import type { NodeStatus } from "../engine/run/record.ts";
import { bytes, seconds } from "./amounts.ts";
import { type Colour, type Paint, plain } from "./paint.ts";
import { applyEvent, newProgressState, type ProgressState, type RunningNode } from "./progress-state.ts";
import { cutToWidth, padToWidth, printable, textWidth } from "./text-width.ts";

export interface TtyProgressOptions {
  write(text: string): void;
  /** The window, asked for at every redraw: it may have changed. */
  size(): { columns: number; rows: number };
  /** Milliseconds since the epoch. */
  now(): number;
  paint?: Paint;
}

export interface TtyProgress {
  onEvent(event: RunEvent): void;
  /** Draws the live part anew where something changed or a second went by. Called by a timer. */
  tick(): void;
  /** Prints a line above the live part. */
  note(line: string): void;
  /** Takes the live part away, so that somebody else can use the terminal; `tick` and events draw it again after `resume`. */
  pause(): void;
  resume(): void;
}

/** Above this many steps, cached ones are counted and not listed. */
const LISTED_HITS = 40;

/**
 * The whole row, before it is written (ECMA-48, 8.3.41 EL): so it also forgets that it was once wrapped, which would
 * join it with the next one in a wider window. And all from the cursor on (8.3.39 ED).
 */
const CLEAR_LINE = "\u001b[2K";
const CLEAR_BELOW = "\u001b[J";
/** Terminals disagree on how wide some characters are: a line that is wider there than here still takes one row. */
const NO_WRAP = "\u001b[?7l";
const WRAP = "\u001b[?7h";

/** Nobody sees more than ten pictures a second; the timer and the events share this limit. */
const REDRAW_MS = 100;

export function ttyProgress(options: TtyProgressOptions): TtyProgress {
  const { write, size, now, paint = plain } = options;
  const state = newProgressState();
  /** Lines waiting to be printed above. */
  let above: string[] = [];
  /** The widths of the lines of the live part on the terminal now. */
  let drawn: number[] = [];
  let drawnMs = Number.NEGATIVE_INFINITY;
  let active = true;

  /** Up to the first row of the live part. */
  const toFirstRow = () => {
    const { columns } = size();
    // A window made narrower has wrapped the lines that were drawn.
    const rows = drawn.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0);
    drawn = [];
    return rows > 0 ? `\u001b[${rows}A\r` : "";
  };
  const draw = () => {
    if (!active) return;
    const { columns, rows } = size();
    const live = liveLines(state, { columns, rows, nowMs: now(), paint });
    // Over what stands there, and then what is left of it: cleared from its first row, which may be the window's, tmux
    // would keep each picture among what has scrolled away.
    const hadLive = drawn.length > 0;
    const text = [...above, ...live].map((line) => `${hadLive ? CLEAR_LINE : ""}${line}\n`).join("");
    above = [];
    write(`${toFirstRow()}${NO_WRAP}${text}${hadLive ? CLEAR_BELOW : ""}${WRAP}`);
    drawn = live.map(textWidth);
    drawnMs = now();
  };
  return {
    onEvent(event) {
      const ended = applyEvent(state, event);
      if (event.type === "node-finished")
        above.push(...finishedLines(event, ended, state, size().columns, paint));
      if (event.type === "cleanup-failed")
        above.push(paint("red", `! ${printable(event.node)}: ${printable(event.error.message)}`));
      if (event.type === "run-finished") {
        state.running.clear();
        state.total = 0;
        draw();
      } else if (now() - drawnMs >= REDRAW_MS) draw();
    },
    tick: draw,
    note(line) {
      above.push(line);
      draw();
    },
    pause() {
      if (drawn.length > 0) write(`${toFirstRow()}${CLEAR_BELOW}`);
      active = false;
    },
    resume() {
      active = true;
      draw();
    },
  };
}

interface LiveOptions {
  columns: number;
  rows: number;
  nowMs: number;
  paint?: Paint;
}

/** The live part; none before the run began and after it ended. */
function liveLines(state: ProgressState, options: LiveOptions): string[] {
  if (state.total === 0) return [];
  const { columns, rows, paint = plain } = options;
  const running = [...state.running.values()];
  // One row for the last line and one that the cursor stands in.
  const room = Math.max(1, rows - 2);
  const shown = running.length > room ? running.slice(0, room - 1) : running;
  const nameWidth = Math.min(
    Math.floor(columns / 3),
    Math.max(0, ...shown.map((node) => textWidth(node.node))),
  );
  const lines = shown.map((node) => runningLine(node, nameWidth, options));
  if (shown.length < running.length)
    lines.push(paint("dim", cutToWidth(`  … and ${running.length - shown.length} more`, columns - 1)));
  return [...lines, statusLine(state, options)];
}

/** `▸ files  3.2s  45%  etc/passwd`. Whatever it says, it is one row. */
function runningLine(
  node: RunningNode,
  nameWidth: number,
  { columns, nowMs, paint = plain }: LiveOptions,
): string {
  const name = padToWidth(cutToWidth(node.node, nameWidth), nameWidth);
  const time = seconds(Math.max(0, nowMs - node.startedMs) / 1000).padStart(6);
  const parts = [node.progress ? progressText(node.progress) : "", node.tail.at(-1) ?? node.uses];
  const rest = parts.filter((part) => part !== "").join("  ");
  // The last column stays free: some terminals wrap when it is written to.
  const left = columns - 1 - (2 + nameWidth + 2 + time.length + 2);
  const line = `${paint("cyan", "▸")} ${paint("bold", name)}  ${time}  ${paint("dim", cutToWidth(rest, left))}`;
  return left > 0 ? line : cutToWidth(`▸ ${name}  ${time}`, columns - 1);
}

function progressText({ done, total, unit }: NonNullable<RunningNode["progress"]>): string {
  if (total > 0) return `${String(Math.min(100, Math.floor((done / total) * 100))).padStart(2)}%`;
  return unit === "bytes" ? bytes(done) : `${done} ${unit}`;
}

function statusLine(state: ProgressState, { columns, nowMs, paint = plain }: LiveOptions): string {
  const done = `${state.settled}/${state.total}`;
  const counts = [
    state.cached > 0 ? `${state.cached} cached` : "",
    state.built > 0 ? `${state.built} built` : "",
    state.failed > 0 ? `${state.failed} failed` : "",
    state.running.size > 0 ? `${state.running.size} running` : "",
  ].filter((part) => part !== "");
  const time = seconds(Math.max(0, nowMs - state.startedMs) / 1000);
  const upload = state.upload ? `uploading${uploadShare(state.upload)}  ` : "";
  const text = `${upload}${state.template} [${done}]  ${[time, ...counts].join(", ")}`;
  return paint("dim", cutToWidth(text, columns - 1));
}

function uploadShare({ done, total, bytes: sent }: NonNullable<ProgressState["upload"]>): string {
  return total === 0 ? "" : ` ${Math.floor((done / total) * 100)}%, ${bytes(sent)}`;
}

const MARKS: Record<NodeStatus, { mark: string; colour: Colour }> = {
  hit: { mark: "●", colour: "dim" },
  built: { mark: "✔", colour: "green" },
  failed: { mark: "✘", colour: "red" },
  cancelled: { mark: "■", colour: "yellow" },
  skipped: { mark: "■", colour: "dim" },
};

function finishedLines(
  event: RunEvent & { type: "node-finished" },
  ended: RunningNode | undefined,
  state: ProgressState,
  columns: number,
  paint: Paint,
): string[] {
  const { status } = event;
  if (status === "hit" && state.total > LISTED_HITS) return [];
  const { mark, colour } = MARKS[status];
  const name = printable(event.node);
  const stored = event.addedBytes ? `, ${bytes(event.addedBytes)} stored` : "";
  const built = `${seconds(event.seconds)}${stored}`;
  const said = status === "hit" ? "cached" : status === "built" ? built : status;
  const message = event.error ? `  ${printable(event.error.message)}` : "";
  const uses = ended ? `  ${ended.uses}` : "";
  const text = cutToWidth(`${name}${uses}  ${said}${message}`, Math.max(1, columns - 3));
  const line = `${paint(colour, mark)} ${status === "failed" ? paint("red", text) : shaded(text, name, paint)}`;
  if (status !== "failed" || !ended) return [line];
  return [line, ...ended.tail.map((tail) => paint("dim", cutToWidth(`  │ ${tail}`, columns - 1)))];
}

function shaded(text: string, name: string, paint: Paint): string {
  return text.startsWith(name) ? name + paint("dim", text.slice(name.length)) : text;
}
