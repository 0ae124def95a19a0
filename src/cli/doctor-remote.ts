/** Whether the remote that is configured answers. */
import { TplError } from "../engine/errors.ts";
import type { StoreLocation } from "../store/location.ts";
import type { SharedOptions } from "../store/remote/shared-store.ts";
import type { Finding } from "./doctor.ts";

export async function remoteFinding(shared: SharedOptions, { path }: StoreLocation): Promise<Finding> {
  const { openSharedStore } = await import("../store/remote/shared-store.ts");
  const about = { id: "remote", title: "remote store" };
  // One attempt of it: whoever asks wants to know now.
  const remote = { ...shared.remote, attempts: 1 };
  const opened = await openSharedStore(
    { ...shared, remote },
    { storeFolder: path, now: Date.now, onTrouble: () => undefined },
  );
  try {
    await opened.check();
    const records = opened.records ? "" : "; each machine has its own records";
    return { ...about, state: "ok", details: `${opened.name} answers${records}` };
  } catch (error) {
    if (!(error instanceof TplError)) throw error;
    return {
      ...about,
      state: "missing",
      details: error.message,
      ...(error.hint ? { hint: error.hint } : {}),
    };
  } finally {
    opened.close();
  }
}
