import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openStore } from "../../src/store/store.ts";
import { scratchFolder } from "./scratch.ts";

const FIXTURE = join(import.meta.dirname, "writer.fixture.ts");

function startWriter(path: string, name: string, rounds: number): ChildProcess {
  const child = spawn(process.execPath, [FIXTURE, path, name, String(rounds)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

test("two processes make and fill one store at once, and lose nothing", async () => {
  const path = join(scratchFolder(), "store");
  const writers = ["a", "b", "c"].map((name) => startWriter(path, name, 20));
  for (const writer of writers) writer.stdout!.resume();
  const exits = await Promise.all(writers.map((writer) => once(writer, "exit")));
  expect(exits.map(([code]) => code)).toEqual([0, 0, 0]);

  await using store = await openStore({ path });
  for (const name of ["a", "b", "c"]) {
    const records = await store.records.getMany(Array.from({ length: 20 }, (_, round) => `${name}${round}`));
    expect(records.every((record) => record?.node === name)).toBe(true);
    expect(await store.records.lastKey("t.yaml", name)).toBe(`${name}19`);
    expect(await store.facts.get(`round of ${name}`)).toMatchObject({ value: 19 });
  }
  expect(await store.verify()).toMatchObject({ blobs: 100, damaged: [], broken: [] });
  expect(readdirSync(join(path, "tmp"))).toEqual([]);
});

test("a writer killed at any moment leaves a store that is whole", async () => {
  const path = join(scratchFolder(), "store");
  for (let attempt = 0; attempt < 5; attempt++) {
    const writer = startWriter(path, `w${attempt}`, 1_000_000);
    // Another moment each time: after so many pieces of its output.
    for (let pieces = 0; pieces <= attempt * 3; pieces++) await once(writer.stdout!, "data");
    writer.kill("SIGKILL");
    await once(writer, "exit");

    await using store = await openStore({ path });
    expect(await store.verify()).toMatchObject({ damaged: [], broken: [] });
    const { outputs } = (await store.refs.get("latest-writer"))!;
    for (const artifact of Object.values(outputs)) expect(await store.has(artifact)).toBe("present");
    const writers = new Set<string>();
    for await (const { node } of store.records.list()) writers.add(node);
    expect(writers).toContain(`w${attempt}`);
  }
});
