/** Push and pull in a real terminal: one line that is true, in every width, and gone when something is said. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { RemoteOptions } from "../../../src/store/objects/open.ts";
import { root } from "../cli.ts";
import { s3Bench } from "../s3/bucket.ts";
import { machineIn } from "../s3/machine.ts";
import { openTestTerminal } from "./tmux.ts";

const s3 = s3Bench();
let folder: string;
let remote: RemoteOptions & { url: string };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "tplgraph-transfer-"));
  mkdirSync(join(folder, "tree"));
  for (const name of ["a", "b", "c"]) writeFileSync(join(folder, "tree", name), randomBytes(40 * 2 ** 20));
  execFileSync("mke2fs", ["-q", "-t", "ext4", "-d", join(folder, "tree"), join(folder, "data.ext4"), "160M"]);
  remote = await s3.bucket();
  await machineIn(folder, "home", { remote }).run("artifacts", "import", "data.ext4", "--tag", "data");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => s3.proxy.reset());

const terminalOf = (machine: string, command: string, columns: number) => {
  const { config, store } = machineIn(folder, machine, {
    remote: { ...remote, attempts: 1, timeout: "20s" },
  });
  const program = `${process.execPath} ${join(root, "dist/cli/main.js")} --config ${config} --store ${store}`;
  return openTestTerminal({
    command: `${program} ${command}; echo "status $?"; cat`,
    columns,
    rows: 12,
    cwd: folder,
  });
};
const rowsWith = (screen: string[], what: RegExp) => screen.filter((row) => what.test(row));
const ended = (screen: string[]) => rowsWith(screen, /^status/).length === 1;

it("shows one line of a push that fits the window, and Ctrl-C leaves what was said alone", async () => {
  let packs = 0;
  s3.proxy.fail = ({ method, path }) => {
    if (method === "PUT" && path.includes(".index")) packs++;
    return packs >= 1 && method === "PUT" && path.includes("partNumber") ? { kind: "silence" } : undefined;
  };
  await using terminal = await terminalOf("home", "store push data", 80);
  const wide = /^sending +[1-9]\d?% {2}[\d.]+ MiB {2}\(\d+ of \d+ blobs\)$/;
  await terminal.until("a line", (screen) => rowsWith(screen, wide).length === 1);
  for (const columns of [30, 80, 40]) {
    await terminal.resize(columns, 12);
    await terminal.until(`one row at ${columns} columns`, (screen) => {
      const [row, ...others] = screen.filter((text) => text !== "");
      const isWhole = row !== undefined && wide.test(row);
      return others.length === 0 && row!.startsWith("sending") && isWhole === columns > 50;
    });
  }
  await terminal.press("C-c");
  const screen = await terminal.until("the end", ended);
  expect(screen.filter((row) => row !== "")).toEqual(["interrupted", "status 130"]);
}, 90_000);

it("makes room for what went wrong, and for the result", async () => {
  s3.proxy.fail = ({ method, path }) =>
    method === "PUT" && path.includes("partNumber=2") ? { kind: "status", status: 503 } : undefined;
  {
    await using failing = await terminalOf("home", "store push data", 80);
    const screen = await failing.until("the end", ended);
    expect(screen.join("\n")).toMatch(/^error store-unreachable: s3:.* cannot be reached/);
    expect(rowsWith(screen, /sending/)).toEqual([]);
    expect(rowsWith(screen, /^status 1$/)).toHaveLength(1);
  }
  s3.proxy.reset();
  for (const [machine, command, says] of [
    ["home", "store push data", /^data:latest: [\d.]+ MiB sent to s3:/],
    ["away", "store pull data", /^data:latest: [\d.]+ MiB fetched from s3:/],
  ] as const) {
    await using terminal = await terminalOf(machine, command, 80);
    const screen = await terminal.until("the end", ended);
    expect(screen[0]).toMatch(says);
    expect(rowsWith(screen, /^(sending|fetching)/)).toEqual([]);
  }
}, 90_000);
