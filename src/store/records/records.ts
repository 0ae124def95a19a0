/**
 * Cache records, the last key of each step, and facts: three keyv namespaces in one database, opened when the
 * first of them is asked for. A record is written after the blobs it names.
 */
import type { DatabaseSync } from "node:sqlite";
import type { Keyv } from "keyv";
import type { Json } from "../../engine/artifact.ts";
import type { CacheRecord } from "../../engine/run/record.ts";
import type { EngineStore, Fact } from "../../engine/store.ts";
import { readOnlyStore } from "../fault.ts";

export interface Records {
  records: EngineStore["records"] & {
    /** In the order of `keys`. */
    getMany(keys: string[]): Promise<(CacheRecord | undefined)[]>;
    /** Every record, in the order of their keys. */
    list(): AsyncIterable<CacheRecord>;
  };
  facts: EngineStore["facts"];
  close(): Promise<void>;
}

export interface OpenRecordsOptions {
  /** The store's folder. */
  folder: string;
  /** To read: records that are not there stay so, facts are forgotten, and writing a record is an error. */
  mode: "read" | "write";
  /** Milliseconds since the epoch. */
  now(): number;
}

export function openRecords(options: OpenRecordsOptions): Records {
  let opened: Promise<Tables> | undefined;
  const tables = () => {
    opened ??= openTables(options).catch((error) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
  const writable = () => {
    if (options.mode === "read") throw readOnlyStore(options.folder);
    return tables();
  };
  return {
    records: {
      get: async (key) => (await tables()).records.get(key),
      getMany: async (keys) => (await tables()).records.getMany(keys),
      put: async (record) => void (await (await writable()).records.set(record.key, record)),
      remove: async (key) => void (await (await writable()).records.delete(key)),
      lastKey: async (template, node) => (await tables()).lastKeys.get(nodeName(template, node)),
      setLastKey: async (template, node, key) =>
        void (await (await writable()).lastKeys.set(nodeName(template, node), key)),
      async *list() {
        for await (const [, record] of (await tables()).records.iterator!()) yield record as CacheRecord;
      },
    },
    facts: {
      get: async (name) => (await tables()).facts.get(name),
      async set(name, value: Json) {
        if (options.mode === "write") await (await tables()).facts.set(name, { value, at: options.now() });
      },
    },
    async close() {
      (await opened)?.close();
      opened = undefined;
    },
  };
}

/** A NUL is in no path and no step's name, so two pairs never make one text. */
function nodeName(template: string, node: string): string {
  return `${template}\0${node}`;
}

interface Tables {
  records: Keyv<CacheRecord>;
  lastKeys: Keyv<string>;
  facts: Keyv<Fact>;
  close(): void;
}

/** Nobody listens to these keyvs' `error` event: that makes a failed call reject instead of answering "not there". */
async function openTables(options: OpenRecordsOptions): Promise<Tables> {
  const [{ Keyv }, { openDatabase, SqliteAdapter }] = await Promise.all([
    import("keyv"),
    import("./sqlite.ts"),
  ]);
  const database = openDatabase(options.folder, options.mode);
  if (!database) return { records: new Keyv(), lastKeys: new Keyv(), facts: new Keyv(), close() {} };
  const over = (open: DatabaseSync, namespace: "records" | "last_keys" | "facts") => ({
    store: new SqliteAdapter(open, namespace),
    checkExpired: false,
  });
  return {
    records: new Keyv<CacheRecord>(over(database, "records")),
    lastKeys: new Keyv<string>(over(database, "last_keys")),
    facts: new Keyv<Fact>(over(database, "facts")),
    close: () => database.close(),
  };
}
