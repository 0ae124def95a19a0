/**
 * This machine's apt, for a guest: its sources, keyrings and how it reaches them, as files of the provisioning
 * disk. They are in the guest's memory while it provisions and never in its image.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { StepContext } from "../../engine/plugin/context.ts";
import { USER_NETWORK } from "../../vm/init-script.ts";
import { acquireOptions } from "../bootstrap/index.ts";
import { GUEST_FOLDER } from "./boot-scripts.ts";

/** A path below the guest's folder, to its content. */
export type GuestFiles = Map<string, string | Buffer>;

const HOST_FOLDER = "/etc/apt";
const GUEST_APT = `${GUEST_FOLDER}/apt`;
const CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt";

/**
 * `apt/sources.list.d` and the like, and two configurations for `APT_CONFIG`: `apt/host.conf` uses them,
 * `apt/acquire.conf` only says how to reach archives, for images of another release.
 */
export async function guestAptFiles(step: Pick<StepContext, "tool">): Promise<GuestFiles> {
  const files: GuestFiles = new Map();
  for (const name of ["sources.list", "trusted.gpg", "auth.conf"]) await copyFile(files, name);
  for (const name of ["sources.list.d", "trusted.gpg.d", "auth.conf.d"]) await copyFolder(files, name);
  await bringKeyrings(files);
  const { stdout } = await step.tool("apt-config", ["dump"], { quiet: true });
  const acquire = guestReach(stdout) + (await bringCertificates(files));
  files.set("apt/acquire.conf", acquire + IN_MEMORY);
  files.set("apt/host.conf", `${acquire}${IN_MEMORY}Dir::Etc "${GUEST_APT}";\n`);
  return files;
}

/** Lists and packages stay in memory. A VM's root may do everything, so apt need not change users. */
const IN_MEMORY = `Dir::State::lists "${GUEST_FOLDER}/apt-lists";
Dir::Cache "${GUEST_FOLDER}/apt-cache";
Acquire::Languages "none";
Acquire::GzipIndexes "false";
APT::Sandbox::User "root";
`;

/** Picks from `apt-config dump`. A proxy on this machine is the gateway for the guest. */
export function guestReach(dump: string): string {
  return acquireOptions(dump)
    .map((line) => `${line.replace(/\/\/(localhost|127\.0\.0\.1)(?=[:/"])/, `//${USER_NETWORK.gateway}`)}\n`)
    .join("");
}

/** Keyrings that sources name by path come along, and are named by their path in the guest. */
async function bringKeyrings(files: GuestFiles): Promise<void> {
  for (const [path, content] of [...files]) {
    if (!path.startsWith("apt/sources.list")) continue;
    const text = content.toString();
    for (const [, keyring] of text.matchAll(/signed-by\s*[=:]\s*(\/[^\s,\]]+)/gi)) {
      const data = await contentOf(keyring!);
      if (data) files.set(guestKeyring(keyring!).slice(GUEST_FOLDER.length + 1), data);
    }
    files.set(path, withGuestKeyrings(text));
  }
}

/** Rewrites `Signed-By: /PATH` (deb822) and `[signed-by=/PATH]` (one-line), sources.list(5). */
export function withGuestKeyrings(sources: string): string {
  return sources.replace(
    /(signed-by\s*[=:]\s*)(\/[^\s,\]]+)/gi,
    (_, key: string, path: string) => key + guestKeyring(path),
  );
}

function guestKeyring(path: string): string {
  return `${GUEST_APT}/keyrings/${path.slice(1).replaceAll("/", "-")}`;
}

/** For archives behind TLS: a small image has no certificates of its own. */
async function bringCertificates(files: GuestFiles): Promise<string> {
  const wanted = [...files].some(
    ([path, data]) => path.startsWith("apt/sources") && data.includes("https://"),
  );
  const bundle = wanted ? await contentOf(CA_BUNDLE) : undefined;
  if (!bundle) return "";
  files.set("apt/ca-certificates.crt", bundle);
  return `Acquire::https::CaInfo "${GUEST_APT}/ca-certificates.crt";\n`;
}

async function copyFile(files: GuestFiles, name: string): Promise<void> {
  const data = await contentOf(join(HOST_FOLDER, name));
  if (data) files.set(`apt/${name}`, data);
}

async function copyFolder(files: GuestFiles, folder: string): Promise<void> {
  for (const name of await namesIn(join(HOST_FOLDER, folder)))
    if (/\.(list|sources|gpg|asc|conf)$/.test(name)) await copyFile(files, `${folder}/${name}`);
}

async function contentOf(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
