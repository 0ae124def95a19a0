import { execFileSync } from "node:child_process";
import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cli, root, store, temporaryFolder } from "../cli.ts";
import { leftovers } from "../leftovers.ts";

const base = join(root, "templates/base.yaml");

/** Each is refused with exit status 2 and this diagnostic, at this line, before anything is touched. */
const WRONG: [what: string, template: string, code: string, line: number, says: RegExp][] = [
  [
    "an unknown step type",
    "steps:\n  disk:\n    uses: ext4/mkfz\n    with: { sizeMiB: 64 }\n",
    "unknown-step-type",
    4,
    /ext4\/mkfs/,
  ],
  [
    "a misspelt key",
    "steps:\n  disk:\n    uses: ext4/mkfs\n    with: { sizeMib: 64 }\n",
    "unknown-input",
    5,
    /sizeMiB/,
  ],
  [
    "a number where a string belongs",
    "steps:\n  disk:\n    uses: ext4/mkfs\n    with: { sizeMiB: 64, label: 7 }\n",
    "wrong-type",
    5,
    /label/,
  ],
  [
    "a reference to a step that is no longer there",
    "steps:\n  ok:\n    uses: ext4/fsck\n    with:\n      image: ${{ steps.disk.image }}\n",
    "unknown-step",
    6,
    /disk/,
  ],
  [
    "a cycle",
    "steps:\n  a:\n    uses: ext4/fsck\n    with: { image: '${{ steps.b.image }}' }\n  b:\n    uses: ext4/fsck\n    with: { image: '${{ steps.a.image }}' }\n",
    "cycle",
    5,
    /a → b → a|b → a → b/,
  ],
  [
    "an image where a tree belongs",
    "steps:\n  disk:\n    uses: ext4/mkfs\n    with: { sizeMiB: 64 }\n  files:\n    uses: rsync/copy\n    with:\n      from: ${{ steps.disk.image }}\n      image: ${{ steps.disk.image }}\n",
    "wrong-port",
    9,
    /tree/,
  ],
  [
    "a file that is not ext4",
    "steps:\n  source:\n    uses: ext4/fsck\n    with:\n      image: { file: ./not-ext4 }\n",
    "not-ext4",
    6,
    /not-ext4/,
  ],
  [
    "an empty file",
    "steps:\n  source:\n    uses: ext4/fsck\n    with:\n      image: { file: ./empty }\n",
    "empty-file",
    6,
    /empty/,
  ],
  [
    "a suite that this machine's apt has no source for",
    "steps:\n  debian:\n    uses: bootstrap/debian\n    with:\n      suite: nowhere\n",
    "no-apt-source",
    6,
    /mirror/,
  ],
];

describe("wrong input", () => {
  it.each(WRONG)("%s", async (_, text, code, line, says) => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "wrong.yaml");
    writeFileSync(file, `name: wrong\n${text}`);
    writeFileSync(join(folder.path, "not-ext4"), "x".repeat(10_000));
    writeFileSync(join(folder.path, "empty"), "");
    const result = await cli(["run", file]);
    expect(result.exitCode, result.stderr).toBe(2);
    expect(result.stderr).toMatch(new RegExp(`wrong\\.yaml:${line}:\\d+ error ${code}: `));
    expect(result.stderr).toMatch(says);
    expect(result.stderr).not.toMatch(/^\s+at /m);
    expect(leftovers(store)).toEqual([]);
  });

  it("the same disk exclusive in two steps", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(join(folder.path, "tplgraph.config.json"), JSON.stringify({ plugins: ["./lab"] }));
    mkdirSync(join(folder.path, "lab"));
    writeFileSync(join(folder.path, "lab/index.ts"), LAB_PLUGIN);
    mkdirSync(join(folder.path, "node_modules"));
    execFileSync("ln", ["-s", root, join(folder.path, "node_modules/tplgraph")]);
    const file = join(folder.path, "twice.yaml");
    const user = (name: string) =>
      `  ${name}:\n    uses: lab/write\n    with: { disk: "\${{ steps.disk.disk }}" }\n`;
    writeFileSync(file, `name: twice\nsteps:\n  disk:\n    uses: lab/disk\n${user("one")}${user("two")}`);
    const result = await cli(["run", "twice.yaml"], { cwd: folder.path });
    expect(result.exitCode, result.stderr).toBe(2);
    expect(result.stderr).toMatch(/twice\.yaml:10:\d+ error exclusive-twice: /);
    expect(result.stderr).toMatch(/one/);
  });

  it("a template that is a directory, and one that is not there", async () => {
    const folder = await cli(["run", "templates"]);
    expect(folder.exitCode).toBe(2);
    expect(folder.stderr).toMatch(/templates:1:1 error template-is-a-directory/);
    const missing = await cli(["run", "templates/pyton.yaml"]);
    expect(missing.exitCode).toBe(2);
    expect(missing.stderr).toMatch(/templates\/pyton\.yaml/);
  });

  it("a disk smaller than its content fails at the step, and says how much is missing", async () => {
    await using folder = await temporaryFolder();
    const image = join(folder.path, "root.ext4");
    const content = join(folder.path, "content");
    mkdirSync(content);
    execFileSync("dd", [
      "if=/dev/urandom",
      `of=${join(content, "data")}`,
      "bs=1M",
      "count=60",
      "status=none",
    ]);
    writeFileSync(image, "");
    truncateSync(image, 128 * 1024 * 1024);
    execFileSync("mke2fs", ["-q", "-t", "ext4", "-d", content, image]);
    const file = join(folder.path, "small.yaml");
    writeFileSync(
      file,
      "name: small\nsteps:\n  small:\n    uses: ext4/resize\n    with:\n      image: { file: ./root.ext4 }\n      sizeMiB: 40\noutputs:\n  rootfs: ${{ steps.small.image }}\n",
    );
    const result = await cli(["run", file, "--progress", "plain"]);
    expect(result.exitCode, result.stderr).toBe(1);
    expect(result.stderr).toMatch(/small/);
    expect(result.stderr).toMatch(/\d+ MiB/);
    expect(leftovers(store)).toEqual([]);
  });

  it("an unknown parameter, command and target are answered with what was meant", async () => {
    const parameter = await cli(["plan", "templates/python.yaml", "-p", "diskMib=1000"]);
    expect([parameter.exitCode, /diskMiB/.test(parameter.stderr)]).toEqual([2, true]);
    const command = await cli(["rum", "templates/python.yaml"]);
    expect([command.exitCode, /run/.test(command.stderr)]).toEqual([2, true]);
    const target = await cli(["plan", base, "--target", "nothing"]);
    expect(target.exitCode).toBe(2);
  });
});

/** A plugin with a resource that one consumer has to itself. */
const LAB_PLUGIN = `
import { definePlugin, defineResource, defineStep, resource, z } from "tplgraph/plugin";
export default definePlugin({
  name: "lab",
  summary: "A disk for one",
  steps: [
    defineResource({
      name: "disk", summary: "Hold a disk", inputs: {}, outputs: { disk: resource("disk", { sharing: "exclusive" }) },
      acquire: async () => ({ disk: {} }),
    }),
    defineStep({
      name: "write", summary: "Write to it", inputs: { disk: resource("disk", { sharing: "exclusive" }) },
      outputs: { done: z.boolean() }, run: async () => ({ done: true }),
    }),
  ],
});
`;
