/**
 * The journal of one run: `STORE/journal/RUN.jsonl`. A header that says whose it is, then a line for everything
 * taken, written before it is taken, and one for everything released. Written by the disk host alone; read by
 * `tplgraph cleanup` when the run is dead. Each line is one append, so a kill leaves whole lines; after a power
 * cut nothing is left of what it names but folders.
 */
import { appendFileSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TplError } from "../../engine/errors.ts";
import type { Acquisition } from "../../engine/run/journal.ts";
import type { Machine, ProcessIdentity } from "../process/identity.ts";

export interface JournalHeader {
  schema: "tplgraph.journal/1";
  run: string;
  machine: Machine;
  /** The engine's process. */
  process: ProcessIdentity;
  host: ProcessIdentity;
}

export interface HeldEntry {
  id: number;
  node: string;
  acquisition: Acquisition;
  /** Why it could not be released when that was last tried. */
  failure?: string;
}

type JournalLine =
  | { take: number; node: string; acquisition: Acquisition }
  | { released: number }
  | { failed: number; why: string };

export class JournalFile {
  readonly path: string;
  readonly header: JournalHeader;
  readonly #held: Map<number, HeldEntry>;
  #lastId: number;
  #removed = false;

  constructor(path: string, header: JournalHeader, held: readonly HeldEntry[]) {
    this.path = path;
    this.header = header;
    this.#held = new Map(held.map((entry) => [entry.id, entry]));
    this.#lastId = Math.max(0, ...this.#held.keys());
  }

  static create(store: string, header: JournalHeader): JournalFile {
    mkdirSync(journalFolder(store), { recursive: true });
    const path = journalPath(store, header.run);
    writeFileSync(path, `${JSON.stringify(header)}\n`, { flag: "ax", mode: 0o600 });
    return new JournalFile(path, header, []);
  }

  /**
   * Writes down that `acquisition` is about to be taken; returns its id. Throws once the journal was removed: what
   * comes too late is not to be taken, and a line without a header would be no journal.
   */
  take(node: string, acquisition: Acquisition): number {
    if (this.#removed)
      throw new TplError({ code: "cancelled", message: `the run ${this.header.run} has ended` });
    const id = ++this.#lastId;
    this.#append({ take: id, node, acquisition });
    this.#held.set(id, { id, node, acquisition });
    return id;
  }

  /** Nothing happens when it was released before. */
  released(id: number): void {
    if (!this.#held.has(id)) return;
    this.#held.delete(id);
    this.#note({ released: id });
  }

  failed(id: number, why: string): void {
    const entry = this.#held.get(id);
    if (!entry) return;
    entry.failure = why;
    this.#note({ failed: id, why });
  }

  /** In the order of taking. */
  held(): HeldEntry[] {
    return [...this.#held.values()];
  }

  /** Removes the file; to be called when nothing is held. */
  remove(): void {
    if (this.#held.size > 0) throw new Error(`bug: journal ${this.path} is removed while something is held`);
    this.#removed = true;
    try {
      unlinkSync(this.path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }

  /**
   * A full disk must not keep anything from being released: without the line a later cleanup looks once more at
   * what is gone. What has failed is reported by the caller too.
   */
  #note(line: JournalLine): void {
    try {
      this.#append(line);
    } catch (error) {
      if (!["ENOSPC", "EDQUOT"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }

  #append(line: JournalLine): void {
    appendFileSync(this.path, `${JSON.stringify(line)}\n`);
  }
}

export function journalFolder(store: string): string {
  return join(store, "journal");
}

export function journalPath(store: string, run: string): string {
  return join(journalFolder(store), `${run}.jsonl`);
}

/** Undefined: the run got no further than making the file, so nothing was taken. Throws TplError `bad-journal`. */
export function readJournal(path: string): JournalFile | undefined {
  // What follows the last newline is a line that was cut off: what it announced was never taken.
  const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
  if (lines.length === 0) return undefined;
  try {
    const header = JSON.parse(lines[0]!) as JournalHeader;
    if (header.schema !== "tplgraph.journal/1") throw new Error(`its schema is ${header.schema}`);
    return new JournalFile(path, header, heldAfter(lines.slice(1)));
  } catch (cause) {
    throw new TplError({
      code: "bad-journal",
      message: `${path} is not a journal: ${cause instanceof Error ? cause.message : cause}`,
      hint: "look at what it names, release that by hand, and remove the file",
      cause,
    });
  }
}

function heldAfter(lines: readonly string[]): HeldEntry[] {
  const held = new Map<number, HeldEntry>();
  for (const text of lines) {
    const line = JSON.parse(text) as JournalLine;
    if ("take" in line)
      held.set(line.take, { id: line.take, node: line.node, acquisition: line.acquisition });
    else if ("released" in line) held.delete(line.released);
    else {
      const entry = held.get(line.failed);
      if (entry) entry.failure = line.why;
    }
  }
  return [...held.values()];
}
