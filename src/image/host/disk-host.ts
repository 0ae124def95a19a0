/**
 * The disk host's state and its answers: the journal, the blob store, the NBD server and the open disks of one
 * run. It must never open, list or stat anything below a mount point or a file that it serves itself: that
 * would wait for this very process. Tools do that, as child processes.
 */
import { readFile } from "node:fs/promises";
import type { BlobStore } from "../../engine/blobs.ts";
import { TplError } from "../../engine/errors.ts";
import { sha256 } from "../../engine/key/canonical.ts";
import { becomes } from "../attach/waiting.ts";
import { importFile } from "../import.ts";
import { identityOf, thisMachine } from "../process/identity.ts";
import { openFrom } from "./blobs-origin.ts";
import { countedBlobs } from "./counted-blobs.ts";
import { DiskServer } from "./disk-server.ts";
import { toMessage } from "./error-message.ts";
import { JournalFile } from "./journal-file.ts";
import { openServedDisk } from "./open-disk.ts";
import type { BlobsOrigin, HostAnswers, HostRequest } from "./protocol.ts";
import { type ReleaseResult, releaseHeld } from "./release-held.ts";
import { makeRunFolders, type RunFolders, runFolders } from "./run-folders.ts";
import type { ServedDisk } from "./served-disk.ts";

/** What was being done for a run that has gone gets this long to notice. */
const SETTLE_MS = 2000;
/** Node reads no more than this at once (`kIoMaxLength`), and a blob is handed over whole. */
const MAX_FILE_BYTES = 2 ** 31 - 1;

type Answer = HostAnswers[HostRequest["op"]];

export class DiskHost {
  readonly #log: (line: string) => void;
  readonly #ending = new AbortController();
  /** By the request's number. */
  readonly #underWay = new Map<number, AbortController>();
  readonly #disks = new Map<number, ServedDisk>();
  /** Of closed disks. */
  readonly #faults = new Map<number, Error | undefined>();
  #run: StartedRun | undefined;
  #lastDisk = 0;

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  async answer(id: number, request: HostRequest): Promise<Answer> {
    this.#ending.signal.throwIfAborted();
    const cancel = new AbortController();
    this.#underWay.set(id, cancel);
    try {
      return await this.#answer(request, AbortSignal.any([this.#ending.signal, cancel.signal]));
    } finally {
      this.#underWay.delete(id);
    }
  }

  /** The engine has gone without a goodbye: releases all there is, in reverse, while the disks are still served. */
  async end(): Promise<void> {
    this.#ending.abort(new TplError({ code: "cancelled", message: "the run has ended" }));
    await becomes(() => this.#underWay.size === 0, { timeoutMs: SETTLE_MS });
    if (this.#run) await this.#releaseAll(this.#run.journal);
  }

  #answer(request: HostRequest, signal: AbortSignal): Promise<Answer> {
    switch (request.op) {
      case "start":
        return this.#start(request);
      case "take":
        return this.#take(request);
      case "released":
        return this.#released(request.held);
      case "open":
        return this.#open(request);
      case "read":
        return this.#read(request);
      case "digest":
        return this.#disk(request.disk).digest(request.ranges);
      case "file":
        return this.#disk(request.disk).file();
      case "device":
        return this.#disk(request.disk).device();
      case "mount":
        return this.#disk(request.disk).mount(request.options);
      case "unmount":
        return this.#disk(request.disk).unmount().then(toNull);
      case "seal":
        return this.#seal(request, signal);
      case "stats":
        return this.#stats(request.disk);
      case "fault":
        return this.#fault(request.disk);
      case "close":
        return this.#close(request.disk);
      case "put-file":
        return this.#putFile(request.path);
      case "put-image":
        return this.#putImage(request.path, signal);
      case "cancel":
        return this.#cancel(request.id);
      case "goodbye":
        return this.#goodbye();
    }
  }

  async #start({
    run,
    process: engine,
    store,
    blobs,
  }: HostRequest & { op: "start" }): Promise<HostAnswers["start"]> {
    const folders = runFolders(store, run);
    const opened = await openFrom(blobs);
    const journal = JournalFile.create(store, {
      schema: "tplgraph.journal/1",
      run,
      machine: thisMachine(),
      process: engine,
      host: identityOf(process.pid)!,
    });
    this.#run = { journal, folders, blobs: opened, origin: blobs };
    makeRunFolders(folders, journal);
    return { runFolder: folders.scratchLink };
  }

  async #take({ node, acquisition }: HostRequest & { op: "take" }): Promise<HostAnswers["take"]> {
    return { held: this.#started().journal.take(node, acquisition) };
  }

  async #released(held: number): Promise<null> {
    this.#started().journal.released(held);
    return null;
  }

  async #open({ node, options }: HostRequest & { op: "open" }): Promise<HostAnswers["open"]> {
    const run = this.#started();
    const { journal, blobs, origin, folders } = run;
    run.server ??= DiskServer.listen({
      socketPath: `${folders.short}/nbd.sock`,
      blobs,
      origin,
      log: this.#log,
    });
    const server = await run.server;
    const disk = ++this.#lastDisk;
    const name = `d${disk}`;
    const port = options.port === undefined ? undefined : await server.listenAt(options.port);
    const around = {
      blobs,
      journal,
      server,
      folders,
      ending: this.#ending.signal,
      log: this.#log,
    };
    const served = await openServedDisk(name, node, options, around);
    this.#disks.set(disk, served);
    const { exportName, socketPath, keepsRead, view } = served;
    return {
      disk,
      sizeBytes: view.sizeBytes,
      socketPath,
      exportName,
      keepsRead,
      ...(port === undefined ? {} : { port }),
    };
  }

  async #read({ disk, offset, bytes }: HostRequest & { op: "read" }): Promise<HostAnswers["read"]> {
    return (await this.#disk(disk).read(offset, bytes)).toString("base64");
  }

  async #seal(
    { disk, sizeBytes }: HostRequest & { op: "seal" },
    signal: AbortSignal,
  ): Promise<HostAnswers["seal"]> {
    const served = this.#disk(disk);
    const artifact = await served.seal({ signal, ...(sizeBytes === undefined ? {} : { sizeBytes }) });
    await this.#forget(disk);
    return { artifact, addedBytes: served.addedBytes };
  }

  async #stats(disk: number): Promise<HostAnswers["stats"]> {
    const served = this.#disk(disk);
    const fault = await served.fault();
    return { ...(await served.stats()), ...(fault && { fault: fault.message }) };
  }

  async #fault(disk: number): Promise<HostAnswers["fault"]> {
    const fault = (await this.#disks.get(disk)?.fault()) ?? this.#faults.get(disk);
    return fault ? toMessage(fault) : null;
  }

  async #close(disk: number): Promise<null> {
    await this.#disks.get(disk)?.close();
    await this.#forget(disk);
    return null;
  }

  async #putFile(path: string): Promise<HostAnswers["put-file"]> {
    this.#refuseOwn(path);
    const data = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== "ERR_FS_FILE_TOO_LARGE") throw cause;
      throw new TplError({
        code: "file-too-large",
        message: `${path} has more than ${MAX_FILE_BYTES} bytes, too many for one blob`,
        hint: "store it as an image",
        cause,
      });
    });
    const digest = `sha256:${sha256(data)}` as const;
    const addedBytes = await this.#started().blobs.put(digest, data);
    return { artifact: { type: "file", digest, bytes: data.length }, addedBytes };
  }

  async #putImage(path: string, signal: AbortSignal): Promise<HostAnswers["put-image"]> {
    this.#refuseOwn(path);
    const { blobs, addedBytes } = countedBlobs(this.#started().blobs);
    const artifact = await importFile(blobs, path, { signal });
    return { artifact, addedBytes: addedBytes() };
  }

  async #cancel(id: number): Promise<null> {
    this.#underWay
      .get(id)
      ?.abort(new TplError({ code: "cancelled", message: "nobody waits for it any more" }));
    return null;
  }

  async #goodbye(): Promise<HostAnswers["goodbye"]> {
    if (!this.#run) return [];
    const { blobs, server } = this.#run;
    const failures: ReleaseResult["failures"] = [];
    for (const disk of [...this.#disks.values()].reverse()) {
      await disk.close().catch((error) => failures.push({ what: `close disk ${disk.name}`, error }));
    }
    failures.push(...(await this.#releaseAll(this.#run.journal)));
    const listening = await server?.catch(() => undefined); // who opened a disk was told why it does not listen
    await listening?.end().catch((error) => failures.push({ what: "end the serving threads", error }));
    blobs.close?.();
    return failures.map(({ what, error }) => ({ what, error: toMessage(error) }));
  }

  async #releaseAll(journal: JournalFile): Promise<ReleaseResult["failures"]> {
    const { failures } = await releaseHeld(journal);
    if (journal.held().length === 0) {
      journal.remove();
      this.#run = undefined;
    }
    return failures;
  }

  /** Reading what this process serves could take every thread it has to answer with. */
  #refuseOwn(path: string): void {
    for (const { acquisition } of this.#started().journal.held()) {
      if (acquisition.kind !== "mount" && acquisition.kind !== "nbdfuse") continue;
      if (path === acquisition.path || path.startsWith(`${acquisition.path}/`))
        throw new Error(`bug: ${path} is on a disk of this run; seal the disk, or copy the file with a tool`);
    }
  }

  async #forget(disk: number): Promise<void> {
    const served = this.#disks.get(disk);
    if (!served) return;
    this.#faults.set(disk, await served.fault());
    this.#disks.delete(disk);
  }

  #disk(disk: number): ServedDisk {
    const served = this.#disks.get(disk);
    if (!served) throw new Error(`bug: disk d${disk} is closed`);
    return served;
  }

  #started(): StartedRun {
    if (!this.#run) throw new Error("bug: the disk host was not told which run it serves");
    return this.#run;
  }
}

interface StartedRun {
  journal: JournalFile;
  folders: RunFolders;
  blobs: BlobStore;
  /** Where they are from. */
  origin: BlobsOrigin;
  /** From the first disk on. */
  server?: Promise<DiskServer>;
}

function toNull(): null {
  return null;
}
