/**
 * The archive's state: the dates of the Release files that a build takes its packages from. A mutable input,
 * resolved when planning and remembered for a day, so that a rebuilt archive shows as a changed key.
 */
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TplError } from "../../engine/errors.ts";
import { sha256 } from "../../engine/key/canonical.ts";
import { fileIdentity } from "../../engine/key/tool-version.ts";
import type { PlanContext } from "../../engine/plugin/context.ts";
import { type AptSource, sourcesFor } from "./apt-sources.ts";
import { runOnHost } from "./host-apt.ts";

/** apt's own downloader: it honours the machine's proxies, certificates and credentials. */
const APT_HELPER = "/usr/lib/apt/apt-helper";

export type Archive = {
  sources: Release[];
  /** The latest of the dates, in seconds since 1970: what a build from it takes for the time. */
  epoch: number;
};

type Release = AptSource & {
  /** As the Release file has it: `Sat, 11 Jul 2026 10:16:37 UTC`. */
  date: string;
};

/**
 * The archive of `suite` as this machine's apt sees it now, or as `mirror` has it. Throws TplError
 * `archive-unreachable`, `not-an-archive`, `no-apt-source` or `credentials-in-source`.
 */
export function archiveDate(
  plan: Pick<PlanContext, "remember">,
  suite: string,
  mirror?: string,
): Promise<Archive> {
  // Other sources are another answer, from the moment they are there.
  const name = `apt-archive:${suite}:${mirror ?? sourcesIdentity()}`;
  const look = async () => {
    const sources = await Promise.all((await sourcesFor(suite, mirror)).map(release));
    return { sources, epoch: Math.max(...sources.map(({ date }) => Date.parse(date) / 1000)) };
  };
  return plan.remember(name, look, {
    lockAs: `apt-archive:${suite}${mirror === undefined ? "" : `:${mirror}`}`,
  });
}

/** Tells whether this machine's sources are the same as before, by stat alone. */
function sourcesIdentity(): string {
  const folder = "/etc/apt";
  const parts = join(folder, "sources.list.d");
  const names = existsSync(parts) ? readdirSync(parts).sort() : [];
  const files = [join(folder, "sources.list"), ...names.map((name) => join(parts, name))].filter(existsSync);
  return `machine:${sha256(files.map(fileIdentity).join("\n"))}`;
}

async function release(source: AptSource): Promise<Release> {
  const url = `${source.uri}/dists/${source.suite}/InRelease`;
  const date = releaseDate(await download(url));
  if (date === undefined)
    throw new TplError({ code: "not-an-archive", message: `${url} is no Release file: it has no Date` });
  return { ...source, date };
}

/** The field `Date` of a Release file (https://wiki.debian.org/DebianRepository/Format); undefined where it has none. */
export function releaseDate(text: string): string | undefined {
  const date = /^Date: (.+)$/m.exec(text)?.[1]?.trim();
  return date !== undefined && Number.isFinite(Date.parse(date)) ? date : undefined;
}

async function download(url: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "tplgraph-"));
  try {
    const file = join(folder, "InRelease");
    await runOnHost(APT_HELPER, ["-o", "APT::Sandbox::User=root", "download-file", url, file]);
    return await readFile(file, "utf8");
  } catch (cause) {
    if (!(cause instanceof TplError) || cause.code !== "apt-failed") throw cause;
    throw new TplError({
      code: "archive-unreachable",
      message: `${url} cannot be downloaded: ${cause.message}`,
      hint: "check the suite's name, the mirror, and that apt-get update works on this machine",
      cause,
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}
