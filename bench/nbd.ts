/**
 * How fast disks are served, beside nbdkit and qemu-nbd, in the same run: `node bench/nbd.ts`, after `npm run build`,
 * with a warm page cache. Rounds alternate between the servers, forth and back; medians are printed, of the time that the
 * client took and of the processor time of the server, which says more on a machine that does other work as well. What it
 * makes is removed, however it ends.
 *
 * --rounds N     (5)
 * --root FILE    a raw ext4 image, the Debian root; without it base.yaml is built (needs root)
 * --only WHAT    read | random | write | memory, several with commas
 * --mib N        how much random data, and a tenth of what the memory is measured with (1024)
 */
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { importFile } from "../src/image/index.ts";
import { openStore } from "../src/store/store.ts";
import { runTemplate, tplgraph } from "./main-job/our-steps.ts";
import { median } from "./median.ts";
import { copySeconds, fillRandomly, randomReadSeconds } from "./nbd/clients.ts";
import {
  type Content,
  type Server,
  serveNbdkit,
  serveNbdkitCow,
  serveOurs,
  serveOursToRead,
  serveQemuNbd,
} from "./nbd/servers.ts";
import { primeMemory } from "./primed-memory.ts";
import { randomFile } from "./random-file.ts";

const MIB = 1024 * 1024;
const RANDOM_READS = 100_000;

const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    root: { type: "string" },
    only: { type: "string", default: "read,random,write,memory" },
    mib: { type: "string", default: "1024" },
  },
});
const only = flags.only.split(",");
const rounds = Number(flags.rounds);
const sizeMib = Number(flags.mib);

type Serve = (work: string, content: Content) => Promise<Server>;
const ours: Serve = (work, { store, image }) => serveOurs(work, { store, image, sizeBytes: image.bytes });
/** After the machine has started: nothing is remembered as verified. */
const oursUnverified: Serve = async (work, content) => {
  const packs = join(content.store, "packs");
  for (const name of await readdir(packs)) if (name.endsWith(".verified")) await rm(join(packs, name));
  return serveOursToRead(work, content);
};
const readers: Record<string, Serve> = {
  tplgraph: serveOursToRead,
  nbdkit: serveNbdkit,
  "qemu-nbd": serveQemuNbd,
};
const unverifiedReaders: Record<string, Serve> = { ...readers, tplgraph: oursUnverified };
const writers: Record<string, Serve> = { tplgraph: ours, nbdkit: serveNbdkitCow };

const work = await mkdtemp("/var/tmp/tplgraph-bench-nbd-");
const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => interrupted.abort(new Error(`ended by ${signal}`)));
try {
  await bench();
} finally {
  await rm(work, { recursive: true, force: true });
}

async function bench(): Promise<void> {
  console.log(
    `${cpus().length} processors, ${rounds} rounds, load ${loadavg()[0]!.toFixed(1)} at the start\n`,
  );
  if (only.some((what) => what !== "memory")) await table();
  if (only.includes("memory")) await memory();
}

async function table(): Promise<void> {
  const random = await contentOf(await randomFile(join(work, "random.raw"), sizeMib));
  console.log(
    "| what | tplgraph | nbdkit | qemu-nbd | of the faster | processor time of each | of the least |",
  );
  console.log("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
  if (only.includes("read")) await readSequentially("random data", random);
  if (only.includes("read")) await readSequentially("Debian root", await contentOf(await rootFile()));
  if (only.includes("random")) await readAtRandom(random);
  if (only.includes("write")) await writeSequentially(random);
}

/** Our server hashes what this machine has not verified since it started; what it has written itself is. */
async function readSequentially(name: string, content: Content): Promise<void> {
  const read = ({ uri }: Server) => copySeconds(uri, "null:");
  const gib = { amount: content.image.bytes / 2 ** 30, unit: "GiB/s", timeUnit: "s/GiB" };
  row(`${name}, read first, verified before`, await interleaved(readers, content, read), gib);
  row(`${name}, read again`, await interleaved(readers, content, read, read), gib);
  row(`${name}, read first, unverified`, await interleaved(unverifiedReaders, content, read), gib);
}

async function readAtRandom(content: Content): Promise<void> {
  const measure = ({ uri }: Server) => randomReadSeconds(uri, content.image.bytes, RANDOM_READS);
  const once = ({ uri }: Server) => copySeconds(uri, "null:");
  const thousands = { amount: RANDOM_READS / 1000, unit: "thousand/s", timeUnit: "ms each thousand" };
  row("random 4 KiB, verified before", await interleaved(readers, content, measure), thousands);
  row("random 4 KiB, all read once", await interleaved(readers, content, measure, once), thousands);
  row("random 4 KiB, unverified", await interleaved(unverifiedReaders, content, measure), thousands);
}

async function writeSequentially(content: Content): Promise<void> {
  const gib = { amount: content.image.bytes / 2 ** 30, unit: "GiB/s", timeUnit: "s/GiB" };
  const write = ({ uri }: Server) => copySeconds(content.raw, uri);
  const before = () => primeMemory(work, sizeMib);
  row("written through copy-on-write", await interleaved(writers, content, write, before), gib);
}

/** A disk of zeros is filled, read back and sealed. */
async function memory(): Promise<void> {
  const sizeBytes = sizeMib * 10 * MIB;
  const store = join(work, "memory-store");
  await using server = await serveOurs(work, { store, sizeBytes });
  await fillRandomly(server.uri, sizeBytes);
  await copySeconds(server.uri, "null:");
  const served = await server.peakBytes();
  await server.seal();
  const sealed = await server.peakBytes();
  console.log(`\nServing ${sizeMib * 10} MiB: at most ${Math.round(served / MIB)} MiB of memory;`);
  console.log(`and sealing them: ${Math.round(sealed / MIB)} MiB`);
}

/** Medians. */
interface Measured {
  seconds: number;
  processorSeconds: number;
}

/** By server, over the rounds, what `measure` says it took; each time a new process, after `before`. */
async function interleaved(
  servers: Record<string, Serve>,
  content: Content,
  measure: (server: Server) => Promise<number>,
  before?: (server: Server) => Promise<unknown>,
): Promise<Map<string, Measured>> {
  const all = new Map<string, Measured[]>(Object.keys(servers).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    const order = Object.entries(servers);
    for (const [name, serve] of round % 2 === 0 ? order : order.reverse()) {
      interrupted.signal.throwIfAborted();
      await using server = await serve(work, content);
      await before?.(server);
      const began = server.processorSeconds();
      const seconds = await measure(server);
      all.get(name)!.push({ seconds, processorSeconds: server.processorSeconds() - began });
    }
  }
  return new Map(
    all.entries().map(([name, measured]) => [
      name,
      {
        seconds: median(measured.map(({ seconds }) => seconds)),
        processorSeconds: median(measured.map(({ processorSeconds }) => processorSeconds)),
      },
    ]),
  );
}

interface Amount {
  /** Of what `unit` counts. */
  amount: number;
  unit: string;
  timeUnit: string;
}

function row(what: string, results: Map<string, Measured>, { amount, unit, timeUnit }: Amount): void {
  const own = results.get("tplgraph")!;
  const others = ["nbdkit", "qemu-nbd"].map((name) => results.get(name)).filter((one) => one !== undefined);
  const fastest = Math.min(...others.map(({ seconds }) => seconds));
  const least = Math.min(...others.map(({ processorSeconds }) => processorSeconds));
  const rates = [own, ...others].map(({ seconds }) => (amount / seconds).toFixed(2));
  const scale = timeUnit.startsWith("ms") ? 1000 : 1;
  const times = [own, ...others].map(({ processorSeconds }) =>
    ((scale * processorSeconds) / amount).toFixed(2),
  );
  const cells = [
    `${what}, ${unit}`,
    ...rates,
    ...(others.length === 1 ? [""] : []),
    (fastest / own.seconds).toFixed(2),
    `${times.join(" / ")} ${timeUnit}`,
    (own.processorSeconds / least).toFixed(2),
  ];
  console.log(`| ${cells.join(" | ")} |`);
}

async function contentOf(raw: string): Promise<Content> {
  const store = join(work, "store");
  await using opened = await openStore({ path: store });
  const image = await importFile(opened.blobs, raw);
  await copySeconds(raw, "null:");
  return { raw, image, store };
}

async function rootFile(): Promise<string> {
  if (flags.root) return flags.root;
  const store = join(work, "base-store");
  await mkdir(store);
  const { record } = await runTemplate("base.yaml", store, []);
  const raw = join(work, "base.ext4");
  await tplgraph(["artifacts", "export", record.outputs.rootfs!.digest, "-o", raw, "--store", store]);
  return raw;
}
