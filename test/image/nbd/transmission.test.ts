/** From proto.md, "Transmission", "Request types" and "Error values". */
import { stat } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { BlockDevice } from "../../../src/image/device.ts";
import { deviceError } from "../../../src/image/device-error.ts";
import { heldDevice, memoryDevice, zeroDevice } from "../../../src/testing/devices.ts";
import { seeded } from "../seeded.ts";
import { infoRequest, optionFrame, requestFrame, u32 } from "./raw-client.ts";
import { type ServerFixture, startServer } from "./server-fixture.ts";

const READ = 0;
const WRITE = 1;
const DISC = 2;
const FLUSH = 3;
const TRIM = 4;
const CACHE = 5;
const WRITE_ZEROES = 6;
const BLOCK_STATUS = 7;
const FUA = 1;
const NO_HOLE = 2;
const FAST_ZERO = 16;
const EPERM = 1;
const EIO = 5;
const EINVAL = 22;
const ENOSPC = 28;
const EOVERFLOW = 75;
const ENOTSUP = 95;
const ESHUTDOWN = 108;

const SIZE = 10_000;

let fixture: ServerFixture;

beforeEach(async () => {
  fixture = await startServer();
});
afterEach(() => fixture[Symbol.asyncDispose]());

async function clientOf(device: BlockDevice, name = "disk") {
  fixture.server.addExport(name, device);
  const client = await fixture.connect();
  await client.go(name);
  return client;
}

describe("requests", () => {
  test("read, write, zero and trim what they say, at any alignment", async () => {
    const random = seeded(1);
    const content = random.bytes(SIZE);
    const model = Buffer.from(content);
    const client = await clientOf(memoryDevice(content));
    for (let step = 0; step < 300; step++) {
      const offset = random.below(SIZE);
      const length = random.below(SIZE - offset + 1);
      const type = [READ, WRITE, TRIM, WRITE_ZEROES, CACHE][random.below(5)]!;
      const payload = type === WRITE ? random.bytes(length) : undefined;
      client.request({ type, offset, length, cookie: step, ...(payload && { payload }) });
      const reply = await client.reply(type === READ ? length : 0);
      expect(reply).toMatchObject({ error: 0, cookie: step });
      if (type === READ) expect(reply.data.equals(model.subarray(offset, offset + length))).toBe(true);
      if (type === WRITE) payload!.copy(model, offset);
      if (type === TRIM || type === WRITE_ZEROES) model.fill(0, offset, offset + length);
    }
    expect(content.equals(model)).toBe(true);
  });

  test.each([
    ["a read past the end", { type: READ, offset: SIZE - 1, length: 2 }, EINVAL],
    ["a read at 2^64-1", { type: READ, offset: 2n ** 64n - 1n, length: 1 }, EINVAL],
    ["a read of more than 32 MiB", { type: READ, length: (32 << 20) + 1 }, EOVERFLOW],
    ["a write past the end", { type: WRITE, offset: SIZE, payload: Buffer.from("x") }, ENOSPC],
    ["zeroes past the end", { type: WRITE_ZEROES, offset: 1, length: SIZE }, ENOSPC],
    ["a trim past the end", { type: TRIM, length: 0xffffffff }, EINVAL],
    ["a cache request past the end", { type: CACHE, length: SIZE + 1 }, EINVAL],
    ["a flush of a range", { type: FLUSH, length: 1 }, EINVAL],
    ["a block status that was not negotiated", { type: BLOCK_STATUS, length: 1 }, EINVAL],
    ["an unknown request", { type: 999 }, EINVAL],
    ["an unknown flag", { type: READ, flags: 128, length: 1 }, EINVAL],
    ["DF without structured replies", { type: READ, flags: 4, length: 1 }, EINVAL],
    ["NO_HOLE on a trim", { type: TRIM, flags: NO_HOLE, length: 1 }, EINVAL],
    ["FAST_ZERO of what is slow to zero", { type: WRITE_ZEROES, flags: FAST_ZERO, length: 1 }, ENOTSUP],
    [
      "FAST_ZERO where storage is kept",
      { type: WRITE_ZEROES, flags: FAST_ZERO | NO_HOLE, length: 512 },
      ENOTSUP,
    ],
    ["FAST_ZERO of what is fast to zero", { type: WRITE_ZEROES, flags: FAST_ZERO, length: 512 }, 0],
    ["FAST_ZERO past the end", { type: WRITE_ZEROES, flags: FAST_ZERO, length: 512 * 50 }, ENOSPC],
    ["FAST_ZERO on a write", { type: WRITE, flags: FAST_ZERO, payload: Buffer.from("x") }, EINVAL],
    ["an unknown flag on a write", { type: WRITE, flags: 128, payload: Buffer.from("x") }, EINVAL],
    ["NO_HOLE on zeroes", { type: WRITE_ZEROES, flags: NO_HOLE | FUA, length: SIZE }, 0],
    ["a write up to the end", { type: WRITE, offset: SIZE - 1, payload: Buffer.from("x") }, 0],
    ["a trim of nothing", { type: TRIM, offset: SIZE }, 0],
    ["FUA where it changes nothing", { type: FLUSH, flags: FUA }, 0],
  ])("%s is answered with its error value, and the next request is served", async (_, request, error) => {
    const client = await clientOf(memoryDevice(Buffer.alloc(SIZE)));
    client.request({ ...request, cookie: 1 });
    expect(await client.reply()).toMatchObject({ error, cookie: 1 });
    client.request({ type: READ, length: 4, cookie: 2 });
    expect(await client.reply(4)).toMatchObject({ error: 0, cookie: 2 });
  });

  test("that change a read-only export are refused with EPERM", async () => {
    const client = await clientOf(memoryDevice(Buffer.alloc(SIZE), { readOnly: true }));
    client.request({ type: WRITE, payload: Buffer.from("xyz") });
    client.request({ type: TRIM, length: 1 });
    client.request({ type: WRITE_ZEROES, length: 1 });
    client.request({ type: READ, length: 1 });
    const errors = [await client.reply(), await client.reply(), await client.reply(), await client.reply(1)];
    expect(errors.map(({ error }) => error)).toEqual([EPERM, EPERM, EPERM, 0]);
  });

  test.each([
    ["EIO", EIO],
    ["ENOSPC", ENOSPC],
    ["EPERM", EPERM],
  ] as const)("that the device rejects with %s fail alone, with a line in the log", async (code, error) => {
    const device: BlockDevice = {
      ...zeroDevice(SIZE),
      write: async () => {
        throw deviceError(code, "the disk is ill");
      },
    };
    const client = await clientOf(device);
    client.request({ type: WRITE, payload: Buffer.from("xyz"), offset: 5 });
    expect((await client.reply()).error).toBe(error);
    client.request({ type: READ, length: 1 });
    expect((await client.reply(1)).error).toBe(0);
    expect(fixture.log).toEqual(["client 1: request 1 at 5, 3 bytes: the disk is ill"]);
  });

  test("are answered in the order in which the device settles them", async () => {
    const device = heldDevice(zeroDevice(SIZE));
    const client = await clientOf(device);
    for (const cookie of [1, 2, 3]) client.request({ type: READ, length: cookie, cookie });
    await device.hasWaiting(3);
    device.waiting[2]!.go();
    expect((await client.reply(3)).cookie).toBe(3);
    device.waiting[0]!.go();
    expect((await client.reply(1)).cookie).toBe(1);
    device.waiting[0]!.go();
    expect((await client.reply(2)).cookie).toBe(2);
  });

  test("zero with NO_HOLE by writing, so that storage is kept", async () => {
    const device = heldDevice(zeroDevice(5 << 20));
    const client = await clientOf(device);
    client.request({ type: WRITE_ZEROES, flags: NO_HOLE | FUA, offset: 100, length: (2 << 20) + 1 });
    const calls: [string, number, number][] = [];
    for (let count = 0; count < 4; count++) {
      await device.hasWaiting(1);
      const { call, offset, length, go } = device.waiting[0]!;
      calls.push([call, offset, length]);
      go();
    }
    expect((await client.reply()).error).toBe(0);
    expect(calls).toEqual([
      ["write", 100, 1 << 20],
      ["write", 100 + (1 << 20), 1 << 20],
      ["write", 100 + (2 << 20), 1],
      ["flush", 0, 0],
    ]);
  });

  test.each([WRITE, TRIM, WRITE_ZEROES])(
    "of type %i with FUA are answered after a flush that follows them",
    async (type) => {
      const device = heldDevice(zeroDevice(SIZE));
      const client = await clientOf(device);
      client.request({ type, flags: FUA, length: 4, ...(type === WRITE && { payload: Buffer.alloc(4) }) });
      await device.hasWaiting(1);
      expect(device.waiting[0]!.call).not.toBe("flush");
      device.waiting[0]!.go();
      await device.hasWaiting(1);
      expect(device.waiting.map(({ call }) => call)).toEqual(["flush"]);
      device.waiting[0]!.fail(deviceError("EIO", "lost"));
      expect((await client.reply()).error).toBe(EIO);
    },
  );

  test("past what may be in flight wait until replies have left", async () => {
    const device = heldDevice(zeroDevice(1 << 20));
    const client = await clientOf(device);
    const requests = Array.from({ length: 100 }, (_, cookie) =>
      requestFrame({ type: READ, length: 1 << 20, cookie }),
    );
    client.send(...requests);
    await device.hasWaiting(16);
    expect(device.waiting).toHaveLength(16);
    const cookies = new Set<number>();
    for (let count = 0; count < 100; count++) {
      await device.hasWaiting(1);
      expect(device.waiting.length).toBeLessThanOrEqual(16);
      device.waiting[0]!.go();
      cookies.add((await client.reply(1 << 20)).cookie);
    }
    expect(cookies.size).toBe(100);
  });
});

describe("what a client makes the server hold", () => {
  test.each([
    // Those in flight, and what the socket took of them.
    ["that take time", countingDevice, 20],
    // The one that waits to be sent, and what the socket took of others before it.
    ["that are had at once", countingDeviceAtOnce, 3],
  ])("is bounded where it takes no replies to reads %s", async (_, deviceOf, most) => {
    const device = deviceOf(1 << 20);
    const client = await clientOf(device);
    client.socket.pause();
    client.send(
      ...Array.from({ length: 2000 }, (_, cookie) => requestFrame({ type: READ, length: 1 << 20, cookie })),
    );
    const other = await fixture.connect();
    await other.go("disk");
    for (let turn = 0; turn < 50; turn++) {
      other.request({ type: READ, length: 1 });
      await other.reply(1);
    }
    expect(device.calls - 50).toBeGreaterThan(0);
    expect(device.calls - 50).toBeLessThanOrEqual(most);
  });

  test("is bounded where it sends payloads that are never whole, and they cost the others nothing", async () => {
    const device = countingDevice(64 << 20);
    const clients = [await clientOf(device)];
    for (let count = 0; count < 20; count++) {
      const client = await fixture.connect();
      await client.go("disk");
      clients.push(client);
    }
    const before = process.memoryUsage().rss;
    for (const client of clients.slice(1))
      client.request({ type: WRITE, length: 32 << 20, payload: Buffer.alloc(1) });
    clients[0]!.request({ type: READ, length: 1 });
    expect((await clients[0]!.reply(1)).error).toBe(0);
    expect(process.memoryUsage().rss - before).toBeLessThan(200 << 20);
    expect(device.calls).toBe(1);
  });

  test("is bounded where payloads come byte by byte", async () => {
    const content = Buffer.alloc(SIZE);
    const client = await clientOf(memoryDevice(content));
    client.socket.setNoDelay(true);
    const payload = seeded(3).bytes(300);
    client.request({ type: WRITE, length: 300, payload: Buffer.alloc(0) });
    for (const byte of payload) {
      client.send(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await client.reply()).error).toBe(0);
    expect(content.subarray(0, 300).equals(payload)).toBe(true);
  });
});

/** Reads zeros, and counts how often. */
function countingDeviceAtOnce(sizeBytes: number): BlockDevice & { calls: number } {
  const device = {
    ...zeroDevice(sizeBytes),
    calls: 0,
    readInto(_offset: number, into: Buffer) {
      device.calls++;
      into.fill(0);
      return undefined;
    },
  };
  return device;
}

function countingDevice(sizeBytes: number): BlockDevice & { calls: number } {
  const device = {
    ...zeroDevice(sizeBytes),
    calls: 0,
    async read(_offset: number, length: number) {
      device.calls++;
      return Buffer.alloc(length);
    },
  };
  return device;
}

describe("a connection", () => {
  test("that sends something else than a request is dropped with a logged reason, and no other", async () => {
    const other = await clientOf(zeroDevice(SIZE));
    const client = await fixture.connect();
    await client.go("disk");
    client.send(Buffer.alloc(28, 0xee));
    await client.takeRest();
    const tooBig = await fixture.connect();
    await tooBig.go("disk");
    tooBig.request({ type: WRITE, length: 0xffffffff });
    await tooBig.takeRest();
    expect(fixture.log).toEqual([
      "client 2: connection dropped: a request without its magic",
      "client 3: connection dropped: a write of 4294967295 bytes, where 33554432 are allowed",
    ]);
    other.request({ type: READ, length: 1 });
    expect((await other.reply(1)).error).toBe(0);
  });

  test.each(["a disconnect request", "an end of its side"])(
    "gets the replies that are due after %s",
    async (how) => {
      const device = heldDevice(zeroDevice(SIZE));
      const client = await clientOf(device);
      client.request({ type: READ, length: 5, cookie: 1 });
      await device.hasWaiting(1);
      if (how === "a disconnect request") {
        client.request({ type: DISC });
        client.request({ type: READ, length: 5, cookie: 2 });
      } else {
        client.socket.end();
      }
      device.waiting[0]!.go();
      expect((await client.reply(5)).cookie).toBe(1);
      expect(await client.takeRest()).toHaveLength(0);
    },
  );

  test("may go away at any time, and the server goes on", async () => {
    const device = heldDevice(zeroDevice(1 << 20));
    const client = await clientOf(device);
    for (let cookie = 0; cookie < 5; cookie++) client.request({ type: READ, length: 1 << 20, cookie });
    await device.hasWaiting(5);
    client.socket.destroy();
    for (const call of [...device.waiting]) call.go();
    const other = await fixture.connect();
    await other.go("disk");
    other.request({ type: READ, length: 1 });
    await device.hasWaiting(1);
    device.waiting.at(-1)!.go();
    expect((await other.reply(1)).error).toBe(0);
  });

  test("of random bytes never harms the server", async () => {
    const survivor = await clientOf(memoryDevice(Buffer.alloc(SIZE)));
    const random = seeded(2);
    const beginnings = [
      Buffer.alloc(0),
      u32(3),
      Buffer.concat([u32(3), optionFrame(7, Buffer.alloc(0))]),
      Buffer.concat([u32(3), optionFrame(7, infoRequest("disk"))]),
    ];
    for (let round = 0; round < 200; round++) {
      const client = await fixture.connect();
      const frame = requestFrame({
        type: random.below(9),
        offset: random.below(2 * SIZE),
        length: random.below(200),
      });
      const noise = random.bytes(random.below(300));
      client.send(beginnings[random.below(4)]!, random.below(2) === 0 ? frame : Buffer.alloc(0), noise);
      client.socket.end();
      await client.takeRest();
    }
    survivor.request({ type: FLUSH });
    expect((await survivor.reply()).error).toBe(0);
  });
});

describe("removing an export", () => {
  test("waits for the requests that its device has, disconnects its clients, and leaves other exports alone", async () => {
    const device = heldDevice(zeroDevice(SIZE));
    const client = await clientOf(device);
    const other = await clientOf(zeroDevice(SIZE), "other");
    client.request({ type: READ, length: 5, cookie: 1 });
    client.request({ type: WRITE, length: 5000, payload: Buffer.alloc(10) });
    await device.hasWaiting(1);
    const late = await fixture.connect();
    let removed = false;
    const removing = fixture.server.removeExport("disk").then(() => {
      removed = true;
    });
    await expect(late.go("disk")).rejects.toThrow();
    expect(removed).toBe(false);
    client.send(Buffer.alloc(4990));
    client.request({ type: READ, length: 5, cookie: 2 });
    expect(await client.reply()).toMatchObject({ error: ESHUTDOWN, cookie: 0 });
    expect(await client.reply()).toMatchObject({ error: ESHUTDOWN, cookie: 2 });
    device.waiting[0]!.go();
    await removing;
    expect((await client.reply(5)).cookie).toBe(1);
    expect(await client.takeRest()).toHaveLength(0);
    other.request({ type: READ, length: 1 });
    expect((await other.reply(1)).error).toBe(0);
  });

  test("lets the name be used again", async () => {
    await clientOf(zeroDevice(SIZE));
    await fixture.server.removeExport("disk");
    await fixture.server.removeExport("disk");
    const client = await clientOf(memoryDevice(Buffer.from("second")));
    client.request({ type: READ, length: 6 });
    expect((await client.reply(6)).data.toString()).toBe("second");
  });
});

test("closing the server disconnects everyone and removes the socket", async () => {
  const client = await clientOf(zeroDevice(SIZE));
  const negotiating = await fixture.connect();
  await negotiating.greet();
  await fixture.server.close();
  await client.takeRest();
  await negotiating.takeRest();
  await expect(stat(fixture.socketPath)).rejects.toMatchObject({ code: "ENOENT" });
  await fixture.server.close();
});
