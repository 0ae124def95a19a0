/** A keyv storage adapter over object storage: `records/AB/KEY`. What fails is thrown, never emitted. */
import { type KeyvStorageAdapter, type KeyvStorageEntry, keyvStorageCapability } from "keyv";
import { TplError } from "../../engine/errors.ts";
import type { ObjectStore } from "../objects/object-store.ts";

const RECORDS = "records/";

export class ObjectsAdapter implements Omit<KeyvStorageAdapter, keyof NodeJS.EventEmitter> {
  readonly capabilities = keyvStorageCapability(this);
  readonly #objects: ObjectStore;

  constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  // biome-ignore lint/suspicious/noExplicitAny: keyv's own type parameter has no place in text
  async get(key: string): Promise<any> {
    try {
      return (await this.#objects.get(objectKey(key))).toString("utf8");
    } catch (error) {
      if (error instanceof TplError && error.code === "object-missing") return undefined;
      throw error;
    }
  }

  // biome-ignore lint/suspicious/noExplicitAny: see get
  async getMany(keys: string[]): Promise<any[]> {
    return await Promise.all(keys.map((key) => this.get(key)));
  }

  async has(key: string): Promise<boolean> {
    return (await this.#objects.stat(objectKey(key))) !== undefined;
  }

  async hasMany(keys: string[]): Promise<boolean[]> {
    return await Promise.all(keys.map((key) => this.has(key)));
  }

  async set(key: string, value: unknown): Promise<boolean> {
    if (typeof value !== "string") throw new Error("bug: a value reached the bucket that is not text");
    await this.#objects.put(objectKey(key), Buffer.from(value));
    return true;
  }

  async setMany<Value>(entries: KeyvStorageEntry<Value>[]): Promise<boolean[]> {
    return await Promise.all(entries.map(({ key, value }) => this.set(key, value)));
  }

  async delete(key: string): Promise<boolean> {
    const was = await this.has(key);
    await this.#objects.remove(objectKey(key));
    return was;
  }

  async deleteMany(keys: string[]): Promise<boolean[]> {
    return await Promise.all(keys.map((key) => this.delete(key)));
  }

  async clear(): Promise<void> {
    for await (const { key } of this.#objects.list(RECORDS)) await this.#objects.remove(key);
  }

  // biome-ignore lint/suspicious/noExplicitAny: see get
  async *iterator(): AsyncGenerator<any[], void> {
    for await (const { key } of this.#objects.list(RECORDS)) {
      const record = key.slice(key.lastIndexOf("/") + 1);
      const value = await this.get(record);
      if (value !== undefined) yield [record, value];
    }
  }
}

function objectKey(key: string): string {
  return `${RECORDS}${key.slice(0, 2)}/${key}`;
}
