/** The remote of a store, for commands that make no sense without one. */
import { TplError } from "../../engine/errors.ts";
import type { Sharing } from "../../store/remote/sharing.ts";
import type { Store } from "../../store/store.ts";

/** Throws TplError `no-remote`. */
export function remoteOf(store: Store): Sharing {
  if (store.sharing) return store.sharing;
  throw new TplError({
    code: "no-remote",
    message: "no remote is configured",
    hint: 'add remote: { "url": "s3://BUCKET/PREFIX" } to tplgraph.config.json',
  });
}
