/**
 * A thread of the disk host that serves images which are only read, on a socket of its own: with a view, an index and
 * an event loop for itself, and nothing shared but the files. What is not in the store's folder the disk host fetches.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { BlobStore } from "../../engine/blobs.ts";
import { NbdServer } from "../nbd/server.ts";
import { loadMap } from "../stored-map.ts";
import { type CowView, openView } from "../view.ts";
import { openFrom } from "./blobs-origin.ts";
import { toMessage } from "./error-message.ts";
import type { HostCalls, ReaderCalls, ReaderThreadData, Reads } from "./reader-protocol.ts";
import { turn } from "./socket-ring.ts";
import { callsOver, type Port } from "./thread-calls.ts";

const { place, ring, blobs: origin } = workerData as ReaderThreadData;
const views = new Map<string, CowView>();
const blobs: BlobStore = {
  ...(await openFrom(origin)),
  get: async (digest) => Buffer.from(await ask("blob", digest)),
};
const log = (line: string) => void ask("log", `thread ${place}: ${line}`);
const server = new NbdServer({ log, trace: log, onClient: () => turn(ring, place) });
const ask = callsOver<HostCalls, ReaderCalls>(parentPort as Port, {
  listen: () => server.listen(ring.sockets[place]!),
  async add({ name, image, sizeBytes }) {
    const map = await loadMap(blobs, image);
    const view = await openView({ blobs, map, sizeBytes, overlayPath: "", readOnly: true });
    views.set(name, view);
    server.addExport(name, view);
  },
  async remove(name) {
    const view = views.get(name);
    await server.removeExport(name);
    views.delete(name);
    await view?.close();
    return view ? readsOf(view) : NONE;
  },
  reads(name) {
    const view = views.get(name);
    return view ? readsOf(view) : NONE;
  },
  end: () => blobs.close?.(),
});

const NONE: Reads = { readBytes: 0 };

function readsOf(view: CowView): Reads {
  const fault = view.fault();
  return { readBytes: view.stats().readBytes, ...(fault && { fault: toMessage(fault) }) };
}
