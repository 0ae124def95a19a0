/**
 * Objects as files of a folder: a disk that several machines mount. An object is written beside its place, under a
 * name that begins with a dot, and renamed: no reader sees half of one. What a killed process left under such a name
 * is removed when the next object is put into that folder, a day later.
 */
import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { storeFault, systemCode } from "../fault.ts";
import { objectMissing, storeUnreachable } from "./errors.ts";
import { type ByteRange, checkKey, type ObjectInfo, type ObjectStore } from "./object-store.ts";

const LEFTOVER_MS = 24 * 3600 * 1000;

/** `path`: absolute; it is made on the first `put`. */
export function folderObjects(path: string): ObjectStore {
  const cleaned = new Set<string>();
  const fileOf = (key: string) => join(path, checkKey(key));
  return {
    name: path,
    capabilities: { rangedReads: true, atomicPut: true, tellsTimes: true },
    async get(key, { range, signal } = {}) {
      signal?.throwIfAborted();
      const file = fileOf(key);
      try {
        return range ? await readRange(file, range) : await readFile(file, signal ? { signal } : {});
      } catch (error) {
        signal?.throwIfAborted();
        if (isNotThere(error)) throw objectMissing(path, key, error);
        throw fault(error, path, `read ${file}`);
      }
    },
    async put(key, data, { signal } = {}) {
      signal?.throwIfAborted();
      const file = fileOf(key);
      const folder = dirname(file);
      const temporary = join(folder, `.${randomBytes(8).toString("hex")}`);
      try {
        await mkdir(folder, { recursive: true });
        if (!cleaned.has(folder)) await removeLeftovers(folder);
        cleaned.add(folder);
        await writeFile(temporary, data, { flush: true, ...(signal ? { signal } : {}) });
        await rename(temporary, file);
      } catch (error) {
        await rm(temporary, { force: true }).catch(() => undefined); // what kept it from being written has been the error
        signal?.throwIfAborted();
        throw fault(error, path, `write ${file}`);
      }
    },
    async stat(key) {
      return infoOf(path, key);
    },
    async *list(prefix) {
      const lastSlash = prefix.lastIndexOf("/");
      const start = prefix.slice(0, lastSlash + 1);
      for await (const key of keysBelow(path, start)) {
        const info = key.startsWith(prefix) ? await infoOf(path, key) : undefined;
        if (info) yield info;
      }
    },
    async remove(key) {
      try {
        await rm(fileOf(key), { force: true });
      } catch (error) {
        throw fault(error, path, `remove ${fileOf(key)}`);
      }
    },
    close() {},
  };
}

async function readRange(file: string, { offset, length }: ByteRange): Promise<Buffer> {
  await using handle = await open(file);
  const into = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(into, done, length - done, offset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return into.subarray(0, done);
}

async function infoOf(path: string, key: string): Promise<ObjectInfo | undefined> {
  try {
    const { size, mtimeMs } = await stat(join(path, checkKey(key)));
    return { key, bytes: size, putMs: mtimeMs };
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw fault(error, path, `look at ${key}`);
  }
}

/** `start` is empty or ends in a slash. */
async function* keysBelow(path: string, start: string): AsyncGenerator<string> {
  let entries: Awaited<ReturnType<typeof entriesOf>>;
  try {
    entries = await entriesOf(join(path, start));
  } catch (error) {
    if (isNotThere(error)) return;
    throw fault(error, path, `list ${join(path, start)}`);
  }
  for (const entry of entries) {
    if (entry.name.startsWith(".")) continue;
    if (entry.isDirectory()) yield* keysBelow(path, `${start}${entry.name}/`);
    else yield `${start}${entry.name}`;
  }
}

function entriesOf(folder: string) {
  return readdir(folder, { withFileTypes: true });
}

async function removeLeftovers(folder: string): Promise<void> {
  for (const { name } of await entriesOf(folder)) {
    if (!name.startsWith(".")) continue;
    const found = await stat(join(folder, name)).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs > LEFTOVER_MS) await rm(join(folder, name), { force: true });
  }
}

function isNotThere(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR", "EISDIR"].includes(systemCode(error) ?? "");
}

/** A network's file system that is away answers with one of these. */
const AWAY = ["EIO", "ESTALE", "ETIMEDOUT", "EHOSTDOWN", "EHOSTUNREACH", "ENOTCONN"];

function fault(error: unknown, path: string, doing: string): unknown {
  if (AWAY.includes(systemCode(error) ?? "")) return storeUnreachable(path, (error as Error).message, error);
  return storeFault(error, doing);
}
