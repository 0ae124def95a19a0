/**
 * A keyv storage adapter on `node:sqlite`: one table a namespace in one database file, write-ahead log, several
 * processes at once. `@keyv/sqlite` would compile natively and does 600 writes a second.
 *
 * A commit is not flushed to the disk: a power cut may lose the last records, never the database
 * (sqlite.org/pragma.html, "synchronous": NORMAL with WAL). A lost record is built again.
 */
import { existsSync, linkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import {
  type KeyvStorageAdapter,
  type KeyvStorageCapability,
  type KeyvStorageEntry,
  keyvStorageCapability,
} from "keyv";
import { TplError } from "../../engine/errors.ts";
import { storeFault, systemCode } from "../fault.ts";
import { temporaryName } from "../temporary.ts";

const NAMESPACES = ["records", "last_keys", "facts"] as const;
export type Namespace = (typeof NAMESPACES)[number];

/** How long a call waits for another process's write. Writes take microseconds. */
const BUSY_TIMEOUT_MS = 10_000;

/**
 * Opens the database of the store in `folder`. Undefined when there is none and none may be made. Throws TplError
 * `store-no-permission` or `store-damaged`.
 */
export function openDatabase(folder: string, mode: "read" | "write"): DatabaseSync | undefined {
  const path = join(folder, "records.sqlite");
  return reporting(path, () => {
    if (mode === "read") return existsSync(path) ? openToRead(path) : undefined;
    if (!existsSync(path)) create(path, join(folder, "tmp", temporaryName()));
    const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    database.exec("PRAGMA synchronous = NORMAL; PRAGMA mmap_size = 1073741824");
    return database;
  });
}

/**
 * Made whole beside its place and then linked into it, so that no process ever sees a database without its tables,
 * and switching to WAL, which fails at once when another process reads, happens before there is one.
 */
function create(path: string, temporary: string): void {
  const database = new DatabaseSync(temporary);
  database.exec("PRAGMA journal_mode = WAL");
  for (const namespace of NAMESPACES) {
    database.exec(
      `CREATE TABLE ${namespace} (key TEXT PRIMARY KEY, value TEXT NOT NULL, expires INTEGER) STRICT`,
    );
  }
  database.close();
  try {
    linkSync(temporary, path);
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
  } finally {
    rmSync(temporary);
  }
}

/**
 * Without write permission SQLite reads a WAL database only where the log and its index are already there. Where
 * they are not, nobody is writing, and the file can be read as one that does not change (sqlite.org/wal.html,
 * "Read-Only Databases").
 */
function openToRead(path: string): DatabaseSync {
  const live = existsSync(`${path}-wal`) && existsSync(`${path}-shm`);
  if (live) return new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  return new DatabaseSync(new URL(`${pathToFileURL(path).href}?immutable=1`), { readOnly: true });
}

interface Row {
  key: string;
  value: string;
}

/** One namespace of a database. Errors are thrown, never emitted, so it is no event emitter. */
export class SqliteAdapter implements Omit<KeyvStorageAdapter, keyof NodeJS.EventEmitter> {
  readonly capabilities: KeyvStorageCapability;
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #get: StatementSync;
  readonly #set: StatementSync;
  readonly #delete: StatementSync;
  readonly #all: StatementSync;
  readonly #clear: StatementSync;

  constructor(database: DatabaseSync, table: Namespace) {
    this.capabilities = keyvStorageCapability(this);
    this.#database = database;
    this.#path = database.location() ?? "records";
    const valid = "(expires IS NULL OR expires > ?)";
    const prepare = (sql: string) => reporting(this.#path, () => database.prepare(sql));
    this.#get = prepare(`SELECT value FROM ${table} WHERE key = ? AND ${valid}`);
    this.#set = prepare(`INSERT OR REPLACE INTO ${table} (key, value, expires) VALUES (?, ?, ?)`);
    this.#delete = prepare(`DELETE FROM ${table} WHERE key = ?`);
    this.#all = prepare(`SELECT key, value FROM ${table} WHERE key > ? AND ${valid} ORDER BY key LIMIT 500`);
    this.#clear = prepare(`DELETE FROM ${table}`);
  }

  // biome-ignore lint/suspicious/noExplicitAny: keyv's own type parameter has no place in text
  async get(key: string): Promise<any> {
    return this.#text(key);
  }

  // biome-ignore lint/suspicious/noExplicitAny: see get
  async getMany(keys: string[]): Promise<any[]> {
    return keys.map((key) => this.#text(key));
  }

  async has(key: string): Promise<boolean> {
    return this.#text(key) !== undefined;
  }

  async hasMany(keys: string[]): Promise<boolean[]> {
    return keys.map((key) => this.#text(key) !== undefined);
  }

  async set(key: string, value: unknown, expires?: number): Promise<boolean> {
    reporting(this.#path, () => this.#set.run(key, asText(value), expires ?? null));
    return true;
  }

  /** All of them or, when it fails, none. */
  async setMany<Value>(entries: KeyvStorageEntry<Value>[]): Promise<boolean[]> {
    this.#atomically(() => {
      for (const { key, value, expires } of entries) this.#set.run(key, asText(value), expires ?? null);
    });
    return entries.map(() => true);
  }

  async delete(key: string): Promise<boolean> {
    return reporting(this.#path, () => this.#delete.run(key).changes > 0);
  }

  async deleteMany(keys: string[]): Promise<boolean[]> {
    return this.#atomically(() => keys.map((key) => this.#delete.run(key).changes > 0));
  }

  async clear(): Promise<void> {
    reporting(this.#path, () => this.#clear.run());
  }

  /** In the order of the keys, a page at a time: a reader that is slow holds no lock. */
  // biome-ignore lint/suspicious/noExplicitAny: see get
  async *iterator(): AsyncGenerator<any[], void> {
    for (let last = ""; ; ) {
      const rows = reporting(this.#path, () => this.#all.all(last, Date.now())) as unknown as Row[];
      for (const { key, value } of rows) yield [key, value];
      if (rows.length === 0) return;
      last = rows.at(-1)!.key;
    }
  }

  #text(key: string): string | undefined {
    const row = reporting(this.#path, () => this.#get.get(key, Date.now())) as unknown as Row | undefined;
    return row?.value;
  }

  #atomically<T>(act: () => T): T {
    return reporting(this.#path, () => {
      this.#database.exec("BEGIN IMMEDIATE");
      try {
        const result = act();
        this.#database.exec("COMMIT");
        return result;
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
        throw error;
      }
    });
  }
}

/** keyv serialises before it calls. */
function asText(value: unknown): string {
  if (typeof value !== "string") throw new Error("bug: a value reached the database that is not text");
  return value;
}

/** Primary result codes (sqlite.org/rescode.html); the upper bytes of `errcode` refine them. */
const BUSY = 5;
const READONLY = 8;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;

function reporting<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw databaseFault(error, path);
  }
}

function databaseFault(error: unknown, path: string): unknown {
  if (systemCode(error) !== "ERR_SQLITE_ERROR") return storeFault(error, `open ${path}`);
  const message = `${path}: ${(error as Error).message}`;
  switch ((error as { errcode?: number }).errcode! & 0xff) {
    case BUSY:
      return new TplError({
        code: "store-busy",
        message,
        hint: "another process holds the store; try again",
        cause: error,
      });
    case READONLY:
    case CANTOPEN:
      return new TplError({
        code: "store-no-permission",
        message,
        hint: "choose another store with --store, or ask its owner for access",
        cause: error,
      });
    case FULL:
      return new TplError({ code: "store-full", message, hint: "make room on its disk", cause: error });
    case CORRUPT:
    case NOTADB:
      return new TplError({
        code: "store-damaged",
        message,
        hint: `move ${path} away: images and names stay, steps are built again`,
        cause: error,
      });
    default:
      return error;
  }
}
