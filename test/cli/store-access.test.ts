import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { superblockBytes } from "../plugins/ext4/superblock-bytes.ts";
import { type Bench, bench } from "./cli.ts";

const MIB = 1024 * 1024;

let b: Bench;
beforeEach(async () => {
  b = await bench();
});
afterEach(() => b[Symbol.asyncDispose]());

/** A file whose superblock tells of an ext4 file system of 1 MiB. */
function disk(name: string, sizeBytes = MIB): void {
  const content = Buffer.alloc(sizeBytes);
  superblockBytes({ blocks: 256, freeBlocks: 100 }).copy(content, 1024);
  writeFileSync(join(b.folder, name), content);
}

describe("artifacts import", () => {
  it("makes an image with a name, the same one for the same content", async () => {
    disk("fs.ext4");
    const { exitCode, stdout } = await b.run("artifacts", "import", "fs.ext4", "--tag", "mine:v1");
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: expect.stringMatching(/^mine:v1: sha256:[0-9a-f]{12}, 1 MiB\n$/),
    });
    const again = await b.run("artifacts", "import", "fs.ext4", "--tag", "other", "--json");
    expect(JSON.parse(again.stdout)).toMatchObject({
      schema: "tplgraph.import/1",
      ref: "other:latest",
      image: { type: "image", bytes: MIB },
    });
    expect((await b.run("artifacts", "export", "mine:v1", "-o", "out.ext4")).exitCode).toBe(0);
    expect(readFileSync(join(b.folder, "out.ext4"))).toEqual(readFileSync(join(b.folder, "fs.ext4")));
  });

  it.each([
    ["a file that is not there", "no.ext4", "a", /file-not-found/],
    ["a folder", ".", "a", /not-a-raw-image/],
    ["an empty file", "empty", "a", /empty-file/],
    ["a text", "text", "a", /not-ext4: text holds no ext4 file system: it looks like text/],
    ["a file cut short", "short", "a", /file-cut-short/],
    ["a name that cannot be one", "good", "Not A Name", /bad-ref/],
  ])("refuses %s, and makes no store", async (_, file, tag, says) => {
    await b.write("empty", "");
    await b.write("text", "some words\n");
    disk("good");
    disk("short", MIB / 2);
    const { exitCode, stdout, stderr } = await b.run("artifacts", "import", file, "--tag", tag);
    expect(stderr).toMatch(says);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(existsSync(join(b.folder, "store"))).toBe(false);
  });
});

//  template ─▶ one step, of which each run with another word makes another artifact
const WORD =
  "name: word\nparams: { word: a }\nsteps:\n  say: { uses: lab/say, with: { word: '${{ params.word }}' } }\noutputs:\n  word: ${{ steps.say.said }}\n";

describe("artifacts ls", () => {
  it("shows what has a name and the latest of each step; --all the rest", async () => {
    await b.write("word.yaml", WORD);
    for (const word of ["a", "b", "c"]) await b.run("run", "word.yaml", "-p", `word=${word}`);
    await b.run("run", "word.yaml", "-p", "word=a", "--tag", "first");
    const values = async (...flags: string[]) => {
      const { stdout } = await b.run("artifacts", "ls", "--json", ...flags);
      return JSON.parse(stdout).artifacts.map(
        ({ artifact }: { artifact: { value: string } }) => artifact.value,
      );
    };
    expect((await values()).sort()).toEqual(["a", "c"]);
    expect((await values("--all")).sort()).toEqual(["a", "b", "c"]);
    expect((await b.run("artifacts", "ls")).stderr).toContain("1 older one not shown");
  });
});

describe("gc", () => {
  it("evicts what was not used, and plan says when", async () => {
    await b.write("word.yaml", WORD);
    await b.run("run", "word.yaml", "-p", "word=gone", "--target", "say");
    const dry = await b.run("gc", "--keep-days", "0", "--dry-run", "--json");
    expect(JSON.parse(dry.stdout)).toMatchObject({ schema: "tplgraph.gc/1", dryRun: true });
    expect(JSON.parse(dry.stdout).evicted).toMatchObject([{ node: "say" }]);
    expect((await b.run("plan", "word.yaml", "-p", "word=gone", "--exit-code")).exitCode).toBe(0);

    const { exitCode, stdout } = await b.run("gc", "--keep-days", "0");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^freed .*1 record, 1 old run\nkept /);
    const plan = await b.run("plan", "word.yaml", "-p", "word=gone", "--json");
    expect(JSON.parse(plan.stdout).nodes[0].reason).toMatchObject({
      code: "evicted",
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    });
    expect((await b.run("plan", "word.yaml", "-p", "word=gone")).stdout).toMatch(
      /garbage-collected on \d{4}-/,
    );
  });

  it("evicts beside a build what the build does not use", async () => {
    await b.write("word.yaml", WORD);
    await b.run("run", "word.yaml", "--target", "say");
    await b.write("waits.yaml", "name: waits\nsteps:\n  long: { uses: lab/wait }\n");
    let collected: ReturnType<Bench["run"]> | undefined;
    await b.watch(["run", "waits.yaml"], (text, kill) => {
      if (!text.includes("long| waiting")) return;
      collected ??= b.run("gc", "--keep-days", "0", "--json").finally(() => kill("SIGINT"));
    });
    const report = JSON.parse((await collected!).stdout);
    expect(report.liveRuns).toHaveLength(1);
    expect(report.evicted).toMatchObject([{ node: "say" }]);
  });

  it.each([
    ["no number of days", ["--keep-days", "soon"], /number of days/],
    ["no size", ["--keep-storage", "much"], /write a size/],
    ["no store", [], /store-missing/],
  ])("refuses %s", async (_, flags, says) => {
    const { exitCode, stderr } = await b.run("gc", ...flags);
    expect(stderr).toMatch(says);
    expect(exitCode).toBe(2);
  });
});

describe("serve", () => {
  beforeEach(async () => {
    disk("fs.ext4");
    await b.run("artifacts", "import", "fs.ext4", "--tag", "mine");
  });

  it.each(["SIGINT", "SIGTERM"] as const)(
    "offers a socket until %s, says how to use it, and removes it",
    async (signal) => {
      const socket = join(b.folder, "nbd.sock");
      let greeting: Promise<string> | undefined;
      const { exitCode, stdout } = await b.watch(["serve", "mine", "--socket", "nbd.sock"], (text, kill) => {
        if (!text.includes("nbdcopy")) return;
        greeting ??= greetingOf(socket).finally(() => kill(signal));
      });
      expect(await greeting).toBe("NBDMAGICIHAVEOPT");
      expect(stdout).toBe(`nbd+unix:///?socket=${socket}\n`);
      expect(exitCode).toBe(0);
      expect(existsSync(socket)).toBe(false);
    },
  );

  it.each([
    ["no place", ["mine"], "neither --socket nor --port"],
    ["a name twice", ["mine", "mine", "--port", "0"], "mine is named twice"],
    ["a port that is none", ["mine", "--port", "70000"], "0 to 65535"],
  ])("refuses %s", async (_, args, says) => {
    expect(await b.run("serve", ...args)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining(says),
    });
  });

  it("refuses a place where something is, and one that is not there", async () => {
    const taken = await b.run("serve", "mine", "--socket", "fs.ext4");
    expect(taken).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("file-exists") });
    expect(statSync(join(b.folder, "fs.ext4")).size).toBe(MIB);
    const nowhere = await b.run("serve", "mine", "--socket", "no/nbd.sock");
    expect(nowhere).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("no-such-folder") });
    const nothing = await b.run("serve", "nothing", "--socket", "nbd.sock");
    expect(nothing).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("unknown-ref") });
  });
});

/** The first 16 bytes a server says ("Newstyle negotiation" of the NBD protocol). */
function greetingOf(socket: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const client = connect(socket);
    client.on("error", reject);
    client.on("data", (data) => {
      client.destroy();
      resolve(data.toString("latin1", 0, 16));
    });
  });
}
