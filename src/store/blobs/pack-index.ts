/**
 * Where packed chunks lie: `packs/index.sqlite`, shared by all processes that have the store open. A row is written
 * after its chunk's bytes. A pack has a row before it has a file, and its number is never given out again.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { atomically, hasWriters, openDatabaseFile, reportingFaults } from "../sqlite-file.ts";

export interface Place {
  pack: number;
  /** In chunks from the pack's begin. */
  slot: number;
}

export interface IndexedPlace extends Place {
  /** When it was last put, milliseconds since the epoch. */
  putMs: number;
}

export interface PlacedChunk extends Place {
  /** 32 bytes. */
  digest: Uint8Array;
}

export interface IndexedChunk extends IndexedPlace, PlacedChunk {}

const TABLES = `
  CREATE TABLE packs (pack INTEGER PRIMARY KEY AUTOINCREMENT) STRICT;
  CREATE TABLE chunks (
    digest BLOB PRIMARY KEY, pack INTEGER NOT NULL, slot INTEGER NOT NULL, putMs INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID`;

const ROWS_A_PAGE = 1000;

/** Chunks come in the order of their digests, so that every one touches another page: the log is let grow (16 MiB). */
const PAGES_A_CHECKPOINT = 4000;

export class PackIndex {
  readonly #database: DatabaseSync;
  readonly #file: { path: string; ifDamaged: string };
  readonly #find: StatementSync;
  readonly #add: StatementSync;
  readonly #renew: StatementSync;
  readonly #move: StatementSync;
  readonly #forget: StatementSync;
  readonly #removeStale: StatementSync;
  readonly #hasPack: StatementSync;
  /** The file's time, where it was opened while nobody wrote: it shows what was there then. */
  readonly #frozenMs: number | undefined;

  /** `folder`: the store's. Undefined when there is none and none may be made. Throws TplError `store-…`. */
  static open(folder: string, mode: "read" | "write"): PackIndex | undefined {
    const path = indexPath(folder);
    const file = {
      path,
      temporaryFolder: join(folder, "tmp"),
      tables: TABLES,
      ifDamaged: "what was in the packs beside it is built again",
    };
    const frozenMs = mode === "read" && !hasWriters(path) ? timeOf(path) : undefined;
    const database = openDatabaseFile(file, mode);
    return database && reportingFaults(file, () => new PackIndex(database, file, frozenMs));
  }

  private constructor(
    database: DatabaseSync,
    file: { path: string; ifDamaged: string },
    frozenMs: number | undefined,
  ) {
    this.#database = database;
    this.#file = file;
    this.#frozenMs = frozenMs;
    database.exec(`PRAGMA wal_autocheckpoint = ${PAGES_A_CHECKPOINT}`);
    const same = "digest = ? AND pack = ? AND slot = ?";
    this.#find = database.prepare("SELECT pack, slot, putMs FROM chunks WHERE digest = ?");
    this.#add = database.prepare("INSERT OR IGNORE INTO chunks VALUES (?, ?, ?, ?)");
    this.#renew = database.prepare("UPDATE chunks SET putMs = ? WHERE digest = ?");
    this.#move = database.prepare(`UPDATE chunks SET pack = ?, slot = ? WHERE ${same}`);
    this.#forget = database.prepare(`DELETE FROM chunks WHERE ${same}`);
    this.#removeStale = database.prepare("DELETE FROM chunks WHERE digest = ? AND putMs < ?");
    this.#hasPack = database.prepare("SELECT 1 FROM packs WHERE pack = ?");
  }

  /** Whether another process writes now, or has written, while this shows what was there before. */
  get isOutdated(): boolean {
    if (this.#frozenMs === undefined) return false;
    return hasWriters(this.#file.path) || timeOf(this.#file.path) !== this.#frozenMs;
  }

  find(digest: Uint8Array): IndexedPlace | undefined {
    return this.#run(() => this.#find.get(digest)) as IndexedPlace | undefined;
  }

  /** As `find` of each, in one look: half the time of many. */
  findAll(digests: readonly Uint8Array[]): (IndexedPlace | undefined)[] {
    return this.#run(() => {
      this.#database.exec("BEGIN");
      try {
        return digests.map((digest) => this.#find.get(digest) as IndexedPlace | undefined);
      } finally {
        this.#database.exec("COMMIT");
      }
    });
  }

  newPack(): number {
    const { lastInsertRowid } = this.#run(() =>
      this.#database.prepare("INSERT INTO packs VALUES (NULL)").run(),
    );
    return Number(lastInsertRowid);
  }

  /** Chunks of one pack. One that has a place already keeps it. `gone`: there is no such pack any more, and nothing is added. */
  add(chunks: readonly PlacedChunk[], nowMs: number): "entered" | "gone" {
    return this.#enter(chunks, ({ digest, pack, slot }) => this.#add.run(digest, pack, slot, nowMs));
  }

  /** As `add`, for chunks that lay at `from`, by their hex digests. One that lies elsewhere by now stays there. */
  move(chunks: readonly PlacedChunk[], from: ReadonlyMap<string, Place>): "entered" | "gone" {
    return this.#enter(chunks, ({ digest, pack, slot }) => {
      const old = from.get(Buffer.from(digest).toString("hex"))!;
      this.#move.run(pack, slot, digest, old.pack, old.slot);
    });
  }

  /** Those of `digests` that are not there any more. */
  renew(digests: readonly Uint8Array[], nowMs: number): Set<Uint8Array> {
    return this.#atomically(
      () => new Set(digests.filter((digest) => this.#renew.run(nowMs, digest).changes === 0)),
    );
  }

  /** Nothing happens where it lies somewhere else by now. */
  forget({ digest, pack, slot }: PlacedChunk): void {
    this.#run(() => this.#forget.run(digest, pack, slot));
  }

  removeStale(digest: Uint8Array, sinceMs: number): void {
    this.#run(() => this.#removeStale.run(digest, sinceMs));
  }

  /** In the order of their digests, a page at a time: a reader that is slow holds no lock. */
  *chunks(): Generator<IndexedChunk> {
    const page = this.#database.prepare("SELECT * FROM chunks WHERE digest > ? ORDER BY digest LIMIT ?");
    for (let last: Uint8Array = new Uint8Array(0); ; ) {
      const rows = this.#run(() => page.all(last, ROWS_A_PAGE)) as unknown as IndexedChunk[];
      yield* rows;
      if (rows.length < ROWS_A_PAGE) return;
      last = rows.at(-1)!.digest;
    }
  }

  /** Each pack's number and how many chunks it has. Reads the whole index. */
  packs(): { pack: number; chunks: number }[] {
    const all = this.#database.prepare(
      "SELECT packs.pack, count(digest) AS chunks FROM packs LEFT JOIN chunks USING (pack) GROUP BY packs.pack",
    );
    return this.#run(() => all.all()) as unknown as { pack: number; chunks: number }[];
  }

  chunksOf(pack: number): PlacedChunk[] {
    const all = this.#database.prepare("SELECT digest, pack, slot FROM chunks WHERE pack = ? ORDER BY slot");
    return this.#run(() => all.all(pack)) as unknown as PlacedChunk[];
  }

  /** False: it has chunks, maybe since a moment ago, and stays. */
  dropPack(pack: number): boolean {
    return this.#atomically(() => {
      if (this.#database.prepare("SELECT 1 FROM chunks WHERE pack = ? LIMIT 1").get(pack)) return false;
      this.#database.prepare("DELETE FROM packs WHERE pack = ?").run(pack);
      return true;
    });
  }

  close(): void {
    this.#database.close();
  }

  #enter(chunks: readonly PlacedChunk[], enterOne: (chunk: PlacedChunk) => void): "entered" | "gone" {
    return this.#atomically(() => {
      if (!this.#hasPack.get(chunks[0]!.pack)) return "gone";
      for (const chunk of chunks) enterOne(chunk);
      return "entered";
    });
  }

  #run<T>(act: () => T): T {
    return reportingFaults(this.#file, act);
  }

  #atomically<T>(act: () => T): T {
    return this.#run(() => atomically(this.#database, act));
  }
}

function timeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}

export function indexPath(folder: string): string {
  return join(folder, "packs", "index.sqlite");
}
