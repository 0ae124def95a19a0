/** Records in redis, by a real server on a free port. */
import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { CacheRecord } from "../../../src/engine/run/record.ts";
import { sharedRecords } from "../../../src/store/records/shared.ts";

let server: ChildProcess;
let port: number;

beforeAll(async () => {
  port = await freePort();
  server = spawn("redis-server", [
    "--port",
    String(port),
    "--bind",
    "127.0.0.1",
    "--save",
    "",
    "--requirepass",
    "secret",
  ]);
  await new Promise<void>((resolve, reject) => {
    server.on("error", reject);
    server.stdout!.on("data", (text: Buffer) => text.includes("Ready to accept") && resolve());
  });
});
afterAll(async () => {
  const ended = new Promise((resolve) => server.on("exit", resolve));
  server.kill("SIGKILL");
  await ended;
});

const record: CacheRecord = {
  schema: "tplgraph.record/1",
  ...{ key: "ab".repeat(32), preimage: { text: "Ünïcode" }, outputs: {}, seconds: 1 },
  ...{ run: "r1", node: "made", host: "here", at: "2026-01-01T00:00:00.000Z" },
};

test("what one puts another gets", async () => {
  const url = `redis://:secret@127.0.0.1:${port}/1`;
  const [first, second] = [await sharedRecords({ redis: url }), await sharedRecords({ redis: url })];
  expect(await second.get(record.key)).toBeUndefined();
  await first.put(record);
  expect(await second.get(record.key)).toEqual(record);
  first.close();
  second.close();
});

test("a wrong password is told as what it is, without the password", async () => {
  const records = await sharedRecords({ redis: `redis://:wrong@127.0.0.1:${port}` });
  const error = await records.get(record.key).catch((e: unknown) => e);
  expect(error).toMatchObject({ code: "store-refused", message: expect.stringContaining("WRONGPASS") });
  expect(String(error)).not.toContain("wrong@");
  records.close();
});

test("a server that is away is unreachable, at once and again", async () => {
  const records = await sharedRecords({ redis: `redis://127.0.0.1:${await freePort()}` });
  for (let i = 0; i < 2; i++)
    await expect(records.get(record.key)).rejects.toMatchObject({ code: "store-unreachable" });
  records.close();
});

async function freePort(): Promise<number> {
  const listening = createServer();
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  const { port: free } = listening.address() as { port: number };
  await new Promise((resolve) => listening.close(resolve));
  return free;
}
