import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { planContext } from "../../../src/engine/plan/plan-context.ts";
import { memoryStore } from "../../../src/testing/memory-store.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tplgraph-test-"));
});
afterAll(() => rm(folder, { recursive: true }));

const DAY_MS = 86_400_000;

function context(now = Date.now() + 10_000, refresh = false, store = memoryStore({ now: () => now })) {
  return { store, plan: planContext({ folder, facts: store.facts, now: () => now, refresh }) };
}

it("asks once what a mutable name stands for, and again after its time or when told to", async () => {
  const { store, plan } = context(0);
  let asked = 0;
  const lookUp = async () => ++asked;
  expect(await plan.remember("archive", lookUp)).toBe(1);
  expect(await plan.remember("archive", lookUp)).toBe(1);
  expect(await context(DAY_MS - 1, false, store).plan.remember("archive", lookUp)).toBe(1);
  expect(await context(DAY_MS, false, store).plan.remember("archive", lookUp)).toBe(2);
  expect(await context(0, true, store).plan.remember("archive", lookUp)).toBe(3);
});

it("keeps the old answer when there is no new one to be had, unless it is told to refresh", async () => {
  const { store, plan } = context(0);
  await plan.remember("archive", async () => 1);
  const offline = () => Promise.reject(new Error("offline"));
  expect(await context(2 * DAY_MS, false, store).plan.remember("archive", offline)).toBe(1);
  await expect(context(0, true, store).plan.remember("archive", offline)).rejects.toThrow("offline");
});

it("sees a changed file although its size and modification time are the same", async () => {
  const { plan } = context();
  const path = join(folder, "script.sh");
  await writeFile(path, "one");
  const then = new Date(1_000_000_000_000);
  await utimes(path, then, then);
  const first = await plan.fileDigest("script.sh");
  await writeFile(path, "two");
  await utimes(path, then, then);
  expect((await plan.fileDigest("script.sh")).digest).not.toBe(first.digest);
});

it("does not remember a file that may still change within its clock's grain", async () => {
  const { store, plan } = context(Date.now());
  await writeFile(join(folder, "young"), "one");
  await plan.fileDigest("young");
  expect(await store.facts.get("file:young")).toBeUndefined();
});

it.each([
  ["missing", "file-not-found"],
  [".", "file-is-a-directory"],
])("says what is wrong with %s", async (path, code) => {
  await expect(context().plan.fileDigest(path)).rejects.toMatchObject({ code });
});
