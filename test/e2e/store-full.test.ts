/** A store on a file system of 2 MiB that fills up: what was there stays whole, and the error says what to do. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Digest } from "../../src/engine/artifact.ts";
import { openStore, type Store } from "../../src/store/store.ts";

function smallFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "tplgraph-full-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", folder]);
  onTestFinished(() => {
    execFileSync("umount", [folder]);
    rmSync(folder, { recursive: true });
  });
  return folder;
}

async function fill(store: Store): Promise<Digest[]> {
  const put: Digest[] = [];
  try {
    for (;;) put.push(await store.putBlob(randomBytes(64 * 1024)));
  } catch (error) {
    expect(error).toMatchObject({ code: "store-full", hint: expect.any(String) });
    return put;
  }
}

test("a full disk is an error that says so, and leaves the store whole", async () => {
  const path = smallFolder();
  await using store = await openStore({ path });
  const outputs = {};
  const about = { seconds: 0, run: "r1", node: "disk", host: "here", at: "" };
  await store.records.put({ schema: "tplgraph.record/1", key: "before", preimage: {}, outputs, ...about });

  const put = await fill(store);
  expect(put.length).toBeGreaterThan(5);
  expect(readdirSync(join(path, "tmp"))).toEqual([]);
  const large = "x".repeat(1024 * 1024);
  const record = { schema: "tplgraph.record/1" as const, key: "after", preimage: large, outputs, ...about };
  await expect(store.records.put(record)).rejects.toMatchObject({ code: "store-full" });

  expect(await store.verify()).toMatchObject({ blobs: put.length, damaged: [] });
  expect(await store.records.get("before")).toMatchObject({ node: "disk" });
  expect(await store.records.get("after")).toBeUndefined();
  for (const digest of put) await store.blobs.remove(digest);
  await store.blobs.reclaim?.();
  await store.records.put({ ...record, preimage: "small" });
  expect(await store.records.get("after")).toMatchObject({ preimage: "small" });
});
