/** After a build: its records, all they name and its names go to the remote. What fails is tried again by the next run. */
import { TplError } from "../engine/errors.ts";
import type { RunRecord } from "../engine/run/record.ts";
import type { Sharing } from "../store/remote/sharing.ts";
import type { Store } from "../store/store.ts";
import { bytes, count } from "../views/amounts.ts";
import type { Cli } from "./command.ts";
import { tellInterruption } from "./interruption.ts";
import { transferLine } from "./transfer-line.ts";

/** `failed`: the build is fine all the same, and what was to be uploaded is remembered. */
export type UploadResult = "done" | "failed" | "interrupted";

/** A run that found everything cached leaves nothing new; what earlier ones left is tried again. */
export async function uploadAfter(record: RunRecord, store: Store, cli: Cli): Promise<UploadResult> {
  const { sharing } = store;
  if (!sharing || store.readOnly) return "done";
  const keys = Object.values(record.nodes)
    .filter(({ status, key, outputs }) => status === "built" && key !== null && outputs)
    .map(({ key }) => key!);
  if (keys.length > 0) sharing.pending.add({ run: record.run, keys, refs: record.refs });
  if (sharing.pending.list().length === 0) return "done";
  return await uploadPending(sharing, cli);
}

export async function uploadPending(sharing: Sharing, { terminal }: Cli): Promise<UploadResult> {
  using interruption = tellInterruption(terminal);
  const { signal } = interruption;
  const total = { blobs: 0, bytes: 0, records: 0 };
  try {
    using line = transferLine(terminal, "sending");
    for (const upload of sharing.pending.list()) {
      const { sent, sentBytes, records } = await sharing.upload(upload, { signal, onProgress: line.show });
      sharing.pending.remove(upload.run);
      total.blobs += sent;
      total.bytes += sentBytes;
      total.records += records;
    }
  } catch (error) {
    if (interruption.happened) return "interrupted";
    if (!(error instanceof TplError)) throw error;
    terminal.err(`not uploaded: ${error.message}; the next run tries again, or tplgraph store push`);
    if (error.hint) terminal.err(`  hint: ${error.hint}`);
    return "failed";
  }
  const { name } = await sharing.open();
  terminal.err(
    `uploaded ${bytes(total.bytes)} to ${name}: ${count(total.blobs, "blob")}, ${count(total.records, "record")}`,
  );
  return "done";
}
