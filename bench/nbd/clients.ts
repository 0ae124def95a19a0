/** The clients that measure: nbdcopy for sequential requests, fio's nbd engine for random ones. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** How long nbdcopy takes, in seconds, with its own defaults: up to 4 connections, 64 requests of 256 KiB on each. */
export async function copySeconds(from: string, to: string): Promise<number> {
  const began = performance.now();
  await run("nbdcopy", [from, to]);
  return (performance.now() - began) / 1000;
}

/** Writes `sizeBytes` that have not been there before, which lie in no file. */
export async function fillRandomly(uri: string, sizeBytes: number): Promise<void> {
  await run("nbdcopy", ["--", "[", "nbdkit", "random", `size=${sizeBytes}`, "]", uri]);
}

/** How long it takes to read 4 KiB at random `reads` times, 32 at a time on one connection, in seconds. */
export async function randomReadSeconds(uri: string, sizeBytes: number, reads: number): Promise<number> {
  const { stdout } = await run("fio", [
    "--name=random",
    "--ioengine=nbd",
    `--uri=${uri}`,
    "--rw=randread",
    "--bs=4k",
    "--iodepth=32",
    "--norandommap",
    `--size=${sizeBytes}`,
    `--io_size=${reads * 4096}`,
    "--output-format=json",
  ]);
  const { jobs } = JSON.parse(stdout.slice(stdout.indexOf("{")));
  return jobs[0].read.runtime / 1000;
}
