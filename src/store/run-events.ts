/**
 * `events.jsonl` of a run, for whoever follows it from another process or looks back at it: a line an event, the plan
 * first. Log lines are not in it (the logs have them), nor how far an upload is, nor hits that were planned (the plan
 * has them); progress is thinned, and left out when the file has grown large, so that its size is bounded by the number
 * of nodes and tools.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { RunEvent } from "../engine/run/event.ts";
import { storeFault, systemCode } from "./fault.ts";

/** Of one node, at most one progress event in so many milliseconds. */
const PROGRESS_MS = 500;
const MAX_PROGRESS_CHARS = 16 * 1024 * 1024;

export interface KeptEvents {
  events: {
    event: RunEvent;
    /** Where the next event begins in the file, in bytes. */
    end: number;
  }[];
  /** Where to go on reading, in bytes. */
  end: number;
}

/** What decides for one run: the line to keep of each event in turn, undefined for none. */
export function eventFilter(): (event: RunEvent) => string | undefined {
  const planned = new Set<string>();
  const progressMs = new Map<string, number>();
  let progressChars = 0;
  return (event) => {
    if (event.type === "node-log" || event.type === "upload-progress") return undefined;
    if (event.type === "run-started")
      for (const { id, fate } of event.plan.nodes) if (fate === "hit") planned.add(id);
    if (event.type === "node-finished" && event.status === "hit" && planned.has(event.node)) return undefined;
    if (event.type !== "node-progress") return JSON.stringify(event);
    const atMs = Date.parse(event.at);
    if (atMs - (progressMs.get(event.node) ?? 0) < PROGRESS_MS) return undefined;
    progressMs.set(event.node, atMs);
    const line = JSON.stringify(event);
    progressChars += line.length;
    return progressChars > MAX_PROGRESS_CHARS ? undefined : line;
  };
}

/** The whole lines from byte `from` on; a last one that is not whole yet is left for the next reading. */
export function readEvents(path: string, from: number): KeptEvents | undefined {
  const bytes = bytesFrom(path, from);
  if (bytes === undefined) return undefined;
  const events: KeptEvents["events"] = [];
  let begin = 0;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, begin)) {
    const event = parsed(bytes.toString("utf8", begin, end));
    begin = end + 1;
    if (event) events.push({ event, end: from + begin });
  }
  return { events, end: from + begin };
}

function bytesFrom(path: string, from: number): Buffer | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    const bytes = Buffer.alloc(Math.max(0, fstatSync(file).size - from));
    return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, from));
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw storeFault(error, `read ${path}`);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Undefined for what a power cut made of a line. */
function parsed(line: string): RunEvent | undefined {
  try {
    return JSON.parse(line) as RunEvent;
  } catch {
    return undefined;
  }
}
