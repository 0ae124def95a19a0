/** Lays beside each step of a drawing what only a page shows: preimage, producer, commands and log, as the store has them. */
import { open } from "node:fs/promises";
import type { CacheRecord } from "../engine/run/record.ts";
import type { Store } from "../store/store.ts";
import type { DrawnNode, DrawnTool, GraphDocument, NodeDetails } from "../views/graph/document.ts";

/** What a page holds of logs: of each step its end, less of each where there are many. */
const LOG_BYTES = { one: 64 * 1024, all: 8 * 1024 * 1024 };

/** In place. */
export async function addDetails(document: GraphDocument, store: Store): Promise<void> {
  const logBytes = Math.min(LOG_BYTES.one, Math.floor(LOG_BYTES.all / Math.max(1, document.nodes.length)));
  const runs = runReader(store);
  for (const node of document.nodes) {
    const record = node.key ? await store.records.get(node.key) : undefined;
    const ran = ranIn(node, document, record);
    const log = ran && (await runs(ran.run)).logs.get(ran.node);
    if (ran && !node.tools) node.tools = (await runs(ran.run)).tools.get(ran.node) ?? [];
    const details: NodeDetails = {
      ...node.details,
      ...(record ? { preimage: record.preimage, producer: producerOf(record) } : {}),
      ...(log ? { log: await endOf(log, logBytes) } : {}),
    };
    if (Object.keys(details).length > 0) node.details = details;
  }
}

function producerOf({ run, host, at, seconds }: CacheRecord): NonNullable<NodeDetails["producer"]> {
  return { run, host, at, seconds };
}

/** Where its log and its commands are: in the run that is drawn, where it ran there, or in the one that made it. */
function ranIn(
  node: DrawnNode,
  { run }: GraphDocument,
  record: CacheRecord | undefined,
): { run: string; node: string } | undefined {
  if (run && node.startedAt && node.state !== "hit") return { run: run.run, node: node.id };
  return record && { run: record.run, node: record.node };
}

interface RunFiles {
  /** Paths by node. */
  logs: ReadonlyMap<string, string>;
  tools: ReadonlyMap<string, DrawnTool[]>;
}

/** Each run is read once. */
function runReader(store: Store): (run: string) => Promise<RunFiles> {
  const read = new Map<string, Promise<RunFiles>>();
  return (run) => {
    const files = read.get(run) ?? readRun(store, run);
    read.set(run, files);
    return files;
  };
}

async function readRun({ runs }: Store, run: string): Promise<RunFiles> {
  const logs = new Map((await runs.logs(run)).map(({ node, path }) => [node, path]));
  const tools = new Map<string, DrawnTool[]>();
  for (const { event } of (await runs.events(run))?.events ?? []) {
    if (event.type === "tool-started") {
      const { node, call, command } = event;
      tools.set(node, [...(tools.get(node) ?? []), { call, command }]);
    } else if (event.type === "tool-finished") {
      const tool = tools.get(event.node)?.find(({ call }) => call === event.call);
      if (tool) Object.assign(tool, { exitCode: event.exitCode, seconds: event.seconds });
    }
  }
  return { logs, tools };
}

/** The last `most` bytes of a log, from the beginning of a line. */
export async function endOf(path: string, most: number): Promise<NonNullable<NodeDetails["log"]>> {
  await using file = await open(path);
  const { size } = await file.stat();
  const start = Math.max(0, size - most);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start);
  const bytes = buffer.subarray(0, bytesRead);
  const skipped = start === 0 ? 0 : bytes.indexOf(10) + 1;
  return { text: bytes.toString("utf8", skipped).trimEnd(), omittedBytes: start + skipped };
}
