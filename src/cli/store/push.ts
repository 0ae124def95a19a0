/** `tplgraph store push [REF…]` */
import type { Artifact } from "../../engine/artifact.ts";
import type { CacheRecord } from "../../engine/run/record.ts";
import type { Ref } from "../../engine/store.ts";
import { parseRef } from "../../store/refs/grammar.ts";
import type { PushReport, Shipment, TransferOptions } from "../../store/remote/push.ts";
import type { Sharing } from "../../store/remote/sharing.ts";
import type { Store } from "../../store/store.ts";
import { bytes, count } from "../../views/amounts.ts";
import type { Cli } from "../command.ts";
import { disowningDamage } from "../disown-damage.ts";
import { EXIT } from "../exit-status.ts";
import { failing } from "../failing.ts";
import { holding } from "../holding.ts";
import { type Interruption, tellInterruption } from "../interruption.ts";
import { type StatusLine, statusLine, transferText } from "../status-line.ts";
import { uploadPending, uploadText } from "../upload.ts";
import { openWorkspace } from "../workspace.ts";
import { remoteOf } from "./remote-of.ts";

export async function pushRefs(cli: Cli, texts: readonly string[]): Promise<number> {
  const { flags } = cli;
  await using workspace = await openWorkspace(flags, { create: "never" });
  const store = await workspace.store();
  const sharing = remoteOf(store);
  if (texts.length === 0) return await pushPending(sharing, store, cli);
  const shipment = await shipmentOf(texts, store);
  using line = statusLine(cli.terminal);
  const { terminal } = line;
  using interruption = tellInterruption(terminal);
  return await failing(
    { flags, terminal },
    async () => {
      const options = optionsFor(line, interruption);
      const report = await holding(store, shipment.artifacts, () =>
        disowningDamage(store, () => sharing.push(shipment, options)),
      );
      const { name } = await sharing.open();
      terminal.out(flags.json ? reportJson(report, name) : reportText(report, name));
      return EXIT.done;
    },
    interruption,
  );
}

/** What earlier runs could not upload. */
async function pushPending(sharing: Sharing, store: Store, { flags, ...cli }: Cli): Promise<number> {
  using line = statusLine(cli.terminal);
  const { terminal } = line;
  using interruption = tellInterruption(terminal);
  const upload = await uploadPending(sharing, store, optionsFor(line, interruption));
  if (flags.json) terminal.out(JSON.stringify({ schema: "tplgraph.upload/1", ...upload }, null, 2));
  terminal.err(uploadText(upload));
  if (upload.ok) return EXIT.done;
  return interruption.happened ? EXIT.interrupted : EXIT.failed;
}

function optionsFor(line: StatusLine, { signal }: Interruption): TransferOptions {
  return { signal, onProgress: (progress) => line.show(transferText("sending", progress)) };
}

/** A name goes with all that its run made and recorded: without the records of the steps above, it is no hit elsewhere. */
async function shipmentOf(texts: readonly string[], store: Store): Promise<Required<Shipment>> {
  const artifacts: Artifact[] = [];
  const records: CacheRecord[] = [];
  const refs: Ref[] = [];
  for (const text of texts) {
    const parsed = parseRef(text);
    const ref =
      parsed.kind === "name" && parsed.output === undefined
        ? await store.refs.get(`${parsed.name}:${parsed.tag}`)
        : undefined;
    if (!ref) {
      artifacts.push(await store.resolveRef(text));
      continue;
    }
    refs.push(ref);
    artifacts.push(...Object.values(ref.outputs));
    const found = await recordsOf(ref, store);
    records.push(...found);
    artifacts.push(...found.flatMap(({ outputs }) => Object.values(outputs)));
  }
  return { artifacts, records, refs };
}

/** Of the steps of the run that the name comes from, as far as all that they made is still here. */
async function recordsOf({ run }: Ref, store: Store): Promise<CacheRecord[]> {
  const summary = run === undefined ? undefined : await store.runs.get(run);
  const found: CacheRecord[] = [];
  for (const { key } of Object.values(summary?.record?.nodes ?? {})) {
    const record = key === null ? undefined : await store.records.get(key);
    if (record && (await isWhole(record, store))) found.push(record);
  }
  return found;
}

async function isWhole({ outputs }: CacheRecord, store: Store): Promise<boolean> {
  for (const output of Object.values(outputs))
    if ((await store.has(output, { depth: "all" })) !== "present") return false;
  return true;
}

function reportText({ there, sent, sentBytes, records, refs }: PushReport, name: string): string {
  const what = refs.length > 0 ? `${refs.join(", ")}: ` : "";
  return `${what}${bytes(sentBytes)} sent to ${name} (${count(sent, "blob")}, ${there} there already; ${count(records, "record")})`;
}

function reportJson(report: PushReport, remote: string): string {
  return JSON.stringify({ schema: "tplgraph.push/1", remote, ...report }, null, 2);
}
