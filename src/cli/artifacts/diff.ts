/** `tplgraph artifacts diff A B`: which ranges of two images differ, and which files. Needs no root and no mount. */
import type { Artifact, ImageArtifact } from "../../engine/artifact.ts";
import { TplError } from "../../engine/errors.ts";
import type { DifferingRange } from "../../image/differing-ranges.ts";
import type { FileDifference, TreeEntry } from "../../plugins/ext4/index.ts";
import type { Store } from "../../store/store.ts";
import { type ChangedFile, type DiffReport, diffText, type FileFacts } from "../../views/diff-text.ts";
import { printable } from "../../views/text-width.ts";
import type { Cli } from "../command.ts";
import { disowningDamage } from "../disown-damage.ts";
import { EXIT } from "../exit-status.ts";
import { failing } from "../failing.ts";
import { holding } from "../holding.ts";
import { tellInterruption } from "../interruption.ts";
import { openWorkspace } from "../workspace.ts";
import { checkedImage } from "./checked-image.ts";

/** Neither: both, with the ranges counted only. */
export interface DiffFlags {
  ranges?: boolean;
  files?: boolean;
}

export async function diffArtifacts(cli: Cli, asked: DiffFlags, refs: [string, string]): Promise<number> {
  const { flags, terminal } = cli;
  await using workspace = await openWorkspace(flags, { create: "if-shared" });
  const store = await workspace.store();
  const [a, b] = [await sideOf(store, refs[0]), await sideOf(store, refs[1])];
  if (a.type !== b.type)
    throw new TplError({
      code: "not-comparable",
      message: `${printable(refs[0])} is of type ${a.type}, and ${printable(refs[1])} of type ${b.type}`,
      hint: "compare two images, or two snapshots",
    });
  using interruption = tellInterruption(terminal);
  const both = !asked.ranges && !asked.files;
  return await failing(
    cli,
    async () => {
      const compared = await holding(store, [a.disk, b.disk], () =>
        disowningDamage(store, () =>
          compare(cli, { store, a, b, files: both || asked.files === true, signal: interruption.signal }),
        ),
      );
      const { ranges, ...rest } = compared;
      const report: DiffReport = both || asked.ranges ? { ...rest, ranges } : rest;
      terminal.out(
        flags.json
          ? JSON.stringify({ schema: "tplgraph.diff/1", ...report }, null, 2)
          : diffText(report, { paint: terminal.outPaint, ranges: asked.ranges ? "listed" : "counted" }),
      );
      return EXIT.done;
    },
    interruption,
  );
}

/** Something with a disk. */
interface Side {
  ref: string;
  type: "image" | "snapshot";
  digest: string;
  disk: ImageArtifact;
  memoryBytes?: number;
}

async function sideOf(store: Store, ref: string): Promise<Side> {
  const artifact: Artifact = await store.resolveRef(ref);
  const { digest } = artifact;
  if (artifact.type === "image") return { ref: printable(ref), type: "image", digest, disk: artifact };
  if (artifact.type === "snapshot") {
    const { parseManifest } = await import("../../vm/snapshot.ts");
    const { disk, memory } = parseManifest(await store.readBlob(digest));
    return { ref: printable(ref), type: "snapshot", digest, disk, memoryBytes: memory.bytes };
  }
  throw new TplError({
    code: "not-comparable",
    message: `${printable(ref)} is of type ${artifact.type}, which has no disk`,
    hint: "compare two images, or two snapshots",
  });
}

interface Comparison {
  store: Store;
  a: Side;
  b: Side;
  files: boolean;
  signal: AbortSignal;
}

async function compare(cli: Cli, what: Comparison): Promise<DiffReport & { ranges: DifferingRange[] }> {
  const { store, a, b, signal } = what;
  const { differingRanges } = await import("../../image/differing-ranges.ts");
  const ranges = await differingRanges(store.blobs, a.disk, b.disk, { signal });
  const [sideA, sideB] = [a, b].map(({ ref, type, digest, disk }) => ({
    ref,
    type,
    digest,
    bytes: disk.bytes,
  }));
  return {
    a: sideA!,
    b: sideB!,
    ...(a.memoryBytes === undefined ? {} : { memory: { a: a.memoryBytes, b: b.memoryBytes! } }),
    ranges,
    ...(what.files ? await compareFiles(cli, what, ranges) : {}),
  };
}

/** What cannot be read as a file system has ranges only, and the report says why. */
async function compareFiles(
  cli: Cli,
  { store, a, b, signal }: Comparison,
  ranges: readonly DifferingRange[],
): Promise<Pick<DiffReport, "files" | "filesWhy">> {
  if (ranges.length === 0) return { files: [] };
  const { compareTrees, shownPath } = await import("../../plugins/ext4/index.ts");
  const { loadMap } = await import("../../image/stored-map.ts");
  const { openView } = await import("../../image/view.ts");
  const checked = [
    await checkedImage(cli, store, a.disk, signal),
    await checkedImage(cli, store, b.disk, signal),
  ];
  const wasClean = checked[0] === a.disk && checked[1] === b.disk;
  const open = async (image: ImageArtifact) =>
    openView({ blobs: store.blobs, map: await loadMap(store.blobs, image), overlayPath: "", readOnly: true });
  const [viewA, viewB] = [await open(checked[0]!), await open(checked[1]!)];
  try {
    const areAlike = (offset: number, length: number) => wasClean && isOutside(ranges, offset, length);
    const differences = await compareTrees(viewA, viewB, { areAlike, signal });
    if (!differences) return { files: null, filesWhy: "there is no ext4 file system in both" };
    return { files: differences.map((difference) => shown(difference, shownPath)) };
  } catch (error) {
    const fault = viewA.fault() ?? viewB.fault();
    if (fault) throw fault;
    if (!(error instanceof TplError && error.code.startsWith("ext4-"))) throw error;
    return { files: null, filesWhy: error.message };
  } finally {
    await Promise.all([viewA.close(), viewB.close()]);
  }
}

/** `ranges` are ascending. */
function isOutside(ranges: readonly DifferingRange[], offset: number, length: number): boolean {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const range = ranges[middle]!;
    if (range.offset + range.length > offset) high = middle;
    else low = middle + 1;
  }
  const next = ranges[low];
  return next === undefined || next.offset >= offset + length;
}

function shown(
  { path, kind, before, after, aspects }: FileDifference,
  shownPath: (path: string) => string,
): ChangedFile {
  const facts = ({ type, mode, uid, gid, sizeBytes, target }: TreeEntry): FileFacts => ({
    type,
    mode: mode.toString(8).padStart(4, "0"),
    uid,
    gid,
    bytes: sizeBytes,
    ...(target === undefined ? {} : { target: shownPath(target) }),
  });
  return {
    path: shownPath(path),
    kind,
    ...(before ? { before: facts(before) } : {}),
    ...(after ? { after: facts(after) } : {}),
    changed: aspects,
  };
}
