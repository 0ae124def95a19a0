/** Copy-on-write views served on a socket of their own, and their images in a store of their own, for one test. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type CowView,
  emptyMap,
  importFile,
  loadMap,
  NbdServer,
  type OpenViewOptions,
  openView,
} from "../../../src/image/index.ts";
import { folderBlobs } from "../../../src/store/blobs/folder.ts";
import { seeded } from "../../image/seeded.ts";

export const MIB = 1024 * 1024;
export const SIZE = 64 * MIB;

export interface ServedViews extends AsyncDisposable {
  /** For the test's own files too; removed at the end. */
  folder: string;
  socketPath: string;
  blobs: ReturnType<typeof folderBlobs>;
  server: NbdServer;
  /** What the server logged. */
  log: string[];
  uri(name: string): string;
  /** Opens a view and exports it. */
  serve(name: string, options: Pick<OpenViewOptions, "map" | "readOnly">): Promise<CowView>;
  /** A view of zeros. */
  empty(name: string, sizeBytes?: number): Promise<CowView>;
  /** A file with data, holes and an odd end, and an export of the same. */
  source(name: string): Promise<{ path: string; content: Buffer; view: CowView }>;
}

export async function serveViews(): Promise<ServedViews> {
  const folder = await mkdtemp(join(tmpdir(), "nbd-clients-"));
  const socketPath = join(folder, "socket");
  const blobs = folderBlobs(join(folder, "store"));
  const log: string[] = [];
  const server = new NbdServer({ log: (line) => log.push(line) });
  await server.listen(socketPath);
  const views: CowView[] = [];
  const served: ServedViews = {
    folder,
    socketPath,
    blobs,
    server,
    log,
    uri: (name) => `nbd+unix:///${name}?socket=${socketPath}`,
    async serve(name, options) {
      const view = await openView({ blobs, overlayPath: join(folder, `${name}.overlay`), ...options });
      views.push(view);
      server.addExport(name, view);
      return view;
    },
    empty: (name, sizeBytes = SIZE) => served.serve(name, { map: emptyMap(sizeBytes) }),
    async source(name) {
      const content = Buffer.alloc(SIZE);
      const random = seeded(7);
      for (let at = 0; at < SIZE; at += 4 * MIB) random.bytes(random.below(4 * MIB)).copy(content, at);
      const path = join(folder, `${name}.raw`);
      await writeFile(path, content);
      const map = await loadMap(blobs, await importFile(blobs, path));
      return { path, content, view: await served.serve(name, { map }) };
    },
    async [Symbol.asyncDispose]() {
      await server.close();
      await Promise.all(views.map((view) => view.close()));
      await rm(folder, { recursive: true });
    },
  };
  return served;
}
