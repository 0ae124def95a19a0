/**
 * What is remembered as verified. That it is made use of shows only where it is wrong: these tests change a pack and
 * write down, as a liar would, that it was verified so.
 */
import {
  chownSync,
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Digest } from "../../../src/engine/artifact.ts";
import { type BlobStore, CHUNK_BYTES } from "../../../src/engine/blobs.ts";
import { fileIdentity } from "../../../src/store/blobs/file-identity.ts";
import { type FolderBlobsOptions, folderBlobs } from "../../../src/store/blobs/folder.ts";
import { packPath } from "../../../src/store/blobs/pack-files.ts";
import { SlotDigests } from "../../../src/store/blobs/slot-digests.ts";
import { SETTLED_MS, verifiedPath } from "../../../src/store/blobs/verified-packs.ts";
import { scratchFolder } from "../scratch.ts";
import { overwriteInPack, placeOf, putChunks, readPart } from "./packed.ts";

const AFTERWARDS = { now: () => Date.now() + SETTLED_MS + 1000 };
const CORRUPT = { code: "blob-corrupt" };

describe("what a finished writer has written", () => {
  test("counts as verified, chunk by chunk", async () => {
    const { path, digests } = await writtenStore(3);
    rot(path, digests[1]!);
    pretendUnchanged(path);
    expect(await isBelieved(path, digests[1]!)).toBe(true);
    forgetSlot(path, placeOf(path, digests[1]!).slot);
    expect(await isBelieved(path, digests[1]!)).toBe(false);
  });

  test("counts for nothing once a byte was flipped, or the file was cut", async () => {
    const flipped = await writtenStore(3);
    rot(flipped.path, flipped.digests[1]!);
    expect(await isBelieved(flipped.path, flipped.digests[1]!)).toBe(false);
    const cut = await writtenStore(3);
    truncateSync(packPath(cut.path, 1), 2.5 * CHUNK_BYTES);
    await expect(readPart(open(cut.path), cut.digests[2]!, 0, Buffer.alloc(1))).rejects.toMatchObject(
      CORRUPT,
    );
  });

  test("is not remembered of a pack that something else has changed while it was written", async () => {
    const path = scratchFolder();
    const writer = folderBlobs(path);
    const [digest] = (await putChunks(writer, 2)).keys();
    rot(path, digest!);
    await putChunks(writer, 2);
    writer.close?.();
    expect(remembered(path)).toEqual([]);
    expect(await isBelieved(path, digest!)).toBe(false);
  });

  test("is not remembered before it is finished", async () => {
    const path = scratchFolder();
    await putChunks(open(path), 2);
    expect(remembered(path)).toEqual([]);
    await putChunks(open(path), 1030);
    expect(remembered(path)).toEqual(["2.verified"]);
  });

  test("is hashed all the same when it is moved: damage does not become believed", async () => {
    const { path, digests } = await writtenStore(10);
    const blobs = open(path);
    for (const digest of digests.slice(5)) await blobs.remove(digest);
    rot(path, digests[0]!);
    await blobs.reclaim?.();
    expect(placeOf(path, digests[0]!).pack).toBe(2);
    expect(remembered(path)).toEqual([]);
    expect(await isBelieved(path, digests[0]!)).toBe(false);
  });
});

describe("what was remembered", () => {
  test("is of one boot, and of a whole head", async () => {
    const { path, digests } = await writtenStore(1);
    rot(path, digests[0]!);
    pretendUnchanged(path);
    const file = verifiedPath(path, 1);
    const good = readFileSync(file);
    const boot = good.indexOf("boot ") + 5;
    for (const bad of [
      replaceAt(good, boot, "another-boot"),
      good.subarray(0, 60),
      Buffer.alloc(good.length),
    ]) {
      writeFileSync(file, bad);
      expect(await isBelieved(path, digests[0]!, { readOnly: true })).toBe(false);
    }
    writeFileSync(file, good);
    expect(await isBelieved(path, digests[0]!, { readOnly: true })).toBe(true);
  });

  test.runIf(process.geteuid?.() === 0)("is believed of this user and of root alone", async () => {
    const { path, digests } = await writtenStore(1);
    rot(path, digests[0]!);
    pretendUnchanged(path);
    chownSync(verifiedPath(path, 1), 12345, 12345);
    expect(await isBelieved(path, digests[0]!)).toBe(false);
  });

  test("does not keep a chunk from being hashed that is asked for whole", async () => {
    const { path, digests } = await writtenStore(1);
    rot(path, digests[0]!);
    pretendUnchanged(path);
    await expect(open(path).get(digests[0]!)).rejects.toMatchObject(CORRUPT);
  });

  test("does not hold for an index that points to another slot", async () => {
    const { path, digests, chunks } = await writtenStore(2);
    const file = verifiedPath(path, 1);
    const content = readFileSync(file);
    const [first, second] = [content.subarray(-64, -32), content.subarray(-32)];
    writeFileSync(file, Buffer.concat([content.subarray(0, -64), second, first]));
    const part = Buffer.alloc(100);
    await readPart(open(path), digests[0]!, 0, part);
    expect(part.equals(chunks.get(digests[0]!)!.subarray(0, 100))).toBe(true);
  });

  test("goes with its pack", async () => {
    const { path, digests } = await writtenStore(3);
    const blobs = open(path);
    for (const digest of digests) await blobs.remove(digest);
    await blobs.reclaim?.();
    expect(readdirSync(join(path, "packs")).filter((name) => name.startsWith("1."))).toEqual([]);
  });
});

describe("a reader", () => {
  test("remembers what it has hashed, beside what was known, of a pack that had long been left alone", async () => {
    const { path, digests } = await writtenStore(3);
    forgetSlot(path, 0);
    forgetSlot(path, 1);
    const reader = folderBlobs(path, AFTERWARDS);
    await readPart(reader, digests[1]!, 0, Buffer.alloc(1));
    expect(slotsKnown(path)).toEqual([false, false, true]);
    reader.close?.();
    expect(slotsKnown(path)).toEqual([false, true, true]);
    expect(readdirSync(join(path, "tmp"))).toEqual([]);
  });

  test("adds what it has hashed to what another one has remembered meanwhile", async () => {
    const { path, digests } = await writtenStore(4);
    for (const slot of [0, 1, 2]) forgetSlot(path, slot);
    const readers = [folderBlobs(path, AFTERWARDS), folderBlobs(path, AFTERWARDS)];
    for (const [place, reader] of readers.entries())
      await readPart(reader, digests[place]!, 0, Buffer.alloc(1));
    for (const reader of readers) reader.close?.();
    expect(slotsKnown(path)).toEqual([true, true, false, true]);
  });

  test.for([
    ["that was changed a moment before", {}],
    ["of a store that it may only read", { ...AFTERWARDS, readOnly: true }],
  ] as const)("remembers nothing of a pack %s", async ([, options]) => {
    const { path, digests } = await writtenStore(2);
    forgetSlot(path, 0);
    const reader = folderBlobs(path, options);
    await readPart(reader, digests[0]!, 0, Buffer.alloc(1));
    reader.close?.();
    expect(slotsKnown(path)).toEqual([false, true]);
  });

  test("remembers nothing of a pack that was changed while it was read", async () => {
    const { path, digests } = await writtenStore(2);
    forgetSlot(path, 0);
    const reader = folderBlobs(path, AFTERWARDS);
    await readPart(reader, digests[0]!, 0, Buffer.alloc(1));
    rot(path, digests[1]!);
    reader.close?.();
    expect(slotsKnown(path)).toEqual([false, true]);
    expect(await isBelieved(path, digests[1]!)).toBe(false);
  });

  test("goes on where nothing can be remembered", async () => {
    const { path, digests } = await writtenStore(2);
    forgetSlot(path, 0);
    const reader = folderBlobs(path, AFTERWARDS);
    await readPart(reader, digests[0]!, 0, Buffer.alloc(1));
    rmdirSync(join(path, "tmp"));
    writeFileSync(join(path, "tmp"), "no folder any more");
    reader.close?.();
    expect(slotsKnown(path)).toEqual([false, true]);
  });
});

/** A store whose one pack was finished by its writer. */
async function writtenStore(
  count: number,
): Promise<{ path: string; digests: Digest[]; chunks: Map<Digest, Buffer> }> {
  const path = scratchFolder();
  const writer = folderBlobs(path);
  const chunks = await putChunks(writer, count);
  writer.close?.();
  return { path, chunks, digests: [...chunks.keys()] };
}

function open(path: string, options: FolderBlobsOptions = {}): BlobStore {
  const blobs = folderBlobs(path, options);
  onTestFinished(() => blobs.close?.());
  return blobs;
}

function rot(path: string, digest: Digest): void {
  overwriteInPack(path, digest, Buffer.from("rotten"));
}

/** Writes down that pack 1 as it is now is what was verified. */
function pretendUnchanged(path: string): void {
  const descriptor = openSync(packPath(path, 1), "r");
  const { text } = fileIdentity(descriptor);
  closeSync(descriptor);
  const content = readFileSync(verifiedPath(path, 1), "latin1");
  writeFileSync(verifiedPath(path, 1), content.replace(/ pack [^\n]*\n/, ` pack ${text}\n`), "latin1");
}

/** Whether what is rotten is handed out as if it were verified. */
async function isBelieved(path: string, digest: Digest, options: FolderBlobsOptions = {}): Promise<boolean> {
  const blobs = folderBlobs(path, options);
  try {
    await readPart(blobs, digest, 0, Buffer.alloc(6));
    return true;
  } catch (error) {
    expect(error).toMatchObject(CORRUPT);
    return false;
  } finally {
    blobs.close?.();
  }
}

function remembered(path: string): string[] {
  return readdirSync(join(path, "packs")).filter((name) => name.endsWith(".verified"));
}

/** Of pack 1. */
function slotsKnown(path: string): boolean[] {
  const slots = digestsOf(readFileSync(verifiedPath(path, 1)));
  return Array.from({ length: slots.length / 32 }, (_, slot) =>
    slots.subarray(slot * 32, (slot + 1) * 32).some((byte) => byte !== 0),
  );
}

function forgetSlot(path: string, slot: number): void {
  const content = readFileSync(verifiedPath(path, 1));
  digestsOf(content).fill(0, slot * 32, (slot + 1) * 32);
  writeFileSync(verifiedPath(path, 1), content);
}

function digestsOf(content: Buffer): Buffer {
  return content.subarray(content.indexOf("\n") + 1);
}

function replaceAt(bytes: Buffer, at: number, text: string): Buffer {
  const changed = Buffer.from(bytes);
  changed.write(text, at);
  return changed;
}

test("slots hold what they were set to, far behind the usual ones too", () => {
  const digests = Buffer.concat([Buffer.alloc(32, 1), Buffer.alloc(32, 2)]);
  const slots = new SlotDigests();
  slots.set(3, digests.subarray(32));
  slots.set(5000, digests.subarray(0, 32));
  expect(slots.holds(3, digests, 1)).toBe(true);
  expect(slots.holds(3, digests, 0)).toBe(false);
  expect(slots.holds(5000, digests, 0)).toBe(true);
  for (const [slot, place] of [
    [-1, 0],
    [2, 0],
    [3, 2],
    [3, -1],
    [5001, 0],
  ] as const)
    expect(slots.holds(slot, digests, place)).toBe(false);
  expect(new SlotDigests(slots.toBytes()).holds(5000, digests, 0)).toBe(true);
});
