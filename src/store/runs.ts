/**
 * Past runs and those going on: `runs/RUN/started.json`, `NODE.log` for each node, `events.jsonl` where anything was
 * to be built, and `record.json` when the run has come to its end. A run without a record is going on or was killed.
 * Lines reach their files within 250 ms, so that another process can follow them and a crash keeps them.
 */
import { hash } from "node:crypto";
import { appendFileSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { TplError } from "../engine/errors.ts";
import { type RunEnding, runEnding } from "../engine/run/ending.ts";
import type { RunRecord } from "../engine/run/record.ts";
import type { EngineStore, RecordsInUse, StartedRun } from "../engine/store.ts";
import { readOnlyStore, storeFault, systemCode } from "./fault.ts";
import { namesIn } from "./names-in.ts";
import { eventFilter, type KeptEvents, readEvents } from "./run-events.ts";
import { writeAtomically } from "./temporary.ts";

/** A run as `runs ls` tells it. */
export interface RunSummary {
  run: string;
  /** The template's name. */
  template: string;
  /** When it began, ISO 8601. */
  at: string;
  state: RunEnding | "unfinished";
  /** Undefined while it is unfinished. */
  record?: RunRecord;
  /** What an unfinished one may use, where it is known. */
  uses?: RecordsInUse;
}

export type Runs = EngineStore["runs"] & {
  /** The latest first. */
  list(): Promise<RunSummary[]>;
  /** The latest first: whatever has a folder, and without reading it. */
  ids(): Promise<string[]>;
  get(run: string): Promise<RunSummary | undefined>;
  /** The nodes of a run that have a log, in the order of their names. */
  logs(run: string): Promise<{ node: string; path: string }[]>;
  /**
   * The events that were kept of a run, from a place in their file that an earlier reading ended at (0 by default).
   * Undefined where none were: it is unknown, or all was cached.
   */
  events(run: string, options?: { from?: number }): Promise<KeptEvents | undefined>;
  /** Removes a run's record and logs. */
  remove(run: string): Promise<void>;
  /** Writes what is buffered. */
  close(): Promise<void>;
};

const FLUSH_MS = 250;
/** A tool that prints faster than this in 250 ms is written out at once, to bound memory. */
const MAX_BUFFERED_CHARS = 1024 * 1024;

export function folderRuns(options: { folder: string; readOnly: boolean }): Runs {
  const { folder, readOnly } = options;
  const root = join(folder, "runs");
  const writer = new LogWriter();
  const filters = new Map<string, ReturnType<typeof eventFilter>>();
  const assertWritable = () => {
    if (readOnly) throw readOnlyStore(folder);
  };
  const eventsPath = (run: string) => join(root, run, "events.jsonl");
  const logPath = (run: string, node: string) => join(root, run, `${fileNameOf(node)}.log`);
  return {
    async start(run, about) {
      assertWritable();
      if (!isRunId(run)) throw new Error(`bug: ${run} is not a run's id`);
      write(folder, join(root, run, "started.json"), { schema: "tplgraph.started/1", run, ...about });
    },
    log(run, node, line) {
      assertWritable();
      writer.append(logPath(run, node), line);
    },
    logPath,
    event(run, event) {
      assertWritable();
      const keeps = filters.get(run) ?? eventFilter();
      filters.set(run, keeps);
      const line = keeps(event);
      if (line !== undefined) writer.append(eventsPath(run), line);
    },
    async events(run, { from = 0 } = {}) {
      return isRunId(run) ? readEvents(eventsPath(run), from) : undefined;
    },
    async finish(record) {
      assertWritable();
      writer.flush();
      writeAtomically(folder, join(root, record.run, "record.json"), recordText(record));
      writer.rethrow();
    },
    async list() {
      const runs = latestFirst(root);
      return runs.map((run) => summary(root, run)).filter((found) => found !== undefined);
    },
    async ids() {
      return latestFirst(root);
    },
    async get(run) {
      return isRunId(run) ? summary(root, run) : undefined;
    },
    async logs(run) {
      if (!isRunId(run)) return [];
      const names = namesIn(join(root, run)).filter((name) => name.endsWith(".log"));
      return names
        .map((name) => ({ node: nodeOf(name), path: join(root, run, name) }))
        .sort((a, b) => (a.node < b.node ? -1 : 1));
    },
    async remove(run) {
      assertWritable();
      if (!isRunId(run)) throw new Error(`bug: ${run} is not a run's id`);
      rmSync(join(root, run), { recursive: true, force: true });
    },
    async close() {
      writer.flush();
      writer.rethrow();
    },
  };
}

function latestFirst(root: string): string[] {
  return namesIn(root).filter(isRunId).sort().reverse();
}

/** Lines wait here, a text for each file. A write that fails is told when the run ends, and ends the writing. */
class LogWriter {
  readonly #waiting = new Map<string, string>();
  #chars = 0;
  #timer: NodeJS.Timeout | undefined;
  #fault: unknown;

  append(path: string, line: string): void {
    if (this.#fault) return;
    this.#waiting.set(path, `${this.#waiting.get(path) ?? ""}${line}\n`);
    this.#chars += line.length + 1;
    if (this.#chars > MAX_BUFFERED_CHARS) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), FLUSH_MS);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const texts = [...this.#waiting];
    this.#waiting.clear();
    this.#chars = 0;
    try {
      for (const [path, text] of texts) appendFileSync(path, text);
    } catch (error) {
      this.#fault ??= storeFault(error, "write a log");
    }
  }

  rethrow(): void {
    if (this.#fault) throw this.#fault;
  }
}

/** The ids that `engine/run/run-id.ts` makes; anything else never becomes a path. */
function isRunId(text: string): boolean {
  return /^r[0-9a-z]{1,40}$/.test(text);
}

const MAX_NAME = 200;

/** A node's id may contain `/`. One too long for a file name is cut, with a part of its hash to tell it apart. */
function fileNameOf(node: string): string {
  const name = encodeURIComponent(node);
  if (name.length <= MAX_NAME) return name;
  return `${name.slice(0, MAX_NAME / 2).replaceAll("%", "_")}-${hash("sha256", node, "hex").slice(0, 16)}`;
}

function nodeOf(fileName: string): string {
  return decodeURIComponent(fileName.slice(0, -".log".length));
}

const NODES_A_PIECE = 1000;

/** JSON, in pieces: as one text, the record of 100,000 nodes would be half of what the run takes of memory. */
function* recordText({ nodes, ...rest }: RunRecord): Generator<string> {
  yield `${JSON.stringify(rest).slice(0, -1)},"nodes":{`;
  const ids = Object.keys(nodes);
  for (let at = 0; at < ids.length; at += NODES_A_PIECE) {
    const piece = ids
      .slice(at, at + NODES_A_PIECE)
      .map((id) => `${JSON.stringify(id)}:${JSON.stringify(nodes[id])}`);
    yield (at === 0 ? "" : ",") + piece.join(",");
  }
  yield "}}\n";
}

function write(folder: string, path: string, content: object): void {
  writeAtomically(folder, path, `${JSON.stringify(content)}\n`);
}

/** Undefined: there is no such run. */
function summary(root: string, run: string): RunSummary | undefined {
  const record = readJson<RunRecord>(join(root, run, "record.json"));
  if (record) {
    const { template, startedAt: at } = record;
    return { run, template: template.name, at, state: runEnding(record), record };
  }
  const started = readJson<StartedRun>(join(root, run, "started.json"));
  if (!started) return undefined;
  const { template, at, uses } = started;
  return { run, template, at, state: "unfinished", ...(uses ? { uses } : {}) };
}

function readJson<T>(path: string): T | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw storeFault(error, `read ${path}`);
  }
  // What a power cut leaves of a file that was renamed but not yet flushed.
  if (text === "") return undefined;
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new TplError({
      code: "run-damaged",
      message: `${path} is not JSON`,
      hint: `remove ${path}`,
      cause: error,
    });
  }
}
