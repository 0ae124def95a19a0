import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { ImageArtifact, SnapshotArtifact } from "../../../src/engine/artifact.ts";
import { digestOf } from "../../../src/store/blobs/digest.ts";
import { openStore } from "../../../src/store/store.ts";
import { scratchFolder } from "../scratch.ts";

function image(text: string): ImageArtifact {
  return { type: "image", digest: digestOf(Buffer.from(text)), bytes: 4096 };
}

function snapshot(text: string): SnapshotArtifact {
  return { type: "snapshot", digest: digestOf(Buffer.from(text)), bytes: 4096 };
}

const outputs = { rootfs: image("a"), data: image("b"), snapshot: snapshot("s") };

function storeIn(path: string) {
  return openStore({ path, now: () => Date.parse("2026-01-02T03:04:05.000Z") });
}

describe("refs", () => {
  test("keep what they were last set to", async () => {
    const store = await storeIn(scratchFolder());
    await store.refs.set("python", { outputs: { rootfs: image("old") } });
    await store.refs.set("python:latest", { outputs, run: "r1" });
    expect(await store.refs.get("python")).toEqual({
      name: "python:latest",
      outputs,
      run: "r1",
      at: "2026-01-02T03:04:05.000Z",
    });
    expect(await store.refs.get("python:other")).toBeUndefined();
    expect(await store.refs.get("python/deeper")).toBeUndefined();
  });

  test("are listed in the order of their names, and removed", async () => {
    const store = await storeIn(scratchFolder());
    for (const name of ["b", "a:2", "team/a", "a:1"]) await store.refs.set(name, { outputs });
    expect((await store.refs.list()).map(({ name }) => name)).toEqual([
      "a:1",
      "a:2",
      "b:latest",
      "team/a:latest",
    ]);
    expect(await store.refs.remove("b")).toBe(true);
    expect(await store.refs.remove("b")).toBe(false);
    expect(await store.refs.get("b")).toBeUndefined();
  });

  test("one that is not JSON is named", async () => {
    const path = scratchFolder();
    const store = await storeIn(path);
    await store.refs.set("a", { outputs });
    writeFileSync(join(path, "refs/a/latest.json"), "");
    await expect(store.refs.get("a")).rejects.toMatchObject({ code: "ref-damaged" });
    await store.refs.set("a", { outputs });
    expect(await store.refs.get("a")).toMatchObject({ outputs });
  });
});

describe("resolving", () => {
  const resolving = async (
    text: string,
    want: Parameters<Awaited<ReturnType<typeof storeIn>>["resolveRef"]>[1],
  ) => {
    const store = await storeIn(scratchFolder());
    await store.refs.set("python", { outputs });
    await store.refs.set("twins", { outputs: { one: image("a"), same: image("a") } });
    await store.runs.start("r0abc", { template: "python", at: "2026-01-01T00:00:00.000Z" });
    await store.runs.finish({
      schema: "tplgraph.result/1",
      run: "r0abc",
      ok: true,
      template: { name: "python", file: "python.yaml", params: {} },
      startedAt: "2026-01-01T00:00:00.000Z",
      seconds: 1,
      counts: { hit: 0, built: 1, failed: 0, cancelled: 0, skipped: 0 },
      nodes: {},
      outputs: { rootfs: image("of the run"), snapshot: snapshot("of the run") },
      refs: [],
      cleanup: { released: 0, failed: [] },
    });
    return store.resolveRef(text, want);
  };

  test.for([
    ["python", { type: "snapshot" }, outputs.snapshot],
    ["python#data", { type: "image" }, outputs.data],
    ["python:latest#data", { type: "image", output: "rootfs" }, outputs.data],
    ["python", { type: "image", output: "data" }, outputs.data],
    ["twins", { type: "image" }, image("a")],
    ["r0abc:rootfs", { type: "image" }, image("of the run")],
    ["r0abc", { type: "snapshot" }, snapshot("of the run")],
    ["r0abc#rootfs", {}, image("of the run")],
  ] as const)("%s, wanting %j", async ([text, want, expected]) => {
    expect(await resolving(text, want)).toEqual(expected);
  });

  test.for([
    ["python", { type: "image" }, "ambiguous-ref", "python#rootfs, python#data"],
    ["python#none", { type: "image" }, "unknown-ref", "rootfs (image), data (image), snapshot (snapshot)"],
    ["python#toString", {}, "unknown-ref", "has no output toString"],
    ["python#snapshot", { type: "image" }, "unknown-ref", "is of type snapshot, not image"],
    ["python", { type: "file" }, "unknown-ref", "no output of type file"],
    ["r0abc:none", {}, "unknown-ref", "rootfs (image), snapshot (snapshot)"],
    ["r9zzz:rootfs", {}, "unknown-ref", "nothing in the store is named r9zzz:rootfs"],
  ] as const)("%s, wanting %j, is %s", async ([text, want, code, message]) => {
    await expect(resolving(text, want)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });

  test.for([
    ["pyhton", "did you mean python:latest?"],
    ["python:3", "did you mean python:latest?"],
    ["something-else-altogether", "tplgraph artifacts ls"],
  ] as const)("%s hints: %s", async ([text, hint]) => {
    await expect(resolving(text, {})).rejects.toMatchObject({ hint: expect.stringContaining(hint) });
  });
});
