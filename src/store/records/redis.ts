/**
 * A keyv storage adapter over a redis server, by `@redis/client`: keyv's own (`@keyv/redis`) is for the line of keyv
 * before ours, and waits without end for a server that is away.
 */
import { createClient, type RedisClientType } from "@redis/client";
import { type KeyvStorageAdapter, type KeyvStorageEntry, keyvStorageCapability } from "keyv";
import { storeRefused, storeUnreachable } from "../objects/errors.ts";

const PREFIX = "tplgraph:records:";
const DEADLINE_MS = 5_000;

export class RedisAdapter implements Omit<KeyvStorageAdapter, keyof NodeJS.EventEmitter> {
  readonly capabilities = keyvStorageCapability(this);
  readonly #client: RedisClientType;
  /** The URL without its password. */
  readonly #name: string;
  #connected: Promise<unknown> | undefined;

  /** `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, or `rediss://` for TLS. Connects with the first call. */
  constructor(url: string) {
    this.#client = createClient({
      url,
      disableOfflineQueue: true,
      commandOptions: { timeout: DEADLINE_MS },
      socket: { connectTimeout: DEADLINE_MS, reconnectStrategy: false },
    }) as RedisClientType;
    // Each call tells of its own failure.
    this.#client.on("error", () => undefined);
    const { protocol, host, pathname } = new URL(url);
    this.#name = `${protocol}//${host}${pathname}`;
  }

  // biome-ignore lint/suspicious/noExplicitAny: keyv's own type parameter has no place in text
  async get(key: string): Promise<any> {
    return (await this.#call((client) => client.get(PREFIX + key))) ?? undefined;
  }

  // biome-ignore lint/suspicious/noExplicitAny: see get
  async getMany(keys: string[]): Promise<any[]> {
    return await Promise.all(keys.map((key) => this.get(key)));
  }

  async has(key: string): Promise<boolean> {
    return (await this.#call((client) => client.exists(PREFIX + key))) > 0;
  }

  async hasMany(keys: string[]): Promise<boolean[]> {
    return await Promise.all(keys.map((key) => this.has(key)));
  }

  async set(key: string, value: unknown): Promise<boolean> {
    if (typeof value !== "string") throw new Error("bug: a value reached redis that is not text");
    await this.#call((client) => client.set(PREFIX + key, value));
    return true;
  }

  async setMany<Value>(entries: KeyvStorageEntry<Value>[]): Promise<boolean[]> {
    return await Promise.all(entries.map(({ key, value }) => this.set(key, value)));
  }

  async delete(key: string): Promise<boolean> {
    return (await this.#call((client) => client.del(PREFIX + key))) > 0;
  }

  async deleteMany(keys: string[]): Promise<boolean[]> {
    return await Promise.all(keys.map((key) => this.delete(key)));
  }

  async clear(): Promise<void> {
    for await (const [key] of this.iterator()) await this.delete(key);
  }

  // biome-ignore lint/suspicious/noExplicitAny: see get
  async *iterator(): AsyncGenerator<any[], void> {
    const pages = await this.#call(async (client) =>
      client.scanIterator({ MATCH: `${PREFIX}*`, COUNT: 500 }),
    );
    for await (const page of pages)
      for (const name of page) {
        const key = name.slice(PREFIX.length);
        const value = await this.get(key);
        if (value !== undefined) yield [key, value];
      }
  }

  close(): void {
    if (this.#connected) this.#client.destroy();
    this.#connected = undefined;
  }

  async #call<T>(work: (client: RedisClientType) => Promise<T>): Promise<T> {
    try {
      this.#connected ??= this.#client.connect();
      await this.#connected;
      return await work(this.#client);
    } catch (error) {
      this.#connected = undefined;
      if (this.#client.isOpen) this.#client.destroy();
      throw redisFault(error, this.#name);
    }
  }
}

function redisFault(error: unknown, name: string): unknown {
  if (!(error instanceof Error)) return error;
  if (/NOAUTH|WRONGPASS|NOPERM/.test(error.message))
    return storeRefused(name, error.message, "mend user and password in the URL of records", error);
  return storeUnreachable(name, error.message || (error as NodeJS.ErrnoException).code || error.name, error);
}
