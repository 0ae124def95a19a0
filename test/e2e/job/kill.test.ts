import { beforeAll, describe, expect, it } from "vitest";
import type { RunEvent } from "../../../src/engine/run/event.ts";
import { build, cli, start, store } from "../cli.ts";
import { leftovers } from "../leftovers.ts";

/**
 * A run that is told to stop, or is killed, in the middle of each of the nine steps. `--force STEP` makes that
 * step run although it is cached; a resource is acquired by forcing its consumer.
 */
const STEPS = [
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

let ids: Map<string, string>;

beforeAll(async () => {
  await build(["templates/python.yaml"]);
  const { stdout } = await cli(["plan", "templates/python.yaml", "--format", "json"]);
  const nodes = (JSON.parse(stdout) as { nodes: { id: string; uses: string }[] }).nodes;
  ids = new Map(nodes.filter((node) => !node.id.includes("/")).map((node) => [node.uses, node.id]));
}, 900_000);

describe.each(STEPS)("during %s", (uses) => {
  it.each(["SIGINT", "SIGTERM", "SIGKILL"] as const)(
    "%s leaves nothing",
    async (signal) => {
      const step = ids.get(uses)!;
      const forced = uses === "nbd/attach-source" ? ids.get("rsync/copy")! : step;
      let inside = false;
      const run = start(["run", "templates/python.yaml", "--force", forced, "--progress", "json"], {
        onEvent(event, child) {
          if (inside || !isInside(event, step, uses)) return;
          inside = true;
          child.kill(signal);
        },
      });
      const result = await run.done;
      expect(inside, result.stderr.slice(-2000)).toBe(true);
      if (signal === "SIGKILL") expect(result.signal).toBe("SIGKILL");
      else expect(result.exitCode, result.stderr.slice(-2000)).toBe(130);
      // For a run that was killed the disk host has 5 s; one that was told to stop has cleaned up before it ended.
      await expect.poll(() => leftovers(store), { timeout: signal === "SIGKILL" ? 5000 : 100 }).toEqual([]);
    },
    120_000,
  );
});

it("the next run succeeds", async () => {
  const forced = STEPS.slice(1, 7).flatMap((uses) => ["--force", ids.get(uses)!]);
  const target = ["--target", ids.get("ext4/fsck")!];
  // On a disk of another size, so that what the other tests find cached stays as it is.
  const record = await build(["templates/python.yaml", "-p", "diskMiB=1700", ...forced, ...target]);
  expect(record.counts).toMatchObject({ built: 6, failed: 0 });
  expect((await build(["templates/python.yaml"])).ok).toBe(true);
}, 600_000);

/** The step has begun; where it works for long, it is in the middle: a copy has copied, a VM has said something. */
function isInside(event: RunEvent, step: string, uses: string): boolean {
  if (!("node" in event) || event.node !== step) return false;
  if (uses === "rsync/copy") return event.type === "node-progress";
  if (uses === "provision/run" || uses === "snapshot/create")
    return event.type === "node-log" && event.line.startsWith("console: ");
  return event.type === "node-started";
}
