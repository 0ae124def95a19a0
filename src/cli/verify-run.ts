/** `run --verify`: builds again what was built, and tells where the bytes differ. */
import type { ImageArtifact } from "../engine/artifact.ts";
import { nodesMeant } from "../engine/plan/targets.ts";
import { errorData } from "../engine/run/error-data.ts";
import type { DifferingOutput, Verdict } from "../engine/run/verify.ts";
import { cleanupFailures } from "../views/error.ts";
import { verdictText, verificationSummary } from "../views/verification.ts";
import type { Cli } from "./command.ts";
import { EXIT } from "./exit-status.ts";
import { listenForInterruption } from "./interruption.ts";
import type { PlannedTemplate } from "./plan-template.ts";
import { withStepContext } from "./step-surroundings.ts";

/** `steps`: as on the command line; empty: all. `planned` is of a template that was built. Returns the exit status. */
export async function verifyRun(
  cli: Cli,
  { plan, options, store }: PlannedTemplate,
  steps: readonly string[],
): Promise<number> {
  const { terminal, flags } = cli;
  const nodes = steps.length > 0 ? new Set(nodesMeant(plan.graph, steps)) : undefined;
  const { verifyPlan } = await import("../engine/run/verify.ts");
  using interruption = listenForInterruption({
    onFirst: () => terminal.err("interrupted: stopping what runs, then cleaning up"),
    onAgain: () => terminal.err("still cleaning up"),
  });
  const { signal } = interruption;
  const places = new Map<DifferingOutput, string>();
  const { verdicts, cleanup } = await verifyPlan(plan, {
    ...options,
    ...(nodes ? { nodes } : {}),
    signal,
    async startServices(run) {
      const { runServices } = await import("../run-services.ts");
      return runServices(store, () => {})(run);
    },
    onVerdict: (verdict) => terminal.err(verdictText(verdict, terminal.errPaint)),
  });
  for (const verdict of verdicts)
    if (verdict.status === "differs" && !signal.aborted)
      for (const output of verdict.outputs)
        places.set(output, await placeOf(output, { cli, store, node: verdict.node, signal }));
  if (cleanup.length > 0)
    terminal.err(
      cleanupFailures(cleanup.map((failure) => ({ ...failure, error: errorData(failure.error) }))),
    );
  if (flags.json) terminal.out(JSON.stringify(asDocument(verdicts, places)));
  else terminal.out(verificationSummary(verdicts, (output) => places.get(output), terminal.outPaint));
  return exitStatus(verdicts, { interrupted: interruption.happened, released: cleanup.length === 0 });
}

function exitStatus(
  verdicts: readonly Verdict[],
  { interrupted, released }: { interrupted: boolean; released: boolean },
): number {
  if (interrupted) return EXIT.interrupted;
  if (verdicts.some(({ status }) => status === "differs" || status === "failed")) return EXIT.failed;
  return released ? EXIT.done : EXIT.notReleased;
}

interface Around {
  cli: Cli;
  store: PlannedTemplate["store"];
  node: string;
  signal: AbortSignal;
}

/** The first range that differs, and what is there. */
async function placeOf({ stored, rebuilt }: DifferingOutput, around: Around): Promise<string> {
  if (stored.type !== "image" || rebuilt.type !== "image") return "";
  const { firstDifference } = await import("../image/first-difference.ts");
  const range = await firstDifference(around.store.blobs, stored, rebuilt, { signal: around.signal });
  if (!range) return `in size: ${stored.bytes} and ${rebuilt.bytes} bytes`;
  const last = range.offset + range.lengthBytes - 1;
  const what = await ownerOf(stored, range.offset, around);
  return `from byte ${range.offset} to ${last}: ${what}`;
}

/** By e2fsprogs, of the stored image. */
async function ownerOf(image: ImageArtifact, offset: number, around: Around): Promise<string> {
  const { placeOfBlock, SUPERBLOCK_OFFSET, superblockIn } = await import("../plugins/ext4/index.ts");
  const { readImageHead } = await import("../image/read-head.ts");
  const head = await readImageHead(around.store.blobs, image, 2 * SUPERBLOCK_OFFSET);
  const superblock = superblockIn(head);
  if (!superblock) return "the image holds no ext4 file system";
  if (offset >= SUPERBLOCK_OFFSET && offset < 2 * SUPERBLOCK_OFFSET) return "the superblock";
  const { blockSizeBytes } = superblock;
  const { terminal } = around.cli;
  const surroundings = { store: around.store, name: around.node, signal: around.signal, log: () => {} };
  return withStepContext({ ...surroundings, tell: (text) => terminal.err(text) }, async (step) => {
    const disk = await step.openDisk({ image, readOnly: true });
    const block = Math.floor(offset / blockSizeBytes);
    return placeOfBlock(step, await disk.file(), { block, blockOffset: offset % blockSizeBytes });
  });
}

function asDocument(verdicts: readonly Verdict[], places: ReadonlyMap<DifferingOutput, string>) {
  const nodes = verdicts.map((verdict) =>
    verdict.status === "differs"
      ? {
          ...verdict,
          outputs: verdict.outputs.map((output) => ({ ...output, where: places.get(output) ?? "" })),
        }
      : verdict,
  );
  return { schema: "tplgraph.verification/1", nodes };
}
