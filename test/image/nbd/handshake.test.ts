/** From proto.md, "Fixed newstyle negotiation", "Option types" and "Option reply types". */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { NbdServer } from "../../../src/image/nbd/server.ts";
import { heldDevice, memoryDevice, zeroDevice } from "../../../src/testing/devices.ts";
import { infoRequest, metaContextQuery, optionFrame, RawClient, requestFrame, u32 } from "./raw-client.ts";
import { type ServerFixture, startServer } from "./server-fixture.ts";

const EXPORT_NAME = 1;
const ABORT = 2;
const LIST = 3;
const INFO = 6;
const GO = 7;
const STRUCTURED_REPLY = 8;
const LIST_META_CONTEXT = 9;
const SET_META_CONTEXT = 10;
const META_CONTEXT = 4;
const ACK = 1;
const SERVER = 2;
const REP_INFO = 3;
const ERR_UNSUP = 0x80000001;
const ERR_INVALID = 0x80000003;
const ERR_UNKNOWN = 0x80000006;
const ERR_SHUTDOWN = 0x80000007;
const ERR_TOO_BIG = 0x80000009;

/** HAS_FLAGS, SEND_FLUSH, SEND_FUA, SEND_TRIM, SEND_WRITE_ZEROES, CAN_MULTI_CONN, SEND_CACHE, SEND_FAST_ZERO. */
const WRITABLE_FLAGS = 0b1101_0110_1101;
/** HAS_FLAGS, READ_ONLY, SEND_FLUSH, SEND_FUA, CAN_MULTI_CONN, SEND_CACHE. */
const READ_ONLY_FLAGS = 0b101_0000_1111;
const SEND_DF = 0b1000_0000;

let fixture: ServerFixture;

beforeEach(async () => {
  fixture = await startServer();
  fixture.server.addExport("disk", zeroDevice(5_000_000_000));
  fixture.server.addExport("Größe", memoryDevice(Buffer.alloc(1000), { readOnly: true }));
});
afterEach(() => fixture[Symbol.asyncDispose]());

describe("the handshake", () => {
  test("begins with the two magics and fixed newstyle without zeroes", async () => {
    const client = await fixture.connect();
    expect((await client.take(18)).toString("latin1")).toBe("NBDMAGICIHAVEOPT\0\x03");
  });

  test("NBD_OPT_GO tells size and flags, the block sizes where asked, and begins transmission", async () => {
    const client = await fixture.connect();
    await client.greet();
    const exportInfo = await client.option(GO, infoRequest("disk", [3, 99]));
    expect(exportInfo.type).toBe(REP_INFO);
    expect(exportInfo.data.readUInt16BE(0)).toBe(0);
    expect(exportInfo.data.readBigUInt64BE(2)).toBe(5_000_000_000n);
    expect(exportInfo.data.readUInt16BE(10)).toBe(WRITABLE_FLAGS);
    const blockSizes = await client.optionReply();
    expect(blockSizes.data).toEqual(Buffer.concat([Buffer.from([0, 3]), u32(1), u32(4096), u32(32 << 20)]));
    expect((await client.optionReply()).type).toBe(ACK);
    client.request({ type: 0, length: 3, cookie: 9 });
    expect(await client.reply(3)).toEqual({ error: 0, cookie: 9, data: Buffer.alloc(3) });
  });

  test("NBD_OPT_INFO tells the same and goes on negotiating", async () => {
    const client = await fixture.connect();
    await client.greet();
    const info = await client.option(INFO, infoRequest("Größe"));
    expect(info.data.readUInt16BE(10)).toBe(READ_ONLY_FLAGS);
    expect((await client.optionReply()).type).toBe(ACK);
    expect((await client.option(INFO, infoRequest("none"))).type).toBe(ERR_UNKNOWN);
    expect((await client.option(GO, infoRequest("none"))).type).toBe(ERR_UNKNOWN);
    expect((await client.option(GO, infoRequest("disk"))).type).toBe(REP_INFO);
  });

  test("tells an export's description, in the list and where it is asked for", async () => {
    fixture.server.addExport("told", zeroDevice(1), { description: "Wörter" });
    const client = await fixture.connect();
    await client.greet();
    const listed: string[] = [];
    for (let reply = await client.option(LIST); reply.type === SERVER; reply = await client.optionReply())
      listed.push(reply.data.toString("utf8", 4 + reply.data.readUInt32BE(0)));
    expect(listed).toEqual(["", "", "Wörter"]);
    await client.option(INFO, infoRequest("told", [2]));
    expect((await client.optionReply()).data).toEqual(Buffer.from("\0\x02Wörter"));
    expect((await client.optionReply()).type).toBe(ACK);
    await client.option(INFO, infoRequest("disk", [2]));
    expect((await client.optionReply()).type).toBe(ACK);
  });

  test("is declined while the server closes", async () => {
    const device = heldDevice(zeroDevice(10));
    fixture.server.addExport("held", device);
    const reader = await fixture.connect();
    await reader.go("held");
    reader.request({ type: 0, length: 1 });
    await device.hasWaiting(1);
    const client = await fixture.connect();
    await client.greet();
    const closing = fixture.server.close();
    expect((await client.option(LIST)).type).toBe(ERR_SHUTDOWN);
    expect((await client.option(GO, infoRequest("held"))).type).toBe(ERR_SHUTDOWN);
    client.send(optionFrame(EXPORT_NAME, Buffer.from("held")));
    expect(await client.takeRest()).toHaveLength(0);
    device.waiting[0]!.go();
    await closing;
  });

  test.each([
    { flags: 3, zeroes: 0 },
    { flags: 1, zeroes: 124 },
    { flags: 0, zeroes: 124 },
  ])(
    "NBD_OPT_EXPORT_NAME is answered with $zeroes zeroes to client flags $flags",
    async ({ flags, zeroes }) => {
      const client = await fixture.connect();
      await client.greet(flags);
      client.send(optionFrame(EXPORT_NAME, Buffer.from("Größe")));
      const answer = await client.take(10 + zeroes);
      expect(answer.readBigUInt64BE(0)).toBe(1000n);
      expect(answer.readUInt16BE(8)).toBe(READ_ONLY_FLAGS);
      client.request({ type: 0, length: 1 });
      expect((await client.reply(1)).error).toBe(0);
    },
  );

  test("NBD_OPT_LIST names every export", async () => {
    const client = await fixture.connect();
    await client.greet();
    const names: string[] = [];
    let reply = await client.option(LIST);
    for (; reply.type === SERVER; reply = await client.optionReply()) {
      expect(reply.data.readUInt32BE(0)).toBe(reply.data.length - 4);
      names.push(reply.data.toString("utf8", 4));
    }
    expect(reply.type).toBe(ACK);
    expect(names).toEqual(["disk", "Größe"]);
    expect((await client.option(LIST, Buffer.from("x"))).type).toBe(ERR_INVALID);
  });

  test("the empty name means the only export, and none where there are several", async () => {
    const client = await fixture.connect();
    await client.greet();
    expect((await client.option(INFO, infoRequest(""))).type).toBe(ERR_UNKNOWN);
    await fixture.server.removeExport("Größe");
    expect((await client.option(INFO, infoRequest(""))).type).toBe(REP_INFO);
  });

  test("NBD_INFO_NAME tells what the default export is called", async () => {
    await fixture.server.removeExport("disk");
    const client = await fixture.connect();
    await client.greet();
    await client.option(INFO, infoRequest("", [1]));
    expect((await client.optionReply()).data.toString()).toBe("\0\x01Größe");
    expect((await client.optionReply()).type).toBe(ACK);
  });

  test("structured replies take no data, and bring SEND_DF", async () => {
    const client = await fixture.connect();
    await client.greet();
    expect((await client.option(STRUCTURED_REPLY, Buffer.from("x"))).type).toBe(ERR_INVALID);
    expect((await client.option(STRUCTURED_REPLY)).type).toBe(ACK);
    const info = await client.option(GO, infoRequest("disk"));
    expect(info.data.readUInt16BE(10)).toBe(WRITABLE_FLAGS | SEND_DF);
  });

  test("NBD_OPT_ABORT is acknowledged, and the connection ends", async () => {
    const client = await fixture.connect();
    await client.greet();
    expect((await client.option(ABORT)).type).toBe(ACK);
    expect(await client.takeRest()).toHaveLength(0);
    expect(fixture.log).toEqual([]);
  });

  test.each([4, 5, 11, 0, 12345])("option %i is not supported, and the next one is heard", async (option) => {
    const client = await fixture.connect();
    await client.greet();
    expect(await client.option(option, Buffer.from("whatever"))).toMatchObject({ option, type: ERR_UNSUP });
    expect((await client.option(GO, infoRequest("disk"))).type).toBe(REP_INFO);
  });

  test.each([
    ["nothing", Buffer.alloc(0)],
    ["a name longer than the data", Buffer.concat([u32(100), Buffer.from("disk\0\0")])],
    ["a name of 4 GiB", Buffer.concat([u32(0xffffffff), Buffer.from("disk\0\0")])],
    ["fewer types than announced", Buffer.concat([u32(4), Buffer.from("disk\0\x02\0\x03")])],
    ["more than announced", Buffer.concat([infoRequest("disk"), Buffer.from("x")])],
  ])("an information request with %s is invalid, and the next one is heard", async (_, data) => {
    const client = await fixture.connect();
    await client.greet();
    expect((await client.option(GO, data)).type).toBe(ERR_INVALID);
    expect((await client.option(GO, infoRequest("disk"))).type).toBe(REP_INFO);
  });

  test("option data that is too big is passed over", async () => {
    const client = await fixture.connect();
    await client.greet();
    expect((await client.option(GO, Buffer.alloc(3_000_000))).type).toBe(ERR_TOO_BIG);
    expect((await client.option(GO, infoRequest("disk"))).type).toBe(REP_INFO);
  });

  test("answers every one of many questions that were asked before any answer was taken", async () => {
    const client = await fixture.connect();
    client.socket.pause();
    client.send(u32(3), ...Array.from({ length: 20_000 }, () => optionFrame(99, Buffer.alloc(0))));
    client.socket.resume();
    await client.take(18);
    for (let count = 0; count < 20_000; count++) expect((await client.optionReply()).type).toBe(ERR_UNSUP);
  });

  test("comes out the same when every byte arrives alone", async () => {
    const client = await fixture.connect();
    client.socket.setNoDelay(true);
    const all = Buffer.concat([
      u32(3),
      optionFrame(99, Buffer.alloc(0)),
      optionFrame(GO, infoRequest("disk", [3])),
      requestFrame({ type: 1, length: 5, offset: 77 }),
      Buffer.from("hello"),
      requestFrame({ type: 0, length: 6, offset: 76 }),
    ]);
    for (const byte of all) {
      client.socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await client.take(18);
    expect((await client.optionReply()).type).toBe(ERR_UNSUP);
    expect([(await client.optionReply()).type, (await client.optionReply()).type]).toEqual([
      REP_INFO,
      REP_INFO,
    ]);
    expect((await client.optionReply()).type).toBe(ACK);
    expect((await client.reply()).error).toBe(0);
    expect((await client.reply(6)).error).toBe(0);
  });

  test.each([
    ["unknown client flags", u32(0x80000003), "unknown client flags 0x80000000"],
    ["an option without its magic", Buffer.concat([u32(3), Buffer.alloc(16)]), "an option without its magic"],
    [
      "the name of no export",
      Buffer.concat([u32(3), optionFrame(EXPORT_NAME, Buffer.from("none"))]),
      'unknown export "none"',
    ],
    [
      "an endless name",
      Buffer.concat([u32(3), optionFrame(EXPORT_NAME, Buffer.alloc(4097))]),
      "an export name of 4097 bytes",
    ],
  ])("%s ends that connection with a logged reason, and no other", async (_, bytes, reason) => {
    const other = await fixture.connect();
    await other.go("disk");
    const client = await fixture.connect();
    await client.take(18);
    client.send(bytes);
    await client.takeRest();
    expect(fixture.log).toEqual([`client 2: connection dropped: ${reason}`]);
    other.request({ type: 0, length: 10 });
    expect((await other.reply(10)).error).toBe(0);
  });
});

describe("metadata contexts", () => {
  /** Their names and ids, up to the end of the reply, whose type stands last. */
  async function ask(client: RawClient, option: number, name: string, queries: readonly string[]) {
    const found: [string, number][] = [];
    let reply = await client.option(option, metaContextQuery(name, queries));
    for (; reply.type === META_CONTEXT; reply = await client.optionReply()) {
      found.push([reply.data.toString("utf8", 4), reply.data.readUInt32BE(0)]);
    }
    return { found, end: reply.type };
  }

  test.each([
    [[], ["base:allocation", "x-tplgraph:dirty"]],
    [["base:"], ["base:allocation"]],
    [
      ["x-tplgraph:", "base:allocation"],
      ["base:allocation", "x-tplgraph:dirty"],
    ],
    [["x-tplgraph:dirty"], ["x-tplgraph:dirty"]],
    [["base:unknown", "qemu:", "no colon", ""], []],
  ])("are listed for the queries %j", async (queries, names) => {
    const client = await fixture.connect();
    await client.greet();
    await client.option(STRUCTURED_REPLY);
    const { found, end } = await ask(client, LIST_META_CONTEXT, "disk", queries);
    expect(found).toEqual(names.map((name) => [name, 0]));
    expect(end).toBe(ACK);
  });

  test.each([
    [[], []],
    [["base:", "x-tplgraph:"], []],
    [["base:allocation", "base:allocation", "qemu:x"], ["base:allocation"]],
    [
      ["x-tplgraph:dirty", "base:allocation"],
      ["base:allocation", "x-tplgraph:dirty"],
    ],
  ])("are set by the queries %j, each with an id of its own", async (queries, names) => {
    const client = await fixture.connect();
    await client.greet();
    await client.option(STRUCTURED_REPLY);
    const { found, end } = await ask(client, SET_META_CONTEXT, "disk", queries);
    expect(found.map(([name]) => name)).toEqual(names);
    expect(new Set(found.map(([, id]) => id)).size).toBe(names.length);
    expect(end).toBe(ACK);
  });

  test("are not set before structured replies, nor for an export that is not there", async () => {
    const client = await fixture.connect();
    await client.greet();
    expect(await ask(client, SET_META_CONTEXT, "disk", ["base:allocation"])).toEqual({
      found: [],
      end: ERR_INVALID,
    });
    await client.option(STRUCTURED_REPLY);
    for (const option of [LIST_META_CONTEXT, SET_META_CONTEXT]) {
      expect(await ask(client, option, "none", [])).toEqual({ found: [], end: ERR_UNKNOWN });
    }
  });

  test.each([
    ["nothing", Buffer.alloc(0)],
    ["a name longer than the data", u32(5)],
    ["no number of queries", Buffer.concat([u32(4), Buffer.from("disk")])],
    ["fewer queries than announced", Buffer.concat([u32(4), Buffer.from("disk"), u32(2), u32(0)])],
    ["4 billion queries", Buffer.concat([u32(4), Buffer.from("disk"), u32(0xffffffff)])],
    ["a query longer than the data", Buffer.concat([u32(4), Buffer.from("disk"), u32(1), u32(9)])],
    ["more than announced", Buffer.concat([metaContextQuery("disk", ["base:"]), Buffer.from("x")])],
  ])("asked for with %s are refused, and the next option is heard", async (_, data) => {
    const client = await fixture.connect();
    await client.greet();
    await client.option(STRUCTURED_REPLY);
    for (const option of [LIST_META_CONTEXT, SET_META_CONTEXT]) {
      expect((await client.option(option, data)).type).toBe(ERR_INVALID);
    }
    expect((await client.option(GO, infoRequest("disk"))).type).toBe(REP_INFO);
  });
});

describe("a port", () => {
  test.each(["127.0.0.1", "::1"] as const)("of %s is listened on where asked", async (host) => {
    const server = new NbdServer();
    server.addExport("disk", zeroDevice(1000));
    await server.listen({ port: 0, host });
    try {
      const client = await RawClient.connect({ port: server.port!, host });
      await client.go("disk");
      client.request({ type: 0, length: 5, cookie: 1 });
      expect((await client.reply(5)).cookie).toBe(1);
      client.socket.destroy();
    } finally {
      await server.close();
    }
  });

  test("of another address is none to listen on", async () => {
    const host = "0.0.0.0" as "127.0.0.1";
    await expect(new NbdServer().listen({ port: 0, host })).rejects.toThrow("not a loopback address");
  });
});
