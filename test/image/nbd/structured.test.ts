/** From proto.md, "Structured reply chunk message", "Structured reply types" and "Request types". */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { BlockDevice, Extent } from "../../../src/image/device.ts";
import { deviceError } from "../../../src/image/device-error.ts";
import { heldDevice, memoryDevice, zeroDevice } from "../../../src/testing/devices.ts";
import { seeded } from "../seeded.ts";
import type { Chunk, RawClient } from "./raw-client.ts";
import { type ServerFixture, startServer } from "./server-fixture.ts";

const READ = 0;
const WRITE = 1;
const BLOCK_STATUS = 7;
const DF = 4;
const REQ_ONE = 8;
const NONE = 0;
const OFFSET_DATA = 1;
const OFFSET_HOLE = 2;
const STATUS = 5;
const ERROR = 0x8001;
const EIO = 5;
const EINVAL = 22;
const EOVERFLOW = 75;

const KIB = 1024;
const SIZE = 1024 * KIB;

let fixture: ServerFixture;

beforeEach(async () => {
  fixture = await startServer();
});
afterEach(() => fixture[Symbol.asyncDispose]());

async function clientOf(device: BlockDevice, contexts: readonly string[] = []): Promise<RawClient> {
  fixture.server.addExport("disk", device);
  const client = await fixture.connect();
  await client.go("disk", { structured: true, contexts });
  return client;
}

/** What a read's content chunks say, laid out; fails where they overlap or leave something out. */
function assemble(chunks: readonly Chunk[], offset: number, length: number): Buffer {
  const content = Buffer.alloc(length);
  const covered = Buffer.alloc(length);
  for (const { type, payload } of chunks) {
    const at = Number(payload.readBigUInt64BE(0)) - offset;
    const bytes = type === OFFSET_HOLE ? payload.readUInt32BE(8) : payload.length - 8;
    expect([OFFSET_DATA, OFFSET_HOLE]).toContain(type);
    expect(covered.subarray(at, at + bytes).every((byte) => byte === 0)).toBe(true);
    covered.fill(1, at, at + bytes);
    if (type === OFFSET_DATA) payload.copy(content, at, 8);
  }
  expect(covered.every((byte) => byte === 1)).toBe(true);
  return content;
}

const typesOf = (chunks: readonly Chunk[]) => chunks.map(({ type }) => type);

describe("a structured read", () => {
  /** data 100 KiB | hole 300 KiB | data 100 KiB | hole 4 KiB | data 1 KiB | hole to the end */
  function holey(): Buffer {
    const content = Buffer.alloc(SIZE);
    content
      .fill(1, 0, 100 * KIB)
      .fill(2, 400 * KIB, 500 * KIB)
      .fill(3, 504 * KIB, 505 * KIB);
    return content;
  }

  test("has holes where nothing is, and the device is not asked for them", async () => {
    const device = memoryDevice(holey());
    let readBytes = 0;
    const client = await clientOf({
      ...device,
      read: (offset, length) => {
        readBytes += length;
        return device.read(offset, length);
      },
    });
    client.request({ type: READ, length: SIZE, cookie: 7 });
    const chunks = await client.chunks();
    expect(typesOf(chunks)).toEqual([OFFSET_DATA, OFFSET_HOLE, OFFSET_DATA, OFFSET_HOLE]);
    expect(chunks.every(({ cookie }) => cookie === 7)).toBe(true);
    expect(assemble(chunks, 0, SIZE).equals(holey())).toBe(true);
    expect(readBytes).toBe(205 * KIB);
  });

  test("shows the content, at any alignment", async () => {
    const content = holey();
    const client = await clientOf(memoryDevice(content));
    const random = seeded(3);
    for (let step = 0; step < 50; step++) {
      const offset = random.below(SIZE - 1);
      const length = 1 + random.below(SIZE - offset);
      client.request({ type: READ, offset, length });
      const read = assemble(await client.chunks(), offset, length);
      expect(read.equals(content.subarray(offset, offset + length))).toBe(true);
    }
  });

  test("with DF comes in one chunk", async () => {
    const client = await clientOf(memoryDevice(holey()));
    client.request({ type: READ, flags: DF, length: SIZE });
    expect(typesOf(await client.chunks())).toEqual([OFFSET_DATA]);
    client.request({ type: READ, flags: DF, offset: 200 * KIB, length: 100 * KIB });
    expect(typesOf(await client.chunks())).toEqual([OFFSET_HOLE]);
  });

  test("of nothing is well", async () => {
    const client = await clientOf(memoryDevice(Buffer.alloc(SIZE)));
    client.request({ type: READ, length: 0 });
    expect(typesOf(await client.chunks())).toEqual([NONE]);
  });

  test.each([
    ["too much", { length: 33 << 20 }, EOVERFLOW],
    ["what is past the end", { length: SIZE + 1 }, EINVAL],
    ["something with a flag that it has not", { length: 1, flags: REQ_ONE }, EINVAL],
  ])("of %s is an error chunk", async (_, request, error) => {
    const client = await clientOf(memoryDevice(Buffer.alloc(SIZE)));
    client.request({ type: READ, ...request });
    const chunks = await client.chunks();
    expect(typesOf(chunks)).toEqual([ERROR]);
    expect(chunks[0]!.payload.readUInt32BE(0)).toBe(error);
  });

  test("that the device rejects says why", async () => {
    const message = `${"é".repeat(5000)} the end`;
    const client = await clientOf({
      ...zeroDevice(SIZE),
      read: async () => {
        throw deviceError("EIO", message);
      },
    });
    client.request({ type: READ, length: 10, cookie: 5 });
    const { type, cookie, payload } = await client.chunk();
    expect([type, cookie, payload.readUInt32BE(0)]).toEqual([ERROR, 5, EIO]);
    const length = payload.readUInt16BE(4);
    expect(length).toBe(payload.length - 6);
    expect(length).toBeLessThanOrEqual(4096);
    expect(message.startsWith(payload.toString("utf8", 6))).toBe(true);
  });

  test("fails as a whole, when no part of it runs any more", async () => {
    const memory = memoryDevice(holey());
    const held = heldDevice(memory);
    const client = await clientOf({ ...held, extents: (...range) => memory.extents!(...range) });
    client.request({ type: READ, length: SIZE });
    await held.hasWaiting(2);
    held.waiting[0]!.fail(deviceError("EIO", "gone"));
    const removing = fixture.server.removeExport("disk").then(() => held.waiting.length);
    held.waiting[0]!.go();
    expect(await removing).toBe(0);
    expect(typesOf(await client.chunks())).toEqual([ERROR]);
  });

  test("that is slow delays no other", async () => {
    const held = heldDevice(zeroDevice(SIZE));
    const client = await clientOf(held);
    client.request({ type: READ, length: 10, cookie: 1 });
    client.request({ type: READ, length: 10, cookie: 2 });
    await held.hasWaiting(2);
    held.waiting[1]!.go();
    expect((await client.chunk()).cookie).toBe(2);
    held.waiting[0]!.go();
    expect((await client.chunk()).cookie).toBe(1);
  });
});

describe("block status", () => {
  const BOTH = ["base:allocation", "x-tplgraph:dirty"];
  const HOLE_ZERO = 3;
  const DIRTY = 1;

  /** data 100 | dirty data 50 | hole 200 | dirty hole 30 | data to the end */
  const EXTENTS: Extent[] = [
    { lengthBytes: 100, kind: "data", dirty: false },
    { lengthBytes: 50, kind: "data", dirty: true },
    { lengthBytes: 200, kind: "hole", dirty: false },
    { lengthBytes: 30, kind: "hole", dirty: true },
    { lengthBytes: SIZE - 380, kind: "data", dirty: false },
  ];

  function device(): BlockDevice {
    return {
      ...zeroDevice(SIZE),
      *extents(offset, length) {
        let start = 0;
        for (const extent of EXTENTS) {
          const from = Math.max(start, offset);
          start += extent.lengthBytes;
          const to = Math.min(start, offset + length);
          if (from < to) yield { ...extent, lengthBytes: to - from };
        }
      },
    };
  }

  /** By the id of the context: lengths and flags in turn. */
  async function status(client: RawClient): Promise<number[][]> {
    const told: number[][] = [];
    for (const { type, payload } of await client.chunks()) {
      expect(type).toBe(STATUS);
      const values = Array.from({ length: payload.length / 4 - 1 }, (_, at) =>
        payload.readUInt32BE(4 + at * 4),
      );
      told[payload.readUInt32BE(0)] = values;
    }
    return told;
  }

  test("tells what is a hole and what is dirty, each context for itself", async () => {
    const client = await clientOf(device(), BOTH);
    client.request({ type: BLOCK_STATUS, offset: 10, length: 400 });
    expect(await status(client)).toEqual([
      undefined,
      [140, 0, 230, HOLE_ZERO, 30, 0],
      [90, 0, 50, DIRTY, 200, 0, 30, DIRTY, 30, 0],
    ]);
  });

  test("with REQ_ONE tells one extent a context, within the range", async () => {
    const client = await clientOf(device(), BOTH);
    client.request({ type: BLOCK_STATUS, flags: REQ_ONE, offset: 10, length: 400 });
    expect(await status(client)).toEqual([undefined, [140, 0], [90, 0]]);
    client.request({ type: BLOCK_STATUS, flags: REQ_ONE, offset: 10, length: 20 });
    expect(await status(client)).toEqual([undefined, [20, 0], [20, 0]]);
  });

  test("is about the selected context alone", async () => {
    const client = await clientOf(device(), ["x-tplgraph:dirty"]);
    client.request({ type: BLOCK_STATUS, length: 120 });
    expect(await status(client)).toEqual([undefined, undefined, [100, 0, 20, DIRTY]]);
  });

  test("of a device that tells nothing is all data", async () => {
    const client = await clientOf(zeroDevice(2 ** 33), BOTH);
    client.request({ type: BLOCK_STATUS, length: 0xffffffff });
    expect(await status(client)).toEqual([undefined, [0xffffffff, 0], [0xffffffff, DIRTY]]);
  });

  test("stops where a reply becomes long, and goes on from there", async () => {
    const client = await clientOf(
      {
        ...zeroDevice(SIZE),
        *extents(offset, length) {
          for (let at = offset; at < offset + length; at++) {
            yield { lengthBytes: 1, kind: at % 2 === 0 ? "data" : "hole", dirty: false };
          }
        },
      },
      ["base:allocation"],
    );
    let at = 0;
    while (at < 100_000) {
      client.request({ type: BLOCK_STATUS, offset: at, length: 100_000 - at });
      const [, told] = await status(client);
      expect(told!.length).toBeLessThanOrEqual(2 << 20);
      for (let place = 0; place < told!.length; place += 2) at += told![place]!;
    }
    expect(at).toBe(100_000);
  });

  test.each([
    ["past the end", { length: SIZE + 1 }],
    ["of nothing", { length: 0 }],
    ["with DF", { length: 1, flags: DF }],
  ])("%s is refused", async (_, request) => {
    const client = await clientOf(device(), BOTH);
    client.request({ type: BLOCK_STATUS, ...request });
    const { type, payload } = await client.chunk();
    expect([type, payload.readUInt32BE(0)]).toEqual([ERROR, EINVAL]);
  });

  test("is refused without a context, and with those of another export", async () => {
    const without = await clientOf(device());
    fixture.server.addExport("other", zeroDevice(10));
    const client = await fixture.connect();
    await client.greet();
    await client.option(8);
    await client.selectContexts("other", BOTH);
    await client.choose("disk");
    for (const asking of [without, client]) {
      asking.request({ type: BLOCK_STATUS, length: 1 });
      expect((await asking.chunk()).payload.readUInt32BE(0)).toBe(EINVAL);
    }
  });

  test("is refused after a selection that failed", async () => {
    fixture.server.addExport("disk", device());
    const client = await fixture.connect();
    await client.greet();
    await client.option(8);
    await client.selectContexts("disk", BOTH);
    await client.option(10, Buffer.alloc(0));
    await client.choose("disk");
    client.request({ type: BLOCK_STATUS, length: 1 });
    expect((await client.chunk()).payload.readUInt32BE(0)).toBe(EINVAL);
  });
});

test("a change is answered in short also where structured replies were negotiated", async () => {
  const client = await clientOf(memoryDevice(Buffer.alloc(SIZE)));
  client.request({ type: WRITE, payload: Buffer.from("abc"), cookie: 4 });
  expect(await client.reply()).toMatchObject({ error: 0, cookie: 4 });
});
