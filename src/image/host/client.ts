/**
 * The services of a run (`engine/run/services.ts`) by a disk host. The host is started at once, since the
 * journal is its; it and everything it holds go with `close`, or with this process.
 */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { StartServices } from "../../engine/run/services.ts";
import { identityOf } from "../process/identity.ts";
import { releaseAcquisition } from "../release.ts";
import { fromMessage } from "./error-message.ts";
import { HostProcess } from "./host-process.ts";
import { journalPath, readJournal } from "./journal-file.ts";
import type { BlobsOrigin } from "./protocol.ts";
import { failRequests, releaseUnserved } from "./release-held.ts";
import { remoteDisk } from "./remote-disk.ts";

/** A host that has not said what it released after this long is hung: each single release has its own deadline. */
const GOODBYE_MS = 120_000;

export interface DiskHostOptions {
  /** The store's folder: the journal, overlays and scratch folders lie in it. */
  store: string;
  blobs: BlobsOrigin;
  /** What the host and its NBD server have to say, a line each. */
  log?(line: string): void;
}

export function diskHostServices(options: DiskHostOptions): StartServices {
  const store = resolve(options.store);
  return async (run) => {
    const host = new HostProcess(run, options.log ?? (() => {}));
    const { runFolder } = await host
      .request({ op: "start", run, process: identityOf(process.pid)!, store, blobs: options.blobs })
      .catch(async (error) => {
        await host.end();
        throw error;
      });
    // Tried once more, and told, when the services are closed.
    void host.died.then(() => failRequestsOfDeadHost(store, run).catch(() => {}));
    // What a dead host held is released at the end, by its journal: that a release could not be told it is no failure.
    const unlessDead = (error: unknown) => {
      if (!host.hasDied) throw error;
    };
    return {
      runFolder,
      died: host.died,
      release: releaseAcquisition,
      journal: {
        async take(node, acquisition) {
          const { held } = await host.request({ op: "take", node, acquisition });
          return {
            async released() {
              await host.request({ op: "released", held }).catch(unlessDead);
            },
          };
        },
      },
      async openDisk(node, diskOptions, storing) {
        const info = await host.request({ op: "open", node, options: diskOptions });
        const { disk } = info;
        return {
          disk: remoteDisk(host, info, storing),
          async close(signal) {
            await host.request({ op: "close", disk }, signal).catch(unlessDead);
          },
          async fault() {
            const fault = await host.request({ op: "fault", disk });
            return fault ? fromMessage(fault) : undefined;
          },
        };
      },
      async putFile(path, { onAdded } = {}) {
        const { artifact, addedBytes } = await host.request({ op: "put-file", path: resolve(path) });
        onAdded?.(addedBytes);
        return artifact;
      },
      async putImage(path, { signal, onAdded } = {}) {
        const { artifact, addedBytes } = await host.request({ op: "put-image", path: resolve(path) }, signal);
        onAdded?.(addedBytes);
        return artifact;
      },
      async close() {
        try {
          const failures = await host.request({ op: "goodbye" }, AbortSignal.timeout(GOODBYE_MS));
          await host.end();
          return failures.map(({ what, error }) => ({ hook: what, error: fromMessage(error) }));
        } catch {
          // It has died, or hangs: what it held is released without it, which tells what could not be.
          host.kill();
          await host.end();
          return await releaseForDeadHost(store, run);
        }
      },
    };
  };
}

/** A tool that waits for a disk cannot even be killed before its requests have failed. */
async function failRequestsOfDeadHost(store: string, run: string): Promise<void> {
  const path = journalPath(store, run);
  const journal = existsSync(path) ? readJournal(path) : undefined;
  if (journal) await failRequests(journal);
}

/** Nobody serves the disks any more: what is mounted is released with errors in its file system, but released. */
async function releaseForDeadHost(store: string, run: string) {
  const journal = readJournal(journalPath(store, run));
  if (!journal) return [];
  const { failures } = await releaseUnserved(journal);
  if (journal.held().length === 0) journal.remove();
  return failures.map(({ what, error }) => ({ hook: what, error }));
}
