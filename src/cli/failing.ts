/**
 * Work whose failure is not the user's mistake: it ends with exit status 1, and with 130 when it was interrupted. Only a
 * store of a later version is a matter of the configuration, wherever it is noticed.
 */
import type { Cli } from "./command.ts";
import { EXIT } from "./exit-status.ts";
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
    return (error as { code?: unknown }).code === "store-newer" ? EXIT.wrongInput : EXIT.failed;
  }
}
