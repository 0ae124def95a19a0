/**
 * Cache records, the last key of each step, and facts: three keyv namespaces in one database, opened when the
 * first of them is asked for. A record is written after the blobs it names.
 */
import { randomUUID } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import type { Keyv } from "keyv";
import type { Json } from "../../engine/artifact.ts";
import type { CacheRecord } from "../../engine/run/record.ts";
import type { EngineStore, Fact } from "../../engine/store.ts";
import { readOnlyStore } from "../fault.ts";
import { LastKeys } from "./last-keys.ts";

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
  const lastKeys = new LastKeys(async () => (await tables()).lastKeys);
  const renewGeneration = async (facts: Tables["facts"]) => {
    const value = randomUUID();
    await facts.set(GENERATION, { value, at: options.now() });
    return value;
  };
  /**
   * Before the change, since this process may be killed right after it; and after it, since somebody may have read the
   * new generation and the old record in between.
   */
  const inNewGeneration = async (facts: Tables["facts"], change: () => Promise<unknown>) => {
    await renewGeneration(facts);
    await change();
    await renewGeneration(facts);
  };
  return {
    records: {
      get: async (key) => (await tables()).records.get(key),
      getMany: async (keys) => (await tables()).records.getMany(keys),
      async put(record) {
        const { records, facts } = await writable();
        const put = () => records.set(record.key, record);
        if (await records.has(record.key)) await inNewGeneration(facts, put);
        else await put();
      },
      async remove(key) {
        const { records, facts } = await writable();
        await inNewGeneration(facts, () => records.delete(key));
      },
      async generation() {
        const { facts } = await tables();
        const known = await facts.get<Fact>(GENERATION);
        if (known || options.mode === "read") return known?.value as string | undefined;
        return renewGeneration(facts);
      },
      lastKey: (template, node) => lastKeys.get(template, node),
      async setLastKey(template, node, key) {
        await writable();
        lastKeys.set(template, node, key);
      },
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
      await lastKeys.flush();
      (await opened)?.close();
      opened = undefined;
    },
  };
}

/** The fact that changes with every removal of a record, and with a record that takes another one's place. */
const GENERATION = "records-generation";

interface Tables {
  records: Keyv<CacheRecord>;
  lastKeys: Keyv<string>;
  facts: Keyv<Fact>;
  close(): void;
}

/**
 * What is kept is plain JSON: keyv's own serialisation also carries what JSON cannot, by a function called for every
 * value, which takes most of the time of reading 10,000 records.
 *
 * Nobody listens to these keyvs' `error` event: that makes a failed call reject instead of answering "not there".
 */
async function openTables(options: OpenRecordsOptions): Promise<Tables> {
  const [{ Keyv }, { openDatabase, SqliteAdapter }] = await Promise.all([
    import("keyv"),
    import("./sqlite.ts"),
  ]);
  const database = openDatabase(options.folder, options.mode);
  if (!database) return { records: new Keyv(), lastKeys: new Keyv(), facts: new Keyv(), close() {} };
  const over = (open: DatabaseSync, namespace: "records" | "last_keys" | "facts") => ({
    store: new SqliteAdapter(open, namespace),
    serialization: JSON,
    checkExpired: false,
  });
  return {
    records: new Keyv<CacheRecord>(over(database, "records")),
    lastKeys: new Keyv<string>(over(database, "last_keys")),
    facts: new Keyv<Fact>(over(database, "facts")),
    close: () => database.close(),
  };
}
