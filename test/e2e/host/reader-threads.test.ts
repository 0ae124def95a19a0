import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ImageArtifact } from "../../../src/engine/artifact.ts";
import { ArtifactDamaged } from "../../../src/engine/errors.ts";
import type { BlobsOrigin } from "../../../src/image/host/protocol.ts";
import { importFile } from "../../../src/image/index.ts";
import { folderBlobs } from "../../../src/store/blobs/folder.ts";
import { SETTLED_MS } from "../../../src/store/blobs/verified-packs.ts";
import { RawClient } from "../../image/nbd/raw-client.ts";
import { seeded } from "../../image/seeded.ts";
import { leftOfRun } from "./left-of-run.ts";
import { closeDisk, folderBlobsOf, startServices, temporaryStore } from "./services.ts";

const MIB = 1024 * 1024;
const DATA_BYTES = 24 * MIB;

/** Data, and as much of nothing behind it. */
const content = Buffer.concat([seeded(7).bytes(DATA_BYTES), Buffer.alloc(DATA_BYTES)]);

describe("a disk that several threads serve", { timeout: 60_000 }, () => {
  let store: string;
  let image: ImageArtifact;

  beforeEach(async () => {
    store = await temporaryStore();
    const raw = join(store, "raw");
    await writeFile(raw, content);
    const blobs = folderBlobs(store);
    image = await importFile(blobs, raw);
    blobs.close?.();
  });

  afterEach(() => rm(store, { recursive: true }));

  /** The services of a run, of which nothing may be left, and what its disk host said. */
  async function started(blobs: BlobsOrigin = folderBlobsOf(store)) {
    const log: string[] = [];
    const services = await startServices(store, { blobs, log: (line) => log.push(line) });
    return {
      services,
      log,
      async [Symbol.asyncDispose]() {
        expect(await services.close()).toEqual([]);
        expect(leftOfRun(store, services.run)).toEqual([]);
      },
    };
  }

  /** The clients that each thread got, "" being the disk host's own. */
  function clientsOf(log: readonly string[]): Record<string, number> {
    const came = log.flatMap((line) => /^(thread \d+: )?client \d+: has/.exec(line)?.slice(1) ?? []);
    return Object.fromEntries(
      Map.groupBy(came, (thread = "") => thread.replace(": ", ""))
        .entries()
        .map(([thread, all]) => [thread, all.length]),
    );
  }

  function copyOf(uri: string, connections: number): Buffer {
    const copy = join(store, "copy");
    execFileSync("nbdcopy", [`--connections=${connections}`, "--threads=2", uri, copy], { stdio: "pipe" });
    return readFileSync(copy);
  }

  it("gives each connection of a client to another one, and all the same bytes", async () => {
    await using run = await started();
    const { disk } = await run.services.openDisk("test", { image, readOnly: true, parallel: true });
    expect(copyOf(disk.uri, 4).equals(content)).toBe(true);
    expect((await disk.stats()).readBytes).toBe(DATA_BYTES);
    expect(copyOf(disk.uri, 1).equals(content)).toBe(true);
    const clients = clientsOf(run.log);
    expect(Object.keys(clients).length).toBeGreaterThan(1);
    expect(clients[""]).toBeGreaterThan(0);
    const { exports } = JSON.parse(
      execFileSync("nbdinfo", ["--list", "--json", disk.uri], { encoding: "utf8" }),
    );
    expect(exports).toMatchObject([
      { "export-name": disk.exportName, is_read_only: true, can_multi_conn: true },
    ]);
  });

  it("is at its socket as long as it is open, beside others that one thread serves", async () => {
    await using run = await started();
    const first = await run.services.openDisk("test", { image, readOnly: true, parallel: true });
    const other = await run.services.openDisk("test", { image });
    const second = await run.services.openDisk("test", { image, readOnly: true, parallel: true });
    expect(copyOf(other.disk.uri, 2).equals(content)).toBe(true);
    const idle = await RawClient.connect(first.disk.socketPath);
    await closeDisk(first);
    for (let connection = 0; connection < 4; connection++)
      expect(() => execFileSync("nbdinfo", [first.disk.uri], { stdio: "pipe" })).toThrow();
    expect(copyOf(second.disk.uri, 4).equals(content)).toBe(true);
    idle.socket.destroy();
  });

  it("tells of the damaged chunk that any of them met, also when it is closed", async () => {
    await using run = await started();
    truncateSync(join(store, "packs", "1.pack"), DATA_BYTES / 2);
    const opened = await run.services.openDisk("test", { image, readOnly: true, parallel: true });
    expect(() => copyOf(opened.disk.uri, 1)).toThrow();
    const { fault } = await opened.disk.stats();
    // One connection comes to one thread, the first one not to the disk host's own.
    expect(clientsOf(run.log)).toEqual({ "thread 1": 1 });
    expect(fault).toContain(image.digest);
    await closeDisk(opened);
    const cause = await opened.fault();
    expect(cause).toBeInstanceOf(ArtifactDamaged);
    expect(cause).toMatchObject({ digest: image.digest });
  });

  it("reads what is far away, each blob once, and keeps it", async () => {
    const near = await temporaryStore();
    const fetched = join(near, "fetched");
    const module = new URL("./far-blobs.ts", import.meta.url).href;
    try {
      await using run = await started({ module, open: "farBlobs", arguments: [near, store, fetched] });
      const { disk } = await run.services.openDisk("test", { image, readOnly: true, parallel: true });
      expect(copyOf(disk.uri, 4).equals(content)).toBe(true);
      const blobs = readFileSync(fetched, "utf8").trim().split("\n");
      expect(blobs.length).toBeGreaterThan(DATA_BYTES / 65536);
      expect(new Set(blobs).size).toBe(blobs.length);
      expect(copyOf(disk.uri, 3).equals(content)).toBe(true);
      expect(readFileSync(fetched, "utf8").trim().split("\n")).toEqual(blobs);
    } finally {
      await rm(near, { recursive: true });
    }
  });

  it("has what any of them verified remembered", async () => {
    const packs = join(store, "packs");
    const verified = () => readdirSync(packs).filter((name) => name.endsWith(".verified"));
    const before = verified().map((name) => statSync(join(packs, name)).size);
    for (const name of verified()) rmSync(join(packs, name));
    await setTimeout(SETTLED_MS + 100); // of a pack that was changed a moment before nothing is remembered
    {
      await using run = await started();
      const { disk } = await run.services.openDisk("test", { image, readOnly: true, parallel: true });
      copyOf(disk.uri, 4);
      await disk.stats(); // what was logged is here by then
      expect(Object.keys(clientsOf(run.log)).length).toBeGreaterThan(1);
    }
    expect(verified().map((name) => statSync(join(packs, name)).size)).toEqual(before);
    const content = readFileSync(join(packs, verified()[0]!));
    const slots = content.subarray(content.indexOf("\n") + 1);
    expect(slots.length / 32).toBe(DATA_BYTES / 65536);
    for (let at = 0; at < slots.length; at += 32)
      expect(slots.subarray(at, at + 32).equals(Buffer.alloc(32))).toBe(false);
  });

  it("is only for reading an image", async () => {
    await using run = await started();
    for (const options of [{ image }, { readOnly: true, sizeBytes: MIB }])
      await expect(run.services.openDisk("test", { ...options, parallel: true })).rejects.toThrow(
        "only an image",
      );
  });
});
