/**
 * How this machine reaches its archives, handed on to mmdebstrap, whose apt reads no configuration of the host:
 * proxies, certificates, credentials, retries. It is used during the build and does not stay in the image.
 */
import type { StepContext } from "../../engine/plugin/context.ts";

/**
 * What of apt's configuration says how archives are reached, and whether one that has not been renewed in time (a frozen
 * mirror, a snapshot) will do; the rest (hooks, cleaning) is the machine's own affair.
 */
const ACQUIRE =
  /^Acquire::(http|https|ftp|Retries|ForceIPv[46]|Check-Valid-Until|Check-Date|Max-FutureTime)\b/;
const CREDENTIALS = /^Dir::Etc::netrc/;

/** Content of an apt.conf; empty where the machine has nothing to hand on. */
export async function aptReachOptions(step: Pick<StepContext, "tool">): Promise<string> {
  const { stdout } = await step.tool("apt-config", ["dump"], { quiet: true });
  return reachOptions(stdout);
}

/** Lines of the output of `apt-config dump`, of what is set. */
export function acquireOptions(dump: string): string[] {
  return linesOf(dump, ACQUIRE);
}

/** Picks from the output of `apt-config dump`. Paths below apt's own folder become absolute. */
export function reachOptions(dump: string): string {
  const lines = [...linesOf(dump, ACQUIRE), ...linesOf(dump, CREDENTIALS)];
  const absolute = lines.map((line) =>
    line.replace(/^(Dir::Etc::netrc(?:parts)?) "(?!\/)(.*)";$/, '$1 "/etc/apt/$2";'),
  );
  return absolute.map((line) => `${line}\n`).join("");
}

function linesOf(dump: string, wanted: RegExp): string[] {
  return dump.split("\n").filter((line) => wanted.test(line) && !line.endsWith(' "";'));
}
