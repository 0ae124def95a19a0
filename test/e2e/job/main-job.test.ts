import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { RunRecord } from "../../../src/engine/run/record.ts";
import { build, cli, PATH, store, temporaryFolder } from "../cli.ts";
import { leftovers } from "../leftovers.ts";

const NINE = [
  "nbd/attach-source",
  "ext4/mkfs",
  "rsync/copy",
  "provision/overlay",
  "ext4/shrink",
  "ext4/resize",
  "ext4/fsck",
  "provision/run",
  "snapshot/create",
];

interface PlanJson {
  nodes: { id: string; uses: string; kind: string; fate: string; needs: string[] }[];
  summary: Record<string, number>;
}

async function planOf(template: string, ...args: string[]): Promise<PlanJson> {
  const { stdout } = await cli(["plan", template, "--format", "json", ...args]);
  return JSON.parse(stdout) as PlanJson;
}

const artifactFates = (plan: PlanJson) =>
  new Set(plan.nodes.filter((node) => node.kind === "artifact").map((node) => node.fate));

describe.each(["templates/python.yaml", "templates/grow.yaml"])("%s", (template) => {
  let record: RunRecord;
  beforeAll(async () => {
    record = await build([template]);
  }, 900_000);

  it("builds, with a root file system and a snapshot as outputs", () => {
    expect(record.ok).toBe(true);
    expect(record.outputs).toMatchObject({ rootfs: { type: "image" }, snapshot: { type: "snapshot" } });
    expect(leftovers(store)).toEqual([]);
  });

  it("is all hits when run again, acquiring nothing", async () => {
    const events: string[] = [];
    const again = await cli(["run", template, "--progress", "json"], {
      onEvent: (event) => void events.push(event.type === "node-finished" ? event.status : event.type),
    });
    expect(again.exitCode).toBe(0);
    expect(new Set(events)).toEqual(new Set(["run-started", "hit", "run-finished"]));
    expect(artifactFates(await planOf(template))).toEqual(new Set(["hit"]));
  });
});

describe("the main job", () => {
  it("goes through all nine step types", async () => {
    const { nodes } = await planOf("templates/python.yaml");
    expect(NINE.filter((uses) => !nodes.some((node) => node.uses === uses))).toEqual([]);
  });

  it("cached, starts no process and mounts nothing", async () => {
    await using folder = await temporaryFolder();
    const trace = join(folder.path, "trace");
    execFileSync(
      "strace",
      [
        "-f",
        "-e",
        "trace=execve,mount,clone,fork,vfork",
        "-o",
        trace,
        process.execPath,
        "dist/cli/main.js",
      ].concat(["run", "templates/python.yaml", "--progress", "plain"]),
      { env: { ...process.env, TPLGRAPH_STORE: store, PATH }, stdio: "ignore" },
    );
    const calls = readFileSync(trace, "utf8").split("\n");
    expect(calls.filter((line) => line.includes("execve("))).toHaveLength(1);
    expect(calls.filter((line) => /mount\(|[^_]fork\(|clone\((?!.*CLONE_THREAD)/.test(line))).toEqual([]);
  });

  it("cached, needs neither root nor a writable store", async () => {
    await using folder = await temporaryFolder();
    execFileSync("chmod", ["-R", "a+rX", store]);
    const result = await cli(["run", "templates/python.yaml", "--progress", "plain"], {
      uid: 65534,
      env: { HOME: folder.path, NODE_COMPILE_CACHE: "" },
    });
    expect(result).toMatchObject({ exitCode: 0 });
  });

  it("rebuilds exactly what depends on the disk's size, says so before, and comes back to hits", async () => {
    const plan = await planOf("templates/python.yaml", "-p", "diskMiB=1800");
    const changed = new Set<string>();
    for (const node of plan.nodes) {
      const sized = node.fate === "miss" && node.kind === "artifact";
      if (sized || node.needs.some((need) => changed.has(need))) changed.add(node.id);
    }
    const rebuilt = plan.nodes.filter((node) => node.kind === "artifact" && node.fate !== "hit");
    expect(rebuilt.map((node) => node.id).filter((id) => !changed.has(id))).toEqual([]);
    expect(plan.nodes.find((node) => node.uses === "bootstrap/debian")?.fate).toBe("hit");
    // Pending at first; a miss once the tests' store, which is kept, has what stands above it.
    expect(plan.nodes.find((node) => node.uses === "provision/run")?.fate).toMatch(/pending|miss/);
    const fsck = plan.nodes.find((node) => node.uses === "ext4/fsck" && !node.id.includes("/"))!;
    const record = await build(["templates/python.yaml", "-p", "diskMiB=1800", "--target", fsck.id]);
    const built = Object.entries(record.nodes).filter(([, node]) => node.status === "built");
    expect(built.map(([id]) => id).filter((id) => !changed.has(id))).toEqual([]);
    expect(artifactFates(await planOf("templates/python.yaml"))).toEqual(new Set(["hit"]));
  }, 300_000);

  it("prints a plan that exits 3 with work to do and 0 without", async () => {
    expect((await cli(["plan", "templates/python.yaml", "--exit-code"])).exitCode).toBe(0);
    expect((await cli(["plan", "templates/python.yaml", "--exit-code", "-p", "diskMiB=1801"])).exitCode).toBe(
      3,
    );
  });
});
