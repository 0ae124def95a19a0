import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunRecord } from "../../src/engine/run/record.ts";
import { type CliResult, cli, start, temporaryFolder } from "./cli.ts";
import { leftovers } from "./leftovers.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let store: string;
let env: Record<string, string>;

beforeAll(async () => {
  folder = await temporaryFolder();
  store = join(folder.path, "store");
  env = { TPLGRAPH_STORE: store };
  const tree = join(folder.path, "tree");
  mkdirSync(tree);
  writeFileSync(join(tree, "greeting"), "hello\n");
  const made = ["-q", "-t", "ext4", "-d", tree, join(folder.path, "fs.ext4"), "16M"];
  execFileSync("mke2fs", made, { stdio: "ignore" });
  expect(
    await cli(["artifacts", "import", join(folder.path, "fs.ext4"), "--tag", "fs"], { env }),
  ).toMatchObject({
    exitCode: 0,
  });
});
afterAll(() => folder[Symbol.asyncDispose]());

interface Held {
  child: ReturnType<typeof start>["child"];
  done: Promise<CliResult>;
}

/** Starts a command and waits until it has said `ready` on stderr. */
async function hold(args: readonly string[], ready: string): Promise<Held> {
  const { child, done } = start(args, { env });
  await says(child, ready);
  return { child, done };
}

async function says(child: Held["child"], text: string): Promise<void> {
  let said = "";
  const heard = new Promise<void>((resolve, reject) => {
    child.stderr!.on("data", (data) => {
      said += data;
      if (said.includes(text)) resolve();
    });
    child.on("close", () => reject(new Error(`it ended without saying ${text}: ${said}`)));
  });
  await heard;
}

/** What a killed command had is released by its disk host: asked until it is so. */
async function untilReleased(): Promise<void> {
  await expect.poll(() => [...leftovers(store), ...journals()], { timeout: 10_000 }).toEqual([]);
}

function journals(): string[] {
  return readdirSync(join(store, "journal"));
}

describe.skipIf(process.getuid?.() !== 0)("mount", () => {
  const place = () => {
    const path = join(folder.path, "mnt");
    mkdirSync(path, { recursive: true });
    return path;
  };

  it.each(["SIGINT", "SIGTERM", "SIGKILL"] as const)(
    "shows the files until %s, and is gone then",
    async (signal) => {
      const path = place();
      const { child, done } = await hold(["mount", "fs", path], "is mounted read-only");
      expect(readFileSync(join(path, "greeting"), "utf8")).toBe("hello\n");
      expect(() => writeFileSync(join(path, "new"), "")).toThrow(/EROFS/);
      child.kill(signal);
      expect(await done).toMatchObject(signal === "SIGKILL" ? { signal } : { exitCode: 0 });
      await untilReleased();
      expect(readdirSync(path)).toEqual([]);
    },
  );

  it("waits for whoever stands in it", async () => {
    const path = place();
    const { child, done } = await hold(["mount", "fs", path], "is mounted read-only");
    const user = spawn("cat", { cwd: path, stdio: ["pipe", "ignore", "ignore"] });
    await once(user, "spawn");
    child.kill("SIGINT");
    await says(child, "still in use");
    user.stdin.end();
    expect(await done).toMatchObject({ exitCode: 0 });
    await untilReleased();
  });

  it("checks what was not unmounted cleanly, on a view: the stored image stays as it is", async () => {
    const file = join(folder.path, "dirty.ext4");
    writeFileSync(file, readFileSync(join(folder.path, "fs.ext4")));
    execFileSync("debugfs", ["-w", "-R", "set_block_group 0 free_blocks_count 1", file], { stdio: "ignore" });
    await cli(["artifacts", "import", file, "--tag", "dirty"], { env });
    const path = place();
    const { child, done } = await hold(["mount", "dirty", path], "is mounted read-only");
    expect(readFileSync(join(path, "greeting"), "utf8")).toBe("hello\n");
    child.kill("SIGINT");
    expect(await done).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining("was repaired for this mount"),
    });
    await cli(["artifacts", "export", "dirty", "-o", `${file}.out`], { env });
    expect(readFileSync(`${file}.out`).equals(readFileSync(file))).toBe(true);
  });

  it("refuses a folder with something in it, and one that is not there", async () => {
    expect(await cli(["mount", "fs", folder.path], { env })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("folder-not-empty"),
    });
    expect(await cli(["mount", "fs", join(folder.path, "no")], { env })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("no-such-folder"),
    });
  });
});

describe("serve", () => {
  it("gives nbdcopy the image's bytes, and a kill leaves no socket", async () => {
    const socket = join(folder.path, "nbd.sock");
    const { child, done } = await hold(["serve", "fs", "--socket", socket], "Ctrl-C ends it");
    const copy = join(folder.path, "copy.ext4");
    execFileSync("nbdcopy", [`nbd+unix:///?socket=${socket}`, copy]);
    expect(readFileSync(copy).equals(readFileSync(join(folder.path, "fs.ext4")))).toBe(true);
    child.kill("SIGKILL");
    await done;
    await untilReleased();
    expect(existsSync(socket)).toBe(false);
  });

  it("has several images as exports of their names, on a socket and on a port", async () => {
    await cli(["artifacts", "tag", "fs", "other:two"], { env });
    const socket = join(folder.path, "several.sock");
    const args = [
      "serve",
      "fs",
      "other:two",
      "--socket",
      socket,
      "--port",
      "0",
      "--json",
      "--log-level",
      "debug",
    ];
    const { child, done } = start(args, { env });
    const [line] = await once(child.stdout!, "data");
    const told = JSON.parse(String(line));
    expect(told).toMatchObject({ socket, readOnly: true, exports: [{ name: "fs" }, { name: "other:two" }] });
    const list = execFileSync("nbdinfo", ["--list", "--json", `nbd://127.0.0.1:${told.port}`], {
      encoding: "utf8",
    });
    const { exports } = JSON.parse(list);
    expect(exports.map((one: { "export-name": string }) => one["export-name"])).toEqual(["fs", "other:two"]);
    const original = readFileSync(join(folder.path, "fs.ext4"));
    for (const { name, uri } of told.exports) {
      const copy = join(folder.path, `${name}.copy`);
      execFileSync("nbdcopy", [uri, copy]);
      expect(readFileSync(copy).equals(original)).toBe(true);
    }
    child.kill("SIGINT");
    const { exitCode, stderr } = await done;
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/client \d+: has \\"other:two\\"/);
    expect(stderr).toMatch(/client \d+: gone, after \d+ requests, \d+ bytes to read and 0 to write/);
    expect(existsSync(socket)).toBe(false);
  });

  it("refuses a port that is taken, and leaves nothing", async () => {
    const { createServer } = await import("node:net");
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    const { exitCode, stderr } = await cli(["serve", "fs", "--port", String(port)], { env });
    other.close();
    expect(stderr).toContain("port-in-use");
    expect(exitCode).not.toBe(0);
    await untilReleased();
  });

  it("with --read-write takes writes, and forgets them", async () => {
    const socket = join(folder.path, "rw.sock");
    const { child, done } = await hold(["serve", "fs", "--socket", socket, "--read-write"], "Ctrl-C ends it");
    const uri = `nbd+unix:///?socket=${socket}`;
    execFileSync("qemu-io", ["-f", "raw", "-c", "write -P 7 0 64k", "-c", "read -P 7 0 64k", uri], {
      stdio: "ignore",
    });
    child.kill("SIGINT");
    expect(await done).toMatchObject({ exitCode: 0 });
    await cli(["artifacts", "export", "fs", "-o", join(folder.path, "after.ext4")], { env });
    const after = readFileSync(join(folder.path, "after.ext4"));
    expect(after.equals(readFileSync(join(folder.path, "fs.ext4")))).toBe(true);
  });
});

describe("gc", () => {
  it("keeps what is named and, as long as it is, what is served; what it evicts is built again", async () => {
    const template = join(folder.path, "grown.yaml");
    writeFileSync(
      template,
      "name: grown\nparams: { sizeMiB: 32 }\nsteps:\n  grown: { uses: ext4/resize, with: { image: { ref: fs }, sizeMiB: '${{ params.sizeMiB }}' } }\noutputs:\n  rootfs: ${{ steps.grown.image }}\n",
    );
    const made = async (sizeMiB: number) => {
      const flags = ["-p", `sizeMiB=${sizeMiB}`, "--target", "grown", "--json"];
      const { outputs } = JSON.parse((await cli(["run", template, ...flags], { env })).stdout) as RunRecord;
      return outputs.rootfs!.digest;
    };
    const [served, stray] = [await made(48), await made(40)];
    expect(await cli(["run", template], { env })).toMatchObject({ exitCode: 0 });

    const { child, done } = await hold(
      ["serve", served, "--socket", join(folder.path, "gc.sock")],
      "Ctrl-C ends it",
    );
    const gc = async () =>
      JSON.parse((await cli(["gc", "--keep-storage", "0", "--json"], { env })).stdout) as {
        evicted: { outputs: RunRecord["outputs"] }[];
        liveRuns: string[];
      };
    const evictedBy = ({ evicted }: Awaited<ReturnType<typeof gc>>) =>
      evicted.map(({ outputs }) => outputs.image!.digest);
    const beside = await gc();
    expect(evictedBy(beside)).toEqual([stray]);
    expect(beside.liveRuns).toHaveLength(1);
    child.kill("SIGINT");
    expect(await done).toMatchObject({ exitCode: 0 });
    expect(readdirSync(join(store, "holds"))).toEqual([]);
    expect(evictedBy(await gc())).toEqual([served]);
    expect((await cli(["artifacts", "verify"], { env })).stdout).toContain("all whole");
    expect((await cli(["plan", template, "--exit-code"], { env })).exitCode).toBe(0);
    expect((await cli(["plan", template, "-p", "sizeMiB=48"], { env })).stdout).toContain(
      "garbage-collected",
    );
    expect(await cli(["run", template, "-p", "sizeMiB=48"], { env })).toMatchObject({ exitCode: 0 });
    expect(leftovers(store)).toEqual([]);
  });
});
