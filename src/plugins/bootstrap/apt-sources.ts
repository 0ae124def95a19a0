/**
 * Where the packages of a Debian suite come from: the sources that this machine's apt has for it (asked of apt
 * itself), or a mirror that the template names.
 */
import { readFile } from "node:fs/promises";
import { TplError } from "../../engine/errors.ts";
import { runOnHost } from "./host-apt.ts";

/** A type, not an interface: it is plain JSON, and stands in the key. */
export type AptSource = {
  /** Without credentials, and without a slash at its end. */
  uri: string;
  /** As a sources.list names it: `bookworm`, `bookworm-security`. */
  suite: string;
  /** Absolute path of a keyring on this machine, where the source is bound to one. */
  signedBy?: string;
};

/** Sources for `suite` and its updates, never empty. Throws TplError `credentials-in-source` or `no-apt-source`. */
export async function sourcesFor(suite: string, mirror?: string): Promise<AptSource[]> {
  const sources = mirror ? [{ uri: withoutSlash(mirror), suite }] : await machineSources(suite);
  const secret = sources.find(({ uri }) => new URL(uri).password !== "");
  if (secret)
    throw new TplError({
      code: "credentials-in-source",
      message: `the source of ${secret.suite} on ${new URL(secret.uri).host} has a password in its URI, which would end up in the image`,
      hint: "put it into a file below /etc/apt/auth.conf.d (apt_auth.conf(5)): apt finds it there",
    });
  if (sources.length > 0) return sources;
  throw new TplError({
    code: "no-apt-source",
    message: `this machine's apt has no source for the suite ${suite}`,
    hint: "give the step a `mirror`, or add the suite to the sources in /etc/apt",
  });
}

/** One line of a sources.list. */
export function sourceLine(source: AptSource, components: readonly string[]): string {
  const options = source.signedBy ? ` [signed-by=${source.signedBy}]` : "";
  return `deb${options} ${source.uri} ${source.suite} ${components.join(" ")}`;
}

async function machineSources(suite: string): Promise<AptSource[]> {
  const format = "$(RELEASE)\t$(REPO_URI)\t$(SOURCESENTRY)";
  const text = await runOnHost("apt-get", ["indextargets", "--format", format, "Created-By: Packages"]);
  const rows = [...new Set(text.split("\n"))].map((line) => line.split("\t"));
  const sources: AptSource[] = [];
  for (const [name = "", uri = "", entry = ""] of rows) {
    if (name !== suite && !name.startsWith(`${suite}-`)) continue;
    if (sources.some((source) => source.suite === name && source.uri === withoutSlash(uri))) continue;
    const signedBy = await signedByOf(entry, uri, name);
    sources.push({ uri: withoutSlash(uri), suite: name, ...(signedBy ? { signedBy } : {}) });
  }
  // Updates without the suite itself are no source to bootstrap from.
  return sources.some((source) => source.suite === suite) ? sources : [];
}

/** apt tells the file that a source stands in (`/etc/apt/sources.list.d/debian.sources:1`), but not its keyring. */
async function signedByOf(entry: string, uri: string, suite: string): Promise<string | undefined> {
  const file = entry.replace(/:\d+$/, "");
  if (!file.startsWith("/")) return undefined;
  return keyringIn(await readFile(file, "utf8"), uri, suite);
}

/**
 * The keyring that a sources file (one-line or deb822, sources.list(5)) binds `suite` at `uri` to. A key that stands
 * in the file itself is not looked at: apt trusts the machine's keyrings too.
 */
export function keyringIn(text: string, uri: string, suite: string): string | undefined {
  const names = (words: string) =>
    words.split(/\s+/).some((word) => withoutSlash(word) === withoutSlash(uri)) &&
    words.split(/\s+/).includes(suite);
  const lines = text.split("\n").filter((line) => !line.startsWith("#"));
  const entries = [...lines.filter((line) => /^deb\s/.test(line)), ...lines.join("\n").split(/\n\s*\n/)];
  const entry = entries.find(names);
  return /(?:^Signed-By:\s*|\bsigned-by=)(\/[^\s,\]]+)/im.exec(entry ?? "")?.[1];
}

function withoutSlash(uri: string): string {
  return uri.replace(/\/+$/, "");
}
