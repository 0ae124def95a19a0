/**
 * How this machine reaches its archives, handed on to mmdebstrap, whose apt reads no configuration of the host:
 * proxies, certificates, credentials, retries. It is used during the build and does not stay in the image.
 */
import type { StepContext } from "../../engine/plugin/context.ts";

const REACH = /^(Acquire::(http|https|ftp|Retries|ForceIPv[46])\b|Dir::Etc::netrc)/;

/** Content of an apt.conf; empty where the machine has nothing to hand on. */
export async function aptReachOptions(step: Pick<StepContext, "tool">): Promise<string> {
  const { stdout } = await step.tool("apt-config", ["dump"], { quiet: true });
  return reachOptions(stdout);
}

/** Picks from the output of `apt-config dump`. Paths below apt's own folder become absolute. */
export function reachOptions(dump: string): string {
  const lines = dump.split("\n").filter((line) => REACH.test(line) && !line.endsWith(' "";'));
  const absolute = lines.map((line) =>
    line.replace(/^(Dir::Etc::netrc(?:parts)?) "(?!\/)(.*)";$/, '$1 "/etc/apt/$2";'),
  );
  return absolute.map((line) => `${line}\n`).join("");
}
