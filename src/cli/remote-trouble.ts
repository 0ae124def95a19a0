/** Says that a plan was made without the remote, and why. */
import type { Store } from "../store/store.ts";
import type { Cli } from "./command.ts";

export function tellTrouble(store: Store, { terminal }: Cli): void {
  const trouble = store.sharing?.trouble();
  if (!trouble) return;
  terminal.err(`going on without the remote: ${trouble.message}`);
  if (trouble.hint) terminal.err(`  hint: ${trouble.hint}`);
}
