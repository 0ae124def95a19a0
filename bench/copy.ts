/**
 * How long a copy of a whole root takes by each way, in the same run, alternating: `node bench/copy.ts IMAGE`, as root,
 * IMAGE a raw ext4 file. Source and target are attached as in a run, by the disk host, over a store of their own. Each
 * way's first copy is held against the source, file by file.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { ImageArtifact } from "../src/engine/artifact.ts";
import { mkfs } from "../src/plugins/ext4/mkfs.ts";
import { attachSource } from "../src/plugins/nbd/attach-source.ts";
import { copy } from "../src/plugins/rsync/copy.ts";
import { stepBench } from "../src/testing/step.ts";
import { startServices } from "../test/e2e/host/services.ts";
import { differences, listTree } from "../test/e2e/tree-listing.ts";
import { median } from "./median.ts";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "3" }, work: { type: "string", default: "/var/tmp" } },
});
const [file] = positionals;
if (!file) throw new Error("usage: node bench/copy.ts IMAGE [--rounds N] [--work FOLDER]");

type Tree = { tree: { path: string; readOnly: boolean } };
type Made = { image: ImageArtifact };

const WAYS = {
  "rsync, source on demand": { read: "on-demand", method: "rsync" },
  "rsync, source whole": { read: "whole", method: "rsync" },
  "populate, source on demand": { read: "on-demand", method: "populate" },
  "populate, source whole": { read: "whole", method: "populate" },
} as const;
type Way = keyof typeof WAYS;

interface Times {
  attach: number;
  copy: number;
}

const times = new Map<Way, Times[]>((Object.keys(WAYS) as Way[]).map((way) => [way, []]));

for (let round = 0; round < Number(flags.rounds); round++) {
  for (const way of times.keys()) {
    times.get(way)!.push(await once(way, round === 0));
    process.stderr.write(`round ${round + 1}, ${way}: ${JSON.stringify(times.get(way)!.at(-1))}\n`);
  }
}
print();

async function once(way: Way, checked: boolean): Promise<Times> {
  const store = await mkdtemp(join(flags.work, "tplgraph-copy-"));
  const bench = await stepBench({ services: await startServices(store) });
  try {
    const { read, method } = WAYS[way];
    const from = await bench.putImage(resolve(file!));
    const { image } = await bench.run<Made>(mkfs, { sizeMiB: 2048 });
    const began = performance.now();
    const source = await bench.run<Tree>(attachSource, { from, read });
    const attached = performance.now();
    const made = await bench.run<Made>(copy, { from: source.tree, image, method });
    const ended = performance.now();
    if (checked) {
      const { tree } = await bench.run<Tree>(attachSource, { from: made.image });
      const lost = differences(listTree(source.tree.path), listTree(tree.path));
      if (lost.length > 0) throw new Error(`${way} lost something:\n${lost.slice(0, 10).join("\n")}`);
    }
    return { attach: (attached - began) / 1000, copy: (ended - attached) / 1000 };
  } finally {
    await bench[Symbol.asyncDispose]();
    await rm(store, { recursive: true });
  }
}

function print(): void {
  const sums = new Map(
    [...times].map(([way, all]) => [way, median(all.map((one) => one.attach + one.copy))]),
  );
  const first = [...sums.values()][0]!;
  const lines = [
    `${cpus().length} processors, ${flags.rounds} rounds, load average ${loadavg()[0]!.toFixed(1)}`,
    "",
    "| way | attaching, s | copying, s | both, s | times as fast |",
    "| --- | ---: | ---: | ---: | ---: |",
    ...[...times].map(([way, all]) => {
      const [attach, copying] = [median(all.map((one) => one.attach)), median(all.map((one) => one.copy))];
      const both = sums.get(way)!;
      return `| ${way} | ${attach.toFixed(2)} | ${copying.toFixed(2)} | ${both.toFixed(2)} | ${(first / both).toFixed(1)} |`;
    }),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}
