import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readLines } from "../../src/vm/lines.ts";
import { connectQmp } from "../../src/vm/qmp.ts";
import { rendezvousAt } from "../../src/vm/rendezvous.ts";

let folder: string;
let qemu: Socket;
let host: Socket;
let answer: (request: { execute: string; arguments?: unknown; id: number }) => object[];

/** A QEMU that greets, and answers each command with `answer`. */
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "qmp-"));
  const door = await rendezvousAt(join(folder, "q"));
  qemu = connect(door.path);
  host = await door.visitor(AbortSignal.timeout(10_000));
  answer = ({ id }) => [{ return: {}, id }];
  readLines(qemu, (line) => {
    for (const message of answer(JSON.parse(line))) qemu.write(`${JSON.stringify(message)}\r\n`);
  });
  qemu.write('{"QMP": {"version": {}, "capabilities": []}}\r\n');
});
afterEach(() => {
  host.destroy();
  qemu.destroy();
  rmSync(folder, { recursive: true });
});

describe("the client of QEMU's monitor", () => {
  it("returns what a command returned, whatever events come in between", async () => {
    const qmp = await connectQmp(host);
    answer = ({ execute, id }) => [{ event: "STOP" }, { return: { did: execute }, id }];
    expect(await Promise.all([qmp.execute("stop"), qmp.execute("cont")])).toEqual([
      { did: "stop" },
      { did: "cont" },
    ]);
  });

  it("passes on why a command failed", async () => {
    const qmp = await connectQmp(host);
    answer = ({ id }) => [{ error: { class: "GenericError", desc: "no such device" }, id }];
    await expect(qmp.execute("eject")).rejects.toMatchObject({
      code: "qmp-failed",
      message: expect.stringContaining("no such device"),
    });
  });

  it("fails what waits when the machine ends, and what is asked afterwards", async () => {
    const qmp = await connectQmp(host);
    answer = () => [];
    const waiting = qmp.execute("migrate");
    qemu.destroy();
    await expect(waiting).rejects.toMatchObject({ code: "qmp-failed" });
    if (!host.closed) await once(host, "close");
    await expect(qmp.execute("quit")).rejects.toMatchObject({ code: "qmp-failed" });
  });
});

describe("a rendezvous", () => {
  it("ends the wait when nobody is going to come", async () => {
    const door = await rendezvousAt(join(folder, "r"));
    const gone = new AbortController();
    const waiting = door.visitor(gone.signal);
    gone.abort(new Error("QEMU ended"));
    await expect(waiting).rejects.toThrow("QEMU ended");
    door.close();
  });
});
