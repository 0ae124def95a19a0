/** Work whose failure is not the user's mistake: it ends with exit status 1, and with 130 when it was interrupted. */
import type { Cli } from "./command.ts";
import { EXIT, statusOf } from "./exit-status.ts";
import type { Interruption } from "./interruption.ts";

/** What `work` returns; where it throws, the error is told. */
export async function failing(
  { flags, terminal }: Cli,
  work: () => Promise<number>,
  interruption?: Interruption,
): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (interruption?.happened) return EXIT.interrupted;
    const { errorText } = await import("../views/error.ts");
    const detail = flags.logLevel === "debug" ? { detail: "stack" as const } : {};
    terminal.err(errorText(error, { paint: terminal.errPaint, ...detail }));
    return statusOf(error, EXIT.failed);
  }
}
