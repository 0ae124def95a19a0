/** The steps without a VM give the same bytes on any day, anywhere; `run --verify` tells of one that does not. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { anotherDay } from "../another-day.ts";
import { build, cli, root, temporaryFolder } from "../cli.ts";

vi.setConfig({ testTimeout: 240_000 });

//  disk ─▶ overlaid ─▶ free ─▶ tuned ─▶ smallest ─▶ resized ─▶ checked
//              ├────▶ source ─▶ copied ─▶ merged
//              └────▶ rebuilt   fresh ─▲
const EVERY_STEP = `
name: every-step
steps:
  disk: { uses: ext4/mkfs, with: { sizeMiB: 96, growsToMiB: 400 } }
  overlaid:
    uses: provision/overlay
    with: { image: "\${{ steps.disk.image }}", files: [{ path: /etc/some/motd, content: hello }] }
  free: { uses: ext4/resize, with: { image: "\${{ steps.overlaid.image }}", freeMiB: 300 } }
  tuned: { uses: ext4/tune, with: { image: "\${{ steps.free.image }}", label: root, reservedMiB: 4 } }
  smallest: { uses: ext4/shrink, with: { image: "\${{ steps.tuned.image }}" } }
  resized: { uses: template/resize, with: { image: "\${{ steps.smallest.image }}", sizeMiB: 200 } }
  source: { uses: nbd/attach-source, with: { from: "\${{ steps.overlaid.image }}" } }
  fresh: { uses: ext4/mkfs, with: { sizeMiB: 48 } }
  copied: { uses: rsync/copy, with: { from: "\${{ steps.source.tree }}", image: "\${{ steps.fresh.image }}" } }
  merged:
    uses: rsync/copy
    with:
      from: "\${{ steps.source.tree }}"
      image: "\${{ steps.copied.image }}"
      excludes: [/etc/some]
  rebuilt:
    uses: template/resize
    with: { image: "\${{ steps.overlaid.image }}", freeMiB: 60, features: [has_journal, extent, filetype] }
  checked: { uses: ext4/fsck, with: { image: "\${{ steps.resized.image }}", repair: "yes" } }
outputs:
  image: \${{ steps.checked.image }}
  merged: \${{ steps.merged.image }}
  rebuilt: \${{ steps.rebuilt.image }}
`;

const NOISY_PLUGIN = `
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { definePlugin, defineStep, image } from ${JSON.stringify(join(root, "dist/plugin.js"))};

export default definePlugin({
  name: "noise",
  summary: "A step that never does the same twice",
  steps: [
    defineStep({
      name: "write",
      summary: "Write random bytes",
      inputs: { image: image() },
      outputs: { image: image() },
      tools: { debugfs: ["-V"] },
      async run(step) {
        const content = join(await step.scratch(), "content");
        await writeFile(content, Buffer.concat([Buffer.alloc(20_000, "same"), randomBytes(5000)]));
        const disk = await step.openDisk({ image: step.inputs.image });
        const clock = { E2FSPROGS_FAKE_TIME: "1600000000", SOURCE_DATE_EPOCH: "1600000000" };
        await step.tool("debugfs", ["-w", "-R", \`write \${content} noise.bin\`, await disk.file()], { env: clock });
        return { image: await disk.seal() };
      },
    }),
  ],
});
`;

const NOISY = `
name: noisy
steps:
  disk: { uses: ext4/mkfs, with: { sizeMiB: 64 } }
  noisy: { uses: noise/write, with: { image: "\${{ steps.disk.image }}" } }
  grown: { uses: ext4/resize, with: { image: "\${{ steps.noisy.image }}", sizeMiB: 128 } }
outputs:
  image: \${{ steps.grown.image }}
`;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

/** Of every step, from an empty store in a folder of its own. */
async function digests(name: string, args: string[], env: Record<string, string> = {}) {
  const own = join(folder.path, name);
  mkdirSync(own);
  const template = join(own, "every-step.yaml");
  writeFileSync(template, EVERY_STEP);
  const record = await build([template, ...args], {
    cwd: own,
    env: { ...env, TPLGRAPH_STORE: join(own, "store") },
  });
  expect(record.counts.built).toBe(11);
  return Object.fromEntries(
    Object.entries(record.nodes).flatMap(([id, { outputs }]) =>
      outputs?.image ? [[id, outputs.image.digest]] : [],
    ),
  );
}

describe("the steps without a VM", () => {
  it("give the same bytes in another folder, on another day, with another number of jobs", async () => {
    const here = await digests("here", ["--jobs", "1"]);
    await using later = await anotherDay(400);
    expect(await digests("elsewhere", ["--jobs", "4"], later.env)).toEqual(here);
  });
});

describe("run --verify", () => {
  it("finds every step the same", async () => {
    const cwd = join(folder.path, "here");
    const { exitCode, stdout, stderr } = await cli(["run", "every-step.yaml", "--verify"], {
      cwd,
      env: { TPLGRAPH_STORE: join(cwd, "store") },
    });
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toContain("verified: 11 the same");
  });

  it("names the step, the first range and the file of what differs", async () => {
    const cwd = join(folder.path, "noisy");
    mkdirSync(join(cwd, "noise"), { recursive: true });
    writeFileSync(join(cwd, "noise", "index.ts"), NOISY_PLUGIN);
    writeFileSync(join(cwd, "noisy.yaml"), NOISY);
    writeFileSync(join(cwd, "tplgraph.config.json"), JSON.stringify({ plugins: ["./noise"] }));
    const env = { TPLGRAPH_STORE: join(cwd, "store") };
    const { exitCode, stdout, stderr } = await cli(["run", "noisy.yaml", "--verify"], { cwd, env });
    expect(exitCode, stderr).toBe(1);
    expect(stderr).toContain("verify disk: same bytes");
    expect(stderr).toContain("verify grown: same bytes");
    expect(stdout).toMatch(/^noisy \(noise\/write\): image differs from byte \d+ to \d+: \/noise\.bin \(/m);
    const again = await cli(["run", "noisy.yaml", "--json"], { cwd, env });
    expect(JSON.parse(again.stdout)).toMatchObject({ counts: { hit: 3, built: 0 } });
  });
});

describe("ext4/resize", () => {
  it("without a size is refused before what it waits for is built", async () => {
    const cwd = join(folder.path, "here");
    const steps = `
  disk: { uses: ext4/mkfs, with: { sizeMiB: 77 } }
  grown: { uses: ext4/resize, with: { image: "\${{ steps.disk.image }}" } }`;
    writeFileSync(join(cwd, "sizeless.yaml"), `name: sizeless\nsteps:${steps}\n`);
    const { exitCode, stderr } = await cli(["run", "sizeless.yaml"], {
      cwd,
      env: { TPLGRAPH_STORE: join(cwd, "store") },
    });
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^sizeless\.yaml:4:3 error wrong-value: .*neither by sizeMiB nor by freeMiB/m);
  });
});

describe("template/resize", () => {
  it("tells in the plan which way it takes, and why", async () => {
    const cwd = join(folder.path, "here");
    const { stdout } = await cli(["artifacts", "ls", "--json"], {
      cwd,
      env: { TPLGRAPH_STORE: join(cwd, "store") },
    });
    expect(stdout).toContain("every-step:latest#image");
    const template = (wanted: string) => `
name: other
steps:
  other: { uses: template/resize, with: { image: { ref: "every-step:latest#image" }, sizeMiB: 300, ${wanted} } }
`;
    const plan = async (wanted: string) => {
      writeFileSync(join(cwd, "other.yaml"), template(wanted));
      return await cli(["plan", "other.yaml", "--format", "json"], {
        cwd,
        env: { TPLGRAPH_STORE: join(cwd, "store") },
      });
    };
    expect(JSON.parse((await plan("way: auto")).stdout).nodes[0]).toMatchObject({
      note: expect.stringMatching(/^in place: /),
    });
    const rebuilt = JSON.parse((await plan("bytesPerInode: 65536")).stdout).nodes[0];
    expect(rebuilt).toMatchObject({
      note: expect.stringMatching(
        /^rebuilds: its block groups have an inode for every \d+ bytes, not every 65536$/,
      ),
    });
    expect(rebuilt).not.toHaveProperty("reproducible");
    const refused = await plan("bytesPerInode: 65536, way: in-place");
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain("needs-rebuild");
  });
});
