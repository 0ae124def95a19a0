/**
 * A keyv storage adapter on `node:sqlite`: one table a namespace in one database file, write-ahead log, several
 * processes at once. `@keyv/sqlite` would compile natively and does 600 writes a second.
 *
 * A commit is not flushed to the disk: a power cut may lose the last records, never the database
 * (sqlite.org/pragma.html, "synchronous": NORMAL with WAL). A lost record is built again.
 */
import { join } from "node:path";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import {
  type KeyvStorageAdapter,
  type KeyvStorageCapability,
  type KeyvStorageEntry,
  keyvStorageCapability,
} from "keyv";
import { atomically, openDatabaseFile, reportingFaults } from "../sqlite-file.ts";

const NAMESPACES = ["records", "last_keys", "facts"] as const;
export type Namespace = (typeof NAMESPACES)[number];

const TABLES = NAMESPACES.map(
  (namespace) =>
    `CREATE TABLE ${namespace} (key TEXT PRIMARY KEY, value TEXT NOT NULL, expires INTEGER) STRICT`,
).join(";");

const IF_DAMAGED = "images and names stay, steps are built again";

/**
 * Opens the database of the store in `folder`. Undefined when there is none and none may be made. Throws TplError
 * `store-no-permission` or `store-damaged`.
 */
export function openDatabase(folder: string, mode: "read" | "write"): DatabaseSync | undefined {
  const path = join(folder, "records.sqlite");
  return openDatabaseFile(
    { path, temporaryFolder: join(folder, "tmp"), tables: TABLES, ifDamaged: IF_DAMAGED },
    mode,
  );
}

function reporting<T>(path: string, act: () => T): T {
  return reportingFaults({ path, ifDamaged: IF_DAMAGED }, act);
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
    return reporting(this.#path, () => atomically(this.#database, act));
  }
}

/** keyv serialises before it calls. */
function asText(value: unknown): string {
  if (typeof value !== "string") throw new Error("bug: a value reached the database that is not text");
  return value;
}
