/** Work whose failure is not the user's mistake: it ends with exit status 1, and with 130 when it was interrupted. */
import { errorText } from "../views/error.ts";
import type { Cli } from "./command.ts";
import { EXIT } from "./exit-status.ts";
import type { Interruption } from "./interruption.ts";

/** 0 when `work` was done; otherwise why it was not has been told. */
export async function failing(
  { flags, terminal }: Cli,
  interruption: Interruption,
  work: () => Promise<unknown>,
): Promise<number> {
  try {
    await work();
    return EXIT.done;
  } catch (error) {
    if (interruption.happened) return EXIT.interrupted;
    const detail = flags.logLevel === "debug" ? { detail: "stack" as const } : {};
    terminal.err(errorText(error, { paint: terminal.errPaint, ...detail }));
    return EXIT.failed;
  }
}
