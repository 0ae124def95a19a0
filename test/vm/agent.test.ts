import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Agent, connectAgent } from "../../src/vm/agent.ts";
import { readLines } from "../../src/vm/lines.ts";

let folder: string;
let agent: Agent;
let guest: Socket;
let requests: string[][];
let onRequest: (request: string[]) => void;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "agent-"));
  const server = createServer().listen(join(folder, "s"));
  await once(server, "listening");
  guest = connect(join(folder, "s"));
  const [host] = (await once(server, "connection")) as [Socket];
  server.close();
  requests = [];
  onRequest = () => {};
  readLines(guest, (line) => {
    if (line === "") return;
    requests.push(line.split(" "));
    onRequest(line.split(" "));
  });
  agent = connectAgent(host);
});
afterEach(() => {
  guest.destroy();
  rmSync(folder, { recursive: true });
});

const base64 = (text: string) => Buffer.from(text).toString("base64");

describe("the host's side of the guest agent", () => {
  it("returns what a command printed and its status", async () => {
    onRequest = ([id]) =>
      guest.write(
        `${id} o ${base64("one ")}\n${id} o ${base64("two")}\n${id} e ${base64("bad")}\n${id} x 3\n`,
      );
    const result = await agent.exec("echo hi");
    expect({ ...result, stdout: `${result.stdout}`, stderr: `${result.stderr}` }).toEqual({
      exitCode: 3,
      stdout: "one two",
      stderr: "bad",
    });
    expect(requests.map(([, seconds, command]) => [seconds, command])).toEqual([["60", base64("echo hi")]]);
  });

  it("takes no answer that belongs to another request", async () => {
    onRequest = ([id]) => guest.write(`deadbeef x 0\n${id} x 1\n`);
    expect((await agent.exec("false")).exitCode).toBe(1);
  });

  it("sends one command at a time, also after one that failed", async () => {
    const gone = new AbortController();
    const first = agent.exec("one", { signal: gone.signal });
    const second = agent.exec("two");
    onRequest = ([id, , command]) => {
      if (command === base64("one")) gone.abort(new Error("stop"));
      else guest.write(`${id} x 0\n`);
    };
    await expect(first).rejects.toThrow("stop");
    expect((await second).exitCode).toBe(0);
    expect(requests.map(([, , command]) => command)).toEqual([base64("one"), base64("two")]);
  });

  it("fails a command when the machine ends", async () => {
    onRequest = () => guest.destroy();
    await expect(agent.exec("poweroff")).rejects.toMatchObject({ code: "guest-gone" });
  });
});
