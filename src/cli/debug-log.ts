/** What is of interest to who looks for a fault, as pino's JSON lines on stderr: with `--log-level debug` alone. */
import type { GlobalFlags } from "./command.ts";

export type DebugLog = (message: string, details?: Record<string, unknown>) => void;

export async function debugLog({ logLevel }: GlobalFlags): Promise<DebugLog> {
  if (logLevel !== "debug") return () => {};
  const { pino } = await import("pino");
  const logger = pino(
    { level: "debug", base: { pid: process.pid } },
    pino.destination({ fd: 2, sync: true }),
  );
  return (message, details = {}) => logger.debug(details, message);
}
