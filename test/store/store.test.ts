import { chmodSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Artifact, Digest, FileArtifact, ImageArtifact } from "../../src/engine/artifact.ts";
import type { CacheRecord } from "../../src/engine/run/record.ts";
import { digestOf } from "../../src/store/blobs/digest.ts";
import type { PartsOf } from "../../src/store/presence.ts";
import { type OpenStoreOptions, openStore } from "../../src/store/store.ts";
import { scratchFolder } from "./scratch.ts";

async function open(path: string, options: Omit<OpenStoreOptions, "path"> = {}) {
  const store = await openStore({ path, ...options });
  onTestFinished(() => store.close());
  return store;
}

function record(
  key: string,
  outputs: Record<string, Artifact>,
  at = "2026-01-01T00:00:00.000Z",
): CacheRecord {
  const about = { seconds: 1, run: "r1", node: "disk", host: "here", at };
  return { schema: "tplgraph.record/1", key, preimage: {}, outputs, ...about };
}

function file(text: string): FileArtifact {
  return { type: "file", digest: digestOf(Buffer.from(text)), bytes: text.length };
}

function damage(path: string, digest: Digest, content: string): void {
  const blob = join(path, "blobs", digest.slice(7, 9), digest.slice(9));
  chmodSync(blob, 0o644);
  writeFileSync(blob, content);
}

describe("opening a store", () => {
  test("makes it, with its parents, and finds it again", async () => {
    const path = join(scratchFolder(), "a", "b");
    const digest = await (await open(path)).putBlob(Buffer.from("kept"));
    expect(JSON.parse(readFileSync(join(path, "store.json"), "utf8"))).toEqual({
      schema: "tplgraph.store/3",
    });
    expect((await (await open(path)).readBlob(digest)).toString()).toBe("kept");
  });

  test("finishes one whose making was cut short", async () => {
    const path = scratchFolder();
    mkdirSync(join(path, "tmp"));
    expect((await open(path)).readOnly).toBe(false);
  });

  test("removes what killed processes left more than a day ago, and nothing younger", async () => {
    const path = scratchFolder();
    await open(path);
    for (const name of ["old", "young"]) writeFileSync(join(path, "tmp", name), "");
    const twoDaysAgo = Date.now() / 1000 - 2 * 24 * 3600;
    utimesSync(join(path, "tmp", "old"), twoDaysAgo, twoDaysAgo);
    await open(path);
    expect(readdirSync(join(path, "tmp"))).toEqual(["young"]);
  });

  const refused: { name: string; code: string; prepare(path: string): string; create?: "never" }[] = [
    { name: "a file", code: "store-not-a-folder", prepare: (path) => written(join(path, "file"), "x") },
    {
      name: "a folder below a file",
      code: "store-not-a-folder",
      prepare: (path) => join(written(join(path, "file"), "x"), "store"),
    },
    {
      name: "a store of a newer version",
      code: "store-newer",
      prepare(path) {
        written(join(path, "store.json"), '{"schema":"tplgraph.store/4"}');
        return path;
      },
    },
    {
      name: "a folder with a store.json of something else",
      code: "store-damaged",
      prepare(path) {
        written(join(path, "store.json"), "[]");
        return path;
      },
    },
    {
      name: "a folder of other things",
      code: "store-not-empty",
      prepare(path) {
        written(join(path, "thesis.txt"), "x");
        return path;
      },
    },
    {
      name: "nothing, where none may be made",
      code: "store-missing",
      prepare: (path) => path,
      create: "never",
    },
  ];
  test.for(refused)("refuses $name as $code", async ({ code, prepare, create }) => {
    const path = prepare(scratchFolder());
    await expect(openStore({ path, create: create ?? "if-missing" })).rejects.toMatchObject({
      code,
      hint: expect.any(String),
    });
  });

  test("to read changes nothing in it", async () => {
    const path = scratchFolder();
    await (await open(path)).close();
    const store = await open(path, { mode: "read" });
    expect(store.readOnly).toBe(true);
    await expect(store.putBlob(Buffer.from("x"))).rejects.toMatchObject({ code: "store-no-permission" });
    await expect(store.refs.set("a", { outputs: {} })).rejects.toMatchObject({ code: "store-no-permission" });
    expect(await store.records.get("none")).toBeUndefined();
    expect(readdirSync(path).sort()).toEqual(["blobs", "refs", "runs", "store.json", "tmp"]);
  });
});

function written(path: string, content: string): string {
  writeFileSync(path, content);
  return path;
}

//   image ── its map, a blob of digests, one a line ──▶ chunks
const partsOf: PartsOf = async (artifact, blobs) =>
  artifact.type === "image" ? ((await blobs.get(artifact.digest)).toString().split("\n") as Digest[]) : [];

async function storeWithImage() {
  const path = scratchFolder();
  const store = await open(path, { parts: partsOf });
  const chunks = await Promise.all(["a", "b", "c"].map((text) => store.putBlob(Buffer.from(text))));
  const digest = await store.putBlob(Buffer.from(chunks.join("\n")));
  const image: ImageArtifact = { type: "image", digest, bytes: 3 };
  return { path, store, chunks, image };
}

describe("an artifact", () => {
  test("is present with its manifest and all its parts", async () => {
    const { store, image } = await storeWithImage();
    expect(await store.has(image)).toBe("present");
    expect(await store.has(image, { depth: "all" })).toBe("present");
    expect(await store.has({ type: "data", digest: digestOf(Buffer.from("1")), value: 1 })).toBe("present");
  });

  test("without its manifest is missing; without a part it is missing at depth all", async () => {
    const { store, image, chunks } = await storeWithImage();
    await store.blobs.remove(chunks[1]!);
    expect(await store.has(image)).toBe("present");
    expect(await store.has(image, { depth: "all" })).toBe("missing");
    await store.blobs.remove(image.digest);
    expect(await store.has(image)).toBe("missing");
  });

  test("with a damaged manifest is corrupt at depth all", async () => {
    const { path, store, image } = await storeWithImage();
    damage(path, image.digest, "sha256:00");
    expect(await store.has(image, { depth: "all" })).toBe("corrupt");
  });

  test("with damaged parts is corrupt at depth content, and all of them can be stored anew", async () => {
    const { path, store, image, chunks } = await storeWithImage();
    damage(path, chunks[0]!, "x");
    damage(path, chunks[2]!, "z");
    expect(await store.has(image, { depth: "all" })).toBe("present");
    expect(await store.has(image, { depth: "content" })).toBe("corrupt");
    await store.putBlob(Buffer.from("a"));
    await store.putBlob(Buffer.from("c"));
    expect(await store.has(image, { depth: "content" })).toBe("present");
  });

  test("that is damaged or missing fails its reader with the artifact's digest", async () => {
    const { path, store, image } = await storeWithImage();
    damage(path, image.digest, "x");
    const expected = { name: "ArtifactDamaged", digest: image.digest };
    await expect(store.readBlob(image.digest)).rejects.toMatchObject({ ...expected, code: "blob-corrupt" });
    await expect(store.readBlob(image.digest)).rejects.toMatchObject({ ...expected, code: "blob-missing" });
  });
});

describe("verify", () => {
  test("finds nothing in a whole store", async () => {
    const { store, image } = await storeWithImage();
    await store.refs.set("base", { outputs: { image } });
    expect(await store.verify()).toEqual({ blobs: 4, bytes: expect.any(Number), damaged: [], broken: [] });
  });

  test.for(["write", "read"] as const)(
    "opened to %s, names the damaged blob and who needs it",
    async (mode) => {
      const { path, store, image, chunks } = await storeWithImage();
      await store.refs.set("base", { outputs: { image } });
      await store.records.put(record("k", { image, other: file("other") }));
      await store.putBlob(Buffer.from("other"));
      damage(path, chunks[2]!, "rotten");
      const found = await (await open(path, { mode, parts: partsOf })).verify();
      expect(found.damaged).toEqual([chunks[2]]);
      expect(found.broken).toMatchObject([
        { artifact: image, refs: ["base:latest#image"], state: "missing" },
      ]);
    },
  );
});

describe("what the store holds", () => {
  test("is listed once with everybody who names it, named ones first, then the latest", async () => {
    const store = await open(scratchFolder());
    await store.records.put(record("k1", { image: file("old") }, "2026-01-01T00:00:00.000Z"));
    await store.records.put(record("k2", { image: file("new") }, "2026-01-02T00:00:00.000Z"));
    await store.records.put(record("k3", { image: file("named") }, "2025-01-01T00:00:00.000Z"));
    await store.refs.set("base", { outputs: { rootfs: file("named") } });
    const listed = await store.artifacts();
    expect(listed.map(({ artifact }) => artifact)).toEqual([file("named"), file("new"), file("old")]);
    expect(listed[0]).toMatchObject({
      refs: ["base:latest#rootfs"],
      producers: [{ key: "k3", node: "disk" }],
    });
  });

  test("is found by a digest, or the beginning of one", async () => {
    const store = await open(scratchFolder());
    await store.records.put(record("k1", { image: file("one") }));
    const { digest } = file("one");
    expect(await store.resolveRef(digest, { type: "file" })).toEqual(file("one"));
    expect(await store.resolveRef(digest.slice(0, 16))).toEqual(file("one"));
    await expect(store.resolveRef(digest, { type: "image" })).rejects.toMatchObject({
      code: "unknown-ref",
      message: expect.stringContaining("is of type file, not image"),
    });
    await expect(store.resolveRef(file("two").digest)).rejects.toMatchObject({ code: "unknown-ref" });
  });
});
