/** `tplgraph store pull REF…` */
import type { Artifact } from "../../engine/artifact.ts";
import type { Ref } from "../../engine/store.ts";
import { readOnlyStore } from "../../store/fault.ts";
import { parseRef } from "../../store/refs/grammar.ts";
import type { PullReport } from "../../store/remote/pull.ts";
import type { TransferProgress } from "../../store/remote/push.ts";
import type { Store } from "../../store/store.ts";
import { bytes, count } from "../../views/amounts.ts";
import type { Cli } from "../command.ts";
import { EXIT } from "../exit-status.ts";
import { failing } from "../failing.ts";
import { holding } from "../holding.ts";
import { tellInterruption } from "../interruption.ts";
import { statusLine, transferText } from "../status-line.ts";
import { openWorkspace } from "../workspace.ts";
import { remoteOf } from "./remote-of.ts";

export async function pullRefs(cli: Cli, texts: readonly string[]): Promise<number> {
  const { flags } = cli;
  for (const text of texts) parseRef(text);
  await using workspace = await openWorkspace(flags);
  const store = await workspace.store();
  const sharing = remoteOf(store);
  if (store.readOnly) throw readOnlyStore(store.path);
  const { artifacts, refs } = await wanted(texts, store);
  using line = statusLine(cli.terminal);
  const { terminal } = line;
  using interruption = tellInterruption(terminal);
  return await failing(
    { flags, terminal },
    async () => {
      const { signal } = interruption;
      const onProgress = (progress: TransferProgress) => line.show(transferText("fetching", progress));
      const report = await holding(store, artifacts, async () => {
        const pulled = await sharing.pull(artifacts, { signal, onProgress });
        for (const { name, at: _, ...ref } of refs) await store.refs.set(name, ref);
        return pulled;
      });
      await sharing.trim();
      const names = refs.map(({ name }) => name);
      const { name } = await sharing.open();
      terminal.out(flags.json ? reportJson(report, names, name) : reportText(report, names, name));
      return EXIT.done;
    },
    interruption,
  );
}

/** A name as the remote has it now, whatever it stands for here. */
async function wanted(
  texts: readonly string[],
  store: Store,
): Promise<{ artifacts: Artifact[]; refs: Ref[] }> {
  const shared = await remoteOf(store).open();
  const artifacts: Artifact[] = [];
  const refs: Ref[] = [];
  for (const text of texts) {
    const parsed = parseRef(text);
    const isWhole = parsed.kind === "name" && parsed.output === undefined;
    const ref = isWhole ? await shared.refs.get(`${parsed.name}:${parsed.tag}`) : undefined;
    if (ref) refs.push(ref);
    artifacts.push(...(ref ? Object.values(ref.outputs) : [await store.resolveRef(text)]));
  }
  return { artifacts, refs };
}

function reportText(
  { there, fetched, fetchedBytes }: PullReport,
  names: readonly string[],
  remote: string,
): string {
  const what = names.length > 0 ? `${names.join(", ")}: ` : "";
  return `${what}${bytes(fetchedBytes)} fetched from ${remote} (${count(fetched, "blob")}, ${there} here already)`;
}

function reportJson(report: PullReport, refs: readonly string[], remote: string): string {
  return JSON.stringify({ schema: "tplgraph.pull/1", remote, ...report, refs }, null, 2);
}
