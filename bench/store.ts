/**
 * Images and the store, against cp and openssl, and against casync, in the same run (docs/performance.md, "Images and
 * the store").
 *
 *     node bench/store.ts [--only import|root|seal|job] [--rounds N] [--dir FOLDER] [--root FILE] [--job-store FOLDER]
 *
 * Needs openssl, casync, e2fsprogs, and 25 GiB free in `--dir`. `--root`: an ext4 file (tplgraph artifacts export);
 * without it that line is left out. `--job-store`: a store in which the main job was built, likewise.
 */
import { execFileSync } from "node:child_process";
import { randomFillSync } from "node:crypto";
import {
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { artifactParts } from "../src/cli/artifact-parts.ts";
import type { Digest, ImageArtifact } from "../src/engine/artifact.ts";
import type { BlobStore } from "../src/engine/blobs.ts";
import { chunkDigests, emptyMap, importFile, loadMap, openView } from "../src/image/index.ts";
import { folderBlobs } from "../src/store/blobs/folder.ts";
import { openStore } from "../src/store/store.ts";
import { primeMemory } from "./primed-memory.ts";

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    rounds: { type: "string", default: "3" },
    dir: { type: "string", default: tmpdir() },
    root: { type: "string" },
    "job-store": { type: "string" },
  },
});
const folder = mkdtempSync(join(values.dir, "tplgraph-bench-store-"));
try {
  if (isWanted("import")) await importOfRandomData(Number(values.rounds));
  if (isWanted("root") && values.root) await importOfGrownRoot(values.root);
  if (isWanted("seal")) await sealOfLargeImage();
  if (isWanted("job") && values["job-store"]) await wholeStore(values["job-store"]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function isWanted(part: string): boolean {
  return (values.only ?? part) === part;
}

async function importOfRandomData(rounds: number): Promise<void> {
  const file = join(folder, "random");
  randomFile(file, GIB);
  const ours: number[] = [];
  const copyAndHash: number[] = [];
  const casync: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await primeMemory(folder, GIB / MIB);
    ours.push(await inNewStore((blobs) => importFile(blobs, file)));
    await primeMemory(folder, GIB / MIB);
    copyAndHash.push(
      await seconds(() => {
        execFileSync("cp", [file, join(folder, "copy")]);
        execFileSync("openssl", ["dgst", "-sha256", join(folder, "copy")]);
      }),
    );
    rmSync(join(folder, "copy"));
    if (round > 0) continue;
    await primeMemory(folder, GIB / MIB);
    casync.push(await seconds(() => casyncMake(file)));
  }
  print("import of 1 GiB of random data", `${median(ours).toFixed(2)} s`);
  print(
    "  cp, then openssl dgst -sha256",
    `${median(copyAndHash).toFixed(2)} s`,
    median(ours) / median(copyAndHash),
  );
  print("  casync make (once)", `${median(casync).toFixed(2)} s`, median(ours) / median(casync));
  rmSync(file);
}

async function importOfGrownRoot(root: string): Promise<void> {
  const file = join(folder, "root");
  copyFileSync(root, file);
  truncateSync(file, GIB);
  execFileSync("resize2fs", [file], { stdio: "ignore" });
  const store = join(folder, "grown");
  await importInto(store, file);
  casyncMake(file);
  truncateSync(file, 4 * GIB);
  execFileSync("resize2fs", [file], { stdio: "ignore" });
  const [before, casyncBefore] = [usedBytes(store), usedBytes(join(folder, "casync"))];
  const ours = await seconds(() => importInto(store, file));
  const grown = usedBytes(store) - before;
  const casync = await seconds(() => casyncMake(file));
  print("import of the root grown to 4 GiB", `${ours.toFixed(2)} s, +${(grown / MIB).toFixed(2)} MiB`);
  const casyncGrown = usedBytes(join(folder, "casync")) - casyncBefore;
  print("  casync make", `${casync.toFixed(2)} s, +${(casyncGrown / MIB).toFixed(2)} MiB`, ours / casync);
  for (const name of ["root", "grown", "casync"]) rmSync(join(folder, name), { recursive: true });
}

/** With the index written back when it is done, as at the end of a command. */
async function importInto(store: string, file: string): Promise<void> {
  const blobs = folderBlobs(store);
  await importFile(blobs, file);
  blobs.close?.();
}

/** 10 GiB of which every chunk is present and different; then 1 MiB changed, together or in 256 places. */
async function sealOfLargeImage(): Promise<void> {
  const store = join(folder, "large");
  let blobs = folderBlobs(store);
  const sizeBytes = 10 * GIB;
  const first = await openView({ blobs, map: emptyMap(sizeBytes), overlayPath: join(folder, "overlay") });
  const data = Buffer.allocUnsafe(4 * MIB);
  for (let offset = 0; offset < sizeBytes; offset += data.length)
    await first.write(offset, randomFillSync(data));
  let image: ImageArtifact | undefined;
  const all = await seconds(async () => {
    image = await first.seal();
  });
  await first.close();
  print("seal of 10 GiB, all written", `${all.toFixed(2)} s`);
  print("  most memory of the process", `${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`);
  const map = await loadMap(blobs, image!);
  blobs.close?.();
  for (const [name, places] of [
    ["in one place", 1],
    ["in 16 places of 64 KiB", 16],
    ["in 256 places of 4 KiB", 256],
  ] as const) {
    blobs = folderBlobs(store);
    const view = await openView({ blobs, map, overlayPath: join(folder, "overlay") });
    const part = Buffer.allocUnsafe(MIB / places);
    for (let place = 0; place < places; place++)
      await view.write((sizeBytes / places) * place + 64 * 1024, randomFillSync(part));
    const before = usedBytes(store);
    const took = await seconds(() => view.seal());
    blobs.close?.();
    print(
      `seal after 1 MiB of it changed ${name}`,
      `${(took * 1000).toFixed(1)} ms, +${((usedBytes(store) - before) / MIB).toFixed(2)} MiB`,
    );
    await view.close();
  }
  rmSync(store, { recursive: true });
}

/** What a store takes on the disk, against the bytes of the chunks in its images, each once. */
async function wholeStore(path: string): Promise<void> {
  await using store = await openStore({ path, mode: "read", parts: artifactParts });
  const chunks = new Set<Digest>();
  const take = async (image: ImageArtifact) => {
    for (const digest of chunkDigests(await loadMap(store.blobs, image))) chunks.add(digest);
  };
  for (const { artifact } of await store.artifacts()) {
    if (artifact.type === "image") await take(artifact);
    if (artifact.type !== "snapshot") continue;
    const { parseManifest } = await import("../src/vm/snapshot.ts");
    const { disk, memory } = parseManifest(await store.blobs.get(artifact.digest));
    await take(disk);
    await take(memory);
  }
  const distinct = chunks.size * 64 * 1024;
  print("the main job's whole store", `${(usedBytes(path) / MIB).toFixed(1)} MiB`);
  print("  distinct data of its images", `${(distinct / MIB).toFixed(1)} MiB`, usedBytes(path) / distinct);
}

async function inNewStore(work: (blobs: BlobStore) => Promise<unknown>): Promise<number> {
  const path = join(folder, "store");
  const blobs = folderBlobs(path);
  const took = await seconds(() => work(blobs));
  blobs.close?.();
  rmSync(path, { recursive: true });
  return took;
}

function casyncMake(file: string): void {
  execFileSync("casync", ["make", `--store=${join(folder, "casync")}`, join(folder, "index.caibx"), file], {
    stdio: "ignore",
  });
}

function randomFile(path: string, sizeBytes: number): void {
  const descriptor = openSync(path, "wx");
  const data = Buffer.allocUnsafe(4 * MIB);
  for (let at = 0; at < sizeBytes; at += data.length) writeSync(descriptor, randomFillSync(data));
  closeSync(descriptor);
}

/** On the disk. */
function usedBytes(path: string): number {
  if (!statSync(path, { throwIfNoEntry: false })) return 0;
  return Number(execFileSync("du", ["-s", "--block-size=1", path], { encoding: "utf8" }).split("\t")[0]);
}

async function seconds(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function print(what: string, value: string, ratio?: number): void {
  console.log(
    `${what.padEnd(50)} ${value.padStart(22)}${ratio === undefined ? "" : `   ours is ${ratio.toFixed(3)} x`}`,
  );
}
