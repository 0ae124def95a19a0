/** What `tplgraph ui` shows, from a workspace: each thing is read when it is asked for. */
import { setTimeout as sleep } from "node:timers/promises";
import { TplError } from "../engine/errors.ts";
import { runStartMs } from "../engine/run/run-id.ts";
import { liveRuns } from "../image/held-runs.ts";
import type { RunSummary } from "../store/runs.ts";
import { spaceOf } from "../store/space.ts";
import type { Store } from "../store/store.ts";
import type { HeldArtifact, Holdings, OverviewRun } from "../ui/overview.ts";
import type { UiSources } from "../ui/server.ts";
import { graphPage, overviewPage } from "../views/graph/page.ts";
import { artifactParts } from "./artifact-parts.ts";
import type { Cli } from "./command.ts";
import { findRun } from "./find-run.ts";
import { documentOfEvents, runOf } from "./graph-source.ts";
import { addDetails, endOf } from "./node-details.ts";
import { pageAssets } from "./page-assets.ts";
import type { Workspace } from "./workspace.ts";

const SHOWN_RUNS = 200;
const LOG_BYTES = 256 * 1024;

export function uiSources(workspace: Workspace, cli: Cli): UiSources {
  const list = latestRuns();
  return {
    overview: async () =>
      overviewPage({ store: (await workspace.store()).path }, await pageAssets("overview")),
    runs: async () => list(await workspace.store()),
    holdings: async () => holdingsOf(await workspace.store()),
    async runPage(id, home) {
      const store = await workspace.store();
      const run = await findRun(store, id);
      const kept = await liveDocument(store, run);
      const document = kept?.document ?? (await runOf(id, workspace, cli));
      if (!document)
        throw new TplError({
          code: "run-without-graph",
          message: `the template of run ${id} does not compile any more`,
        });
      await addDetails(document, store);
      const live = kept ? { live: { run: id, from: kept.end } } : {};
      const data = { graphs: [{ title: `run ${id}`, document }], ...live };
      return graphPage(data, { assets: await pageAssets("main"), served: { home } });
    },
    async runEvents(id, from) {
      const store = await workspace.store();
      // Whether it goes on is asked first: what it wrote before it ended is then read for certain.
      const run = await store.runs.get(id);
      const isLive = run !== undefined && goesOn(run, store);
      const kept = await store.runs.events(id, { from });
      return kept && { ...kept, goesOn: isLive };
    },
    async log(id, node) {
      const { runs } = await workspace.store();
      const log = (await runs.logs(id)).find((one) => one.node === node);
      return log ? endOf(log.path, LOG_BYTES) : { text: "", omittedBytes: 0 };
    },
  };
}

/** A run's first events reach their file a moment after it shows in the list. */
const FIRST_EVENTS_MS = 2000;
const LOOK_MS = 50;

/** Undefined of a run that has ended, or that keeps no events since all of it is cached. */
async function liveDocument(store: Store, run: RunSummary): ReturnType<typeof documentOfEvents> {
  for (let waitedMs = 0; waitedMs <= FIRST_EVENTS_MS; waitedMs += LOOK_MS) {
    const now = await store.runs.get(run.run);
    if (!now || !goesOn(now, store)) return undefined;
    const kept = await documentOfEvents(store, now);
    if (kept) return kept;
    await sleep(LOOK_MS);
  }
  return undefined;
}

/** The latest runs; of those that have ended each is read once. */
function latestRuns(): (store: Store) => Promise<OverviewRun[]> {
  const ended = new Map<string, OverviewRun>();
  return async (store) => {
    const shown: OverviewRun[] = [];
    for (const id of (await store.runs.ids()).slice(0, SHOWN_RUNS)) {
      const known = ended.get(id);
      const run = known ? undefined : await store.runs.get(id);
      const one = known ?? (run && overviewOf(run, store));
      if (!one) continue;
      if (one.state !== "running" && one.state !== "killed") ended.set(id, one);
      shown.push(one);
    }
    return shown;
  };
}

function overviewOf(summary: RunSummary, store: Store): OverviewRun {
  const { run, template, at, record, state } = summary;
  if (!record || state === "unfinished")
    return { run, template, at, state: goesOn(summary, store) ? "running" : "killed" };
  const failed = Object.entries(record.nodes).find(([, node]) => node.status === "failed");
  const failure = failed ? { failure: `${failed[0]}: ${failed[1].error?.message ?? "failed"}` } : {};
  return { run, template, at, state, seconds: record.seconds, counts: record.counts, ...failure };
}

/** Between its first line and its journal, which its disk host writes, a run is believed for so long. */
const STARTING_MS = 10_000;

function goesOn({ run, state }: RunSummary, store: Store): boolean {
  if (state !== "unfinished") return false;
  return Date.now() - runStartMs(run) < STARTING_MS || liveRuns(store.path).some((live) => live.run === run);
}

async function holdingsOf(store: Store): Promise<Holdings> {
  const { bytes, unusedBytes, artifacts } = await spaceOf(
    await store.artifacts(),
    store.blobs,
    artifactParts,
  );
  const held = artifacts.flatMap(({ stored, bytes: has, ownBytes }): HeldArtifact[] => {
    const { artifact, refs, producers } = stored;
    if (artifact.type === "data") return [];
    const title = refs.length > 0 ? refs.join(", ") : (producers.at(-1)?.node ?? "imported");
    return [
      { type: artifact.type, digest: artifact.digest, title, isNamed: refs.length > 0, bytes: has, ownBytes },
    ];
  });
  held.sort((a, b) => b.ownBytes - a.ownBytes || b.bytes - a.bytes);
  return { path: store.path, bytes, unusedBytes, artifacts: held };
}
