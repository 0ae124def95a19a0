/** How `resolve` and `check` see the world while planning: reads of host files and mutable names, remembered in the store. */
import { createHash } from "node:crypto";
import { createReadStream, type Stats } from "node:fs";
import { open, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Digest, ImageArtifact, Json } from "../artifact.ts";
import { TplError } from "../errors.ts";
import { fileIdentity } from "../key/tool-version.ts";
import type { PlanContext } from "../plugin/context.ts";
import type { EngineStore } from "../store.ts";
import type { Pins } from "./pins.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/** A file changed less than this long ago may change again without its times showing it. */
const RACY_MS = 2000;

/** The first bytes of a stored image, fewer where it is shorter. Throws ArtifactDamaged. */
export type ReadImageHead = (image: ImageArtifact, bytes: number) => Promise<Buffer>;

export interface PlanContextOptions {
  /** What relative paths are relative to. */
  folder: string;
  facts: EngineStore["facts"];
  /** Milliseconds since the epoch. */
  now(): number;
  /** Ask again for what is remembered of mutable names. */
  refresh: boolean;
  readImageHead?: ReadImageHead;
  /** How long a mutable name's answer holds, where the step type does not say. */
  maxAgeMs?: number;
  pins?: Pins;
}

export function planContext(options: PlanContextOptions): PlanContext {
  const { folder, facts, now, pins } = options;
  const hostPath = (path: string) => resolve(folder, path);
  return {
    hostPath,
    async fileDigest(path) {
      const at = hostPath(path);
      const ask = async () => fileDigest(at, await statFile(at, path), facts, now);
      return pins ? pins.file(at, path, ask) : ask();
    },
    imageHead: (image, bytes) => imageHead(image, bytes, options),
    readHead: async (path, bytes) => {
      await statFile(hostPath(path), path);
      return readHead(hostPath(path), bytes);
    },
    async remember<T extends Json>(
      name: string,
      lookUp: () => Promise<T>,
      { maxAgeMs = options.maxAgeMs ?? DAY_MS, lockAs = name } = {},
    ) {
      if (pins) return (await pins.name(lockAs, () => ask(name, lookUp, maxAgeMs))) as T;
      return ask(name, lookUp, maxAgeMs);
    },
  };

  async function ask<T extends Json>(name: string, lookUp: () => Promise<T>, maxAgeMs: number): Promise<T> {
    const known = options.refresh ? undefined : await facts.get(`name:${name}`);
    if (known && now() - known.at < maxAgeMs) return known.value as T;
    try {
      const value = await lookUp();
      await facts.set(`name:${name}`, value);
      return value;
    } catch (error) {
      // Offline, what it stood for the last time is better than no build; --refresh insists.
      if (known) return known.value as T;
      throw error;
    }
  }
}

/** sha256 and size of a file; remembered as long as the file is the same one on disk. */
async function fileDigest(path: string, info: Stats, facts: EngineStore["facts"], now: () => number) {
  const fact = `file:${fileIdentity(path)}`;
  const known = await facts.get(fact);
  if (known) return known.value as { digest: Digest; bytes: number };
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash).catch((cause) => {
    throw unreadable(path, path, cause);
  });
  const value = { digest: `sha256:${hash.digest("hex")}` as Digest, bytes: info.size };
  if (now() - Math.max(info.mtimeMs, info.ctimeMs) > RACY_MS) await facts.set(fact, value);
  return value;
}

/** An image never changes, so that what was read once holds for good. */
async function imageHead(image: ImageArtifact, bytes: number, options: PlanContextOptions): Promise<Buffer> {
  const { facts, readImageHead } = options;
  const fact = `image-head:${bytes}:${image.digest}`;
  const known = await facts.get(fact);
  if (known) return Buffer.from(known.value as string, "base64");
  if (!readImageHead) throw new Error("bug: nobody said how an image is read here");
  const head = await readImageHead(image, bytes);
  await facts.set(fact, head.toString("base64"));
  return head;
}

async function readHead(path: string, bytes: number): Promise<Buffer> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
  return buffer.subarray(0, bytesRead);
}

/** `written`: the path as the template has it, by which the message is put at its place. */
async function statFile(path: string, written: string): Promise<Stats> {
  const info = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw unreadable(path, written, cause);
  });
  if (info.isDirectory())
    throw new TplError({ code: "file-is-a-directory", message: `${written} is a directory, not a file` });
  return info;
}

function unreadable(path: string, written: string, cause: NodeJS.ErrnoException): TplError {
  const gone = cause.code === "ENOENT" || cause.code === "ENOTDIR";
  return new TplError({
    code: gone ? "file-not-found" : "file-unreadable",
    message: gone ? `there is no file ${written}` : `${written} cannot be read (${cause.code})`,
    hint: `it would be ${path}; paths in a template are relative to the template's own folder`,
    cause,
  });
}
