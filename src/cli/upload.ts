/** After a build: its records, all they name and its names go to the remote. What fails is tried again by the next run. */
import { TplError } from "../engine/errors.ts";
import { errorData } from "../engine/run/error-data.ts";
import type { RunRecord, UploadOutcome } from "../engine/run/record.ts";
import type { PendingUpload } from "../store/remote/pending.ts";
import type { PushReport, TransferOptions, TransferProgress } from "../store/remote/push.ts";
import type { Sharing } from "../store/remote/sharing.ts";
import type { Store } from "../store/store.ts";
import { bytes, count } from "../views/amounts.ts";
import { printable } from "../views/text-width.ts";
import { holding } from "./holding.ts";

/** A run that found everything cached leaves nothing new; what earlier ones left is tried again. Undefined: there is nothing. */
export async function uploadAfter(
  record: RunRecord,
  store: Store,
  options: TransferOptions,
): Promise<UploadOutcome | undefined> {
  const { sharing } = store;
  if (!sharing || store.readOnly) return undefined;
  const keys = Object.values(record.nodes)
    .filter(({ status, key, outputs }) => status === "built" && key !== null && outputs)
    .map(({ key }) => key!);
  if (keys.length > 0) sharing.pending.add({ run: record.run, keys, refs: record.refs });
  if (sharing.pending.list().length === 0) return undefined;
  return await uploadPending(sharing, store, options);
}

/** Never throws for the remote's sake, nor where it is interrupted: that stands in the outcome. */
export async function uploadPending(
  sharing: Sharing,
  store: Store,
  { signal, onProgress }: TransferOptions,
): Promise<UploadOutcome> {
  const total: UploadOutcome = {
    remote: sharing.options.remote.url,
    ok: true,
    blobs: 0,
    bytes: 0,
    records: 0,
  };
  const show = onProgress && nowAndThen(onProgress);
  show?.({ done: 0, total: 0, bytes: 0 });
  try {
    for (const upload of sharing.pending.list()) {
      // The run has ended, so nothing else says any more that this is in use.
      const shipment = await sharing.shipmentOf(upload);
      const report = await holding(store, shipment.artifacts, () =>
        sharing.push(shipment, { signal, ...(show ? { onProgress: show } : {}) }),
      );
      sharing.pending.remove(upload.run);
      await noteUploaded(upload, report, total.remote, store.runs);
      total.blobs += report.sent;
      total.bytes += report.sentBytes;
      total.records += report.records;
    }
    return total;
  } catch (error) {
    if (signal?.aborted)
      return { ...total, ok: false, error: { code: "interrupted", message: "interrupted" } };
    if (!(error instanceof TplError)) throw error;
    return { ...total, ok: false, error: errorData(error) };
  }
}

/** For people; a line, or one with a hint below. */
export function uploadText({ remote, ok, blobs, bytes: sent, records, error }: UploadOutcome): string {
  if (ok) return `uploaded ${bytes(sent)} to ${remote}: ${count(blobs, "blob")}, ${count(records, "record")}`;
  const what = `not uploaded: ${printable(error!.message)}; the next run tries again, or tplgraph store push`;
  return error!.hint ? `${what}\n  hint: ${printable(error!.hint)}` : what;
}

/** A run that was told that its upload had failed is told that it is there now. */
async function noteUploaded(
  { run }: PendingUpload,
  { sent: blobs, sentBytes, records }: PushReport,
  remote: string,
  runs: Store["runs"],
): Promise<void> {
  const record = (await runs.get(run))?.record;
  if (!record) return; // collected since then
  await runs.finish({ ...record, upload: { remote, ok: true, blobs, bytes: sentBytes, records } });
}

const SHOW_MS = 200;

/** There is one for each blob, and each becomes an event. */
function nowAndThen(show: (progress: TransferProgress) => void): (progress: TransferProgress) => void {
  let shownMs = Number.NEGATIVE_INFINITY;
  return (progress) => {
    if (Date.now() - shownMs < SHOW_MS && progress.done < progress.total) return;
    shownMs = Date.now();
    show(progress);
  };
}
