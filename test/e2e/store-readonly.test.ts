/** A store that root wrote, read by a user who may write nowhere: how a cached run works without root. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openStore } from "../../src/store/store.ts";

const NOBODY = 65534;
const WRITER = join(import.meta.dirname, "../store/writer.fixture.ts");
const READER = join(import.meta.dirname, "../store/reader.fixture.ts");

function storeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "tplgraph-readonly-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  return join(folder, "store");
}

/** What the reader saw of `keys`; it fails when it could write anything. */
function readAsNobody(path: string, keys: string[]): unknown {
  const options = { uid: NOBODY, gid: NOBODY, encoding: "utf8", env: { HOME: "/nonexistent" } } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [READER, path, ...keys], options);
  expect(stderr).toBe("");
  expect(status).toBe(0);
  return JSON.parse(stdout);
}

const seen = { readOnly: true, facts: 1, presence: ["present", "present", "present"], broken: 0 };

test("a store that nobody has open is read", () => {
  const path = storeFolder();
  execFileSync(process.execPath, [WRITER, path, "a", "2"]);
  const before = readdirSync(path, { recursive: true }).sort();
  expect(readAsNobody(path, ["a1"])).toEqual(seen);
  expect(readdirSync(path, { recursive: true }).sort()).toEqual(before);
});

test("a store that its owner is writing is read as it is now", async () => {
  const path = storeFolder();
  execFileSync(process.execPath, [WRITER, path, "a", "1"]);
  await using store = await openStore({ path });
  const about = { seconds: 0, run: "r1", node: "disk", host: "here", at: "" };
  const outputs = (await store.records.get("a0"))!.outputs;
  await store.records.put({ schema: "tplgraph.record/1", key: "new", preimage: {}, outputs, ...about });
  await store.facts.set("round of a", 1);
  expect(readAsNobody(path, ["new"])).toEqual(seen);
});

test("a store whose writer was killed is read with its last records", async () => {
  const path = storeFolder();
  execFileSync(process.execPath, [WRITER, path, "a", "2", "die"]);
  expect(readdirSync(path)).toContain("records.sqlite-wal");
  expect(readAsNobody(path, ["a1"])).toEqual(seen);
});

test("one that may not be read, or not be made, is an error that says so", () => {
  const path = storeFolder();
  execFileSync(process.execPath, [WRITER, path, "a", "1"]);
  chmodSync(path, 0o700);
  expect(readAsNobody(path, [])).toEqual({ code: "store-no-permission" });
  expect(readAsNobody(`${path}-new`, [])).toEqual({ code: "store-no-permission" });
});
