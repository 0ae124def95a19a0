import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { Digest } from "../../../src/engine/artifact.ts";
import { digestOf } from "../../../src/store/blobs/digest.ts";
import { type MemoryObjects, memoryObjects } from "../../../src/store/objects/memory.ts";
import { decodeIndex, encodeIndex, entryAt } from "../../../src/store/remote/pack-format.ts";
import { remoteBlobs } from "../../../src/store/remote/remote-blobs.ts";
import { testBlobStore } from "../../../src/testing/blobs.ts";

testBlobStore("a remote", async () => {
  const objects = memoryObjects();
  return {
    blobs: remoteBlobs({ objects }),
    damage: (digest, data) => replaceInPack(objects, digest, data),
  };
});

/** Makes the pack say that `digest` is `data`, in a form that is right otherwise. */
function replaceInPack(objects: MemoryObjects, digest: Digest, data: Uint8Array): void {
  const key = [...objects.content.keys()].find((name) => name.endsWith(".index"))!;
  const packKey = key.replace(/index$/, "pack");
  const { entries, packBytes } = decodeIndex(objects.content.get(key)!, key);
  const entry = entryAt(entries, 0);
  const pack = Buffer.concat([objects.content.get(packKey)!, data]);
  objects.content.set(packKey, pack);
  const { length } = data;
  const replaced = { ...entry, digest, offset: packBytes, storedBytes: length, bytes: length };
  objects.content.set(key, encodeIndex([{ ...replaced, encoding: "raw" }], pack.length));
  // What the store has in memory of this index says something else: it reads the old place.
  const old = objects.content.get(packKey)!;
  Buffer.alloc(entry.storedBytes).copy(old, entry.offset);
}

const MANY = 40;

async function filled(options: { packBytes?: number } = {}) {
  const objects = memoryObjects();
  const blobs = remoteBlobs({ objects, ...options });
  const data = Array.from({ length: MANY }, () => randomBytes(5000));
  const digests = data.map(digestOf);
  const writer = await blobs.writer();
  for (const [i, one] of data.entries()) await writer.add(digests[i]!, one);
  await writer.flush();
  const artifact = { type: "file", digest: digests[0]!, bytes: 5000 } as const;
  await blobs.putArtifact(artifact, digests.slice(0, 20));
  return { objects, blobs, data, digests, artifact };
}

const named = (objects: MemoryObjects, ending: string) =>
  [...objects.content.keys()].filter((key) => key.endsWith(ending));

describe("packs", () => {
  test("many blobs travel in few objects, which another reader finds", async () => {
    const { objects, data, digests } = await filled({ packBytes: 50_000 });
    expect(named(objects, ".pack")).toHaveLength(5);
    const reader = remoteBlobs({ objects });
    const read = await Promise.all(digests.map((digest) => reader.get(digest)));
    expect(read.every((one, i) => one.equals(data[i]!))).toBe(true);
  });

  test("who knows an artifact fetches the indexes of its packs alone", async () => {
    const { objects, digests, artifact } = await filled({ packBytes: 50_000 });
    const asked: string[] = [];
    const get: typeof objects.get = (key, options) => {
      asked.push(key);
      return objects.get(key, options);
    };
    const list: typeof objects.list = () => {
      throw new Error("nothing is to be listed");
    };
    const reader = remoteBlobs({ objects: { ...objects, get, list } });
    for (const digest of [artifact.digest, ...digests.slice(0, 20)]) await reader.get(digest);
    expect(asked.filter((key) => key.endsWith(".index")).length).toBeLessThan(5);
  });

  test("neighbours that are asked for at a time come by one request", async () => {
    const { objects, digests } = await filled();
    let requests = 0;
    const get: typeof objects.get = (key, options) => {
      if (key.endsWith(".pack")) requests++;
      return objects.get(key, options);
    };
    const reader = remoteBlobs({ objects: { ...objects, get } });
    await Promise.all(digests.map((digest) => reader.get(digest)));
    expect(requests).toBe(1);
  });

  test("what can be compressed is, each blob by itself", async () => {
    const objects = memoryObjects();
    const blobs = remoteBlobs({ objects });
    const data = Buffer.from("the same words again and again. ".repeat(2000));
    await blobs.put(digestOf(data), data);
    expect(objects.content.get(named(objects, ".pack")[0]!)!.length).toBeLessThan(1000);
    expect(data.equals(await remoteBlobs({ objects }).get(digestOf(data)))).toBe(true);
  });

  test("a pack whose index never came is not sent again", async () => {
    const { objects, data, digests } = await filled();
    objects.content.delete(named(objects, ".index")[0]!);
    const sent: string[] = [];
    const put: typeof objects.put = (key, bytes) => {
      sent.push(key);
      return objects.put(key, bytes);
    };
    const writer = await remoteBlobs({ objects: { ...objects, put } }).writer();
    for (const [i, one] of data.entries()) await writer.add(digests[i]!, one);
    await writer.flush();
    expect(sent.map((key) => key.slice(-5))).toEqual(["index"]);
  });
});

describe("damage", () => {
  test.for([
    ["is cut short", (pack: Buffer) => pack.subarray(0, pack.length - 100), "is cut short"],
    ["has a flipped bit", (pack: Buffer) => flipped(pack, pack.length - 50), "is damaged in packs/"],
  ] as const)("a pack that %s is named, and costs what lay there", async ([, damage, message]) => {
    const { objects, data, digests } = await filled();
    const [key] = named(objects, ".pack");
    objects.content.set(key!, damage(objects.content.get(key!)!));
    const reader = remoteBlobs({ objects });
    await expect(reader.get(digests.at(-1)!)).rejects.toMatchObject({
      code: "blob-corrupt",
      message: expect.stringContaining(message),
    });
    expect(data[0]!.equals(await reader.get(digests[0]!))).toBe(true);
    await reader.put(digests.at(-1)!, data.at(-1)!);
    expect(data.at(-1)!.equals(await remoteBlobs({ objects }).get(digests.at(-1)!))).toBe(true);
  });

  test.for([
    ["cut short", (index: Buffer) => index.subarray(0, index.length - 48), "its length"],
    ["flipped", (index: Buffer) => flipped(index, 100), "not those that were written"],
    ["of another version", (index: Buffer) => withVersion(index, 2), "its version is 2"],
    ["something else", () => Buffer.from("<html>"), "shorter than an empty one"],
  ] as const)("an index that is %s is named", async ([, damage, message]) => {
    const { objects, artifact } = await filled();
    const [key] = named(objects, ".index");
    objects.content.set(key!, damage(objects.content.get(key!)!));
    await expect(remoteBlobs({ objects }).get(artifact.digest)).rejects.toMatchObject({
      code: "blob-corrupt",
      message: expect.stringMatching(new RegExp(`^packs/[0-9a-f]+.index of memory: .*${message}`)),
    });
  });

  test("an index that points outside of its pack is refused", () => {
    const digest = digestOf(Buffer.from("x"));
    const entry = { digest, offset: 90, storedBytes: 20, bytes: 20, encoding: "raw" } as const;
    expect(() => decodeIndex(encodeIndex([entry], 100), "packs/x.index")).toThrow("points outside");
    expect(() => decodeIndex(encodeIndex([entry, entry], 200), "packs/x.index")).toThrow("not in order");
  });

  test("a pack that somebody deleted is a blob that is missing", async () => {
    const { objects, digests } = await filled();
    objects.content.delete(named(objects, ".pack")[0]!);
    await expect(remoteBlobs({ objects }).get(digests[0]!)).rejects.toMatchObject({ code: "blob-missing" });
    const pusher = remoteBlobs({ objects });
    await pusher.sync();
    expect(pusher.known(digests[0]!)).toBeUndefined();
  });
});

test.for([
  ["newer", '{"schema":"tplgraph.remote/2"}', "store-newer"],
  ["of something else", "hello", "store-damaged"],
] as const)("a remote that is %s is left alone", async ([, text, code]) => {
  const objects = memoryObjects();
  objects.content.set("format.json", Buffer.from(text));
  const blobs = remoteBlobs({ objects });
  const data = Buffer.from("x");
  await expect(blobs.get(digestOf(data))).rejects.toMatchObject({ code });
  await expect(blobs.put(digestOf(data), data)).rejects.toMatchObject({ code });
  expect([...objects.content.keys()]).toEqual(["format.json"]);
});

function flipped(data: Buffer, at: number): Buffer {
  const copy = Buffer.from(data);
  copy[at]! ^= 1;
  return copy;
}

function withVersion(data: Buffer, version: number): Buffer {
  const copy = Buffer.from(data);
  copy.writeUInt32BE(version, 8);
  return copy;
}
