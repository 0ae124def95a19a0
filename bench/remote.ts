/**
 * A store in S3 and a machine that has nothing yet, beside rclone with the same bytes as plain objects on the same
 * server, in the same run (docs/performance.md, "From far away"): `node bench/remote.ts`, as root, after `npm run build`.
 *
 *     --store FOLDER   a store that has base.yaml's image, as it is built now; else it is built (40 s)
 *     --rounds N       (3)
 *     --mib N          how much random data (1024)
 *     --only WHAT      mount | grow | transfer, several with commas
 *
 * The server is OpenStack Swift with s3api, five processes on the loopback, as the tests start it. Times are taken on the
 * way straight to it; bytes in a round of their own, through a proxy that counts. Needs rclone, and 8 GiB free in /var/tmp.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { artifactParts, innerImages } from "../src/cli/artifact-parts.ts";
import type { ImageArtifact } from "../src/engine/artifact.ts";
import { importFile } from "../src/image/index.ts";
import { openStore } from "../src/store/store.ts";
import { type FaultProxy, startFaultProxy } from "../test/e2e/s3/fault-proxy.ts";
import { makeBucket, type Swift, startSwift } from "../test/e2e/s3/swift.ts";
import { runTemplate, tplgraph } from "./main-job/our-steps.ts";
import { median } from "./median.ts";
import { randomFile } from "./random-file.ts";
import { mountedListing, plainListing } from "./remote/listing.ts";
import { BUCKET, rclone } from "./remote/rclone.ts";

const MIB = 2 ** 20;

const { values: flags } = parseArgs({
  options: {
    store: { type: "string" },
    rounds: { type: "string", default: "3" },
    mib: { type: "string", default: "1024" },
    only: { type: "string", default: "mount,grow,transfer" },
  },
});
const only = flags.only.split(",");
const rounds = Number(flags.rounds);

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => interrupted.abort(new Error(`ended by ${signal}`)));
const work = await mkdtemp("/var/tmp/tplgraph-bench-remote-");
try {
  await using swift = await startSwift();
  await using proxy = await startFaultProxy(swift.endpoint);
  process.env.AWS_ACCESS_KEY_ID = swift.credentials.accessKeyId;
  process.env.AWS_SECRET_ACCESS_KEY = swift.credentials.secretAccessKey;
  await makeBucket(swift, BUCKET);
  await bench(swift, proxy);
} finally {
  await rm(work, { recursive: true, force: true });
}

async function bench(swift: Swift, proxy: FaultProxy): Promise<void> {
  const store = flags.store ?? (await made("built"));
  await runTemplate("base.yaml", store, []);
  const [direct, counted] = [
    await configuration("direct", swift, ""),
    await configuration("counted", swift, "", proxy),
  ];
  const base = await imageOf(store, "base:latest");
  const load = loadavg()[0]!.toFixed(1);
  console.log(`${cpus().length} processors, ${rounds} rounds, load ${load} at the start\n`);
  console.log("| what | seconds | bytes moved | of | beside, seconds | bytes |");
  console.log("| --- | ---: | ---: | ---: | ---: | ---: |");
  if (only.includes("transfer")) await transfers(swift, proxy, store);
  await tplgraph(["store", "push", "base:latest", "--store", store, "--config", direct]);
  const root = join(work, "root.raw");
  await tplgraph(["artifacts", "export", "base:latest", "-o", root, "--store", store]);
  await rclone(swift, "copyto", root, `plain/root`);
  if (only.includes("mount")) await mounting(swift, proxy, { direct, counted, imageBytes: base.bytes });
  if (only.includes("grow")) await growing(proxy, { direct, counted, imageBytes: base.bytes });
}

interface Ways {
  /** Configurations: straight to the server, and through the proxy. */
  direct: string;
  counted: string;
  imageBytes: number;
}

/** Beside: the whole image fetched by rclone, and mounted through a loop device. */
async function mounting(
  swift: Swift,
  proxy: FaultProxy,
  { direct, counted, imageBytes }: Ways,
): Promise<void> {
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    interrupted.signal.throwIfAborted();
    ours.push(await mountedListing(direct, { empty: await fresh("empty"), dir: await made("mount-point") }));
    theirs.push(
      await plainListing(swift, "plain/root", {
        file: await fresh("plain.raw"),
        dir: await made("mount-point"),
      }),
    );
  }
  proxy.reset();
  await mountedListing(counted, { empty: await fresh("empty"), dir: await made("mount-point") });
  const bytes = proxy.fetchedBytes;
  row("mount the root, list /", ours, bytes, imageBytes, theirs, imageBytes);
}

/** Beside: the same with the image in the local store. */
async function growing(proxy: FaultProxy, { direct, counted, imageBytes }: Ways): Promise<void> {
  const near = await made("near");
  await tplgraph(["store", "pull", "base:latest", "--store", near, "--config", direct]);
  await runTemplate("grow.yaml", near, ["--target", "grown", "-p", "diskMiB=2999", "--config", direct]);
  // A size that nobody has built.
  const args = (config: string, mib: number) => [
    "--target",
    "checked",
    "-p",
    `diskMiB=${mib}`,
    "--config",
    config,
  ];
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    interrupted.signal.throwIfAborted();
    const there = await runTemplate("grow.yaml", await made("empty"), args(direct, 3000 + round));
    ours.push(there.commandSeconds);
    theirs.push((await runTemplate("grow.yaml", near, args(direct, 3000 + round))).commandSeconds);
  }
  proxy.reset();
  await runTemplate("grow.yaml", await made("empty"), args(counted, 3100));
  row("grow the root, overlay, check", ours, proxy.fetchedBytes, imageBytes, theirs, 0);
}

async function transfers(swift: Swift, proxy: FaultProxy, store: string): Promise<void> {
  const random = join(work, "random.raw");
  await randomFile(random, Number(flags.mib));
  const local = join(work, "local");
  await nameImage(local, "random", random);
  const root = join(work, "exported.raw");
  await tplgraph(["artifacts", "export", "base:latest", "-o", root, "--store", store]);
  await nameImage(local, "root", root);
  for (const [name, file] of [
    ["random", random],
    ["root", root],
  ] as const) {
    const times = { push: [], again: [], pull: [], upload: [], download: [] } as Record<string, number[]>;
    const timed = async (what: string, work: () => Promise<unknown>) => {
      const began = performance.now();
      await work();
      times[what]!.push((performance.now() - began) / 1000);
    };
    const push = (config: string) =>
      tplgraph(["store", "push", `${name}:latest`, "--store", local, "--config", config]);
    const pull = (config: string, into: string) =>
      tplgraph(["store", "pull", `${name}:latest`, "--store", into, "--config", config]);
    let config = "";
    for (let round = 0; round < rounds; round++) {
      interrupted.signal.throwIfAborted();
      config = await configuration(`${name}-${round}`, swift, `${name}-${round}`);
      await timed("push", () => push(config));
      await timed("upload", () => rclone(swift, "copyto", file, `plain/${name}-${round}`));
      await timed("again", () => push(config));
      const into = await fresh("empty");
      await timed("pull", () => pull(config, into));
      const plain = await fresh("plain.raw");
      await timed("download", () => rclone(swift, "copyto", `plain/${name}-${round}`, plain));
    }
    const bytes = Number(flags.mib) * MIB;
    const counted = await configuration("counted-transfer", swift, `${name}-counted`, proxy);
    const measured = async (work: () => Promise<unknown>) => {
      proxy.reset();
      await work();
      return proxy.sentBytes + proxy.fetchedBytes;
    };
    const sent = await measured(() => push(counted));
    row(`push ${name}`, times.push!, sent, bytes, times.upload!, bytes);
    row(`push ${name} again`, times.again!, await measured(() => push(counted)), bytes, [], 0);
    const into = await fresh("empty");
    row(
      `pull ${name}`,
      times.pull!,
      await measured(() => pull(counted, into)),
      bytes,
      times.download!,
      bytes,
    );
  }
}

function row(what: string, ours: number[], moved: number, of: number, theirs: number[], plain: number): void {
  const seconds = (all: number[]) => (all.length === 0 ? "" : median(all).toFixed(2));
  const cells = [
    what,
    seconds(ours),
    `${(moved / MIB).toFixed(1)} MiB`,
    `${((100 * moved) / of).toFixed(2)} %`,
    seconds(theirs),
    plain === 0 ? "" : `${(plain / MIB).toFixed(0)} MiB`,
  ];
  console.log(`| ${cells.join(" | ")} |`);
}

/** A configuration file; `prefix`: of the remote in the bucket. */
async function configuration(
  name: string,
  swift: Swift,
  prefix: string,
  proxy?: FaultProxy,
): Promise<string> {
  const file = join(work, `${name}.json`);
  const { endpoint } = proxy ?? swift;
  const url = `s3://${BUCKET}/team-${prefix}`;
  await writeFile(file, JSON.stringify({ remote: { url, endpoint, region: swift.region, pathStyle: true } }));
  return file;
}

async function imageOf(path: string, ref: string): Promise<ImageArtifact> {
  await using store = await openStore({ path, create: "never" });
  return (await store.resolveRef(ref, { type: "image" })) as ImageArtifact;
}

async function nameImage(path: string, name: string, file: string): Promise<void> {
  await using store = await openStore({ path, parts: artifactParts, inner: innerImages });
  await store.refs.set(`${name}:latest`, { outputs: { image: await importFile(store.blobs, file) } });
}

/** A path of the work folder where nothing is. */
async function fresh(name: string): Promise<string> {
  const path = join(work, name);
  await rm(path, { recursive: true, force: true });
  return path;
}

async function made(name: string): Promise<string> {
  const path = await fresh(name);
  await mkdir(path);
  return path;
}
