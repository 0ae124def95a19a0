/**
 * What a bootstrapped root holds of the machine and the moment it was made on, removed: such a root is a
 * template, and the same packages are to give the same files. mmdebstrap itself removes package lists, caches,
 * the machine's id and dpkg's logs.
 */
import { join } from "node:path";
import type { StepContext } from "../../engine/plugin/context.ts";
import { UNSAFE_IO } from "./mmdebstrap.ts";

const REMOVED = [
  // Both are copies of this machine's; the provisioning files bring the template's own.
  "etc/hostname",
  "etc/resolv.conf",
  // How this machine reaches its archives: proxies, credentials.
  "etc/apt/apt.conf.d/99mmdebstrap",
  // Backups that the tools that edit these files keep.
  "etc/group-",
  "etc/gshadow-",
  "etc/passwd-",
  "etc/shadow-",
  "etc/subgid-",
  "etc/subuid-",
  "var/cache/apt/pkgcache.bin",
  "var/cache/apt/srcpkgcache.bin",
  "var/cache/debconf/config.dat-old",
  "var/cache/debconf/templates.dat-old",
  "var/cache/ldconfig/aux-cache",
  "var/lib/dpkg/diversions-old",
  "var/lib/dpkg/statoverride-old",
  "var/lib/dpkg/status-old",
  "var/lib/systemd/random-seed",
];

/** `root` is a folder that mmdebstrap has just made; `epoch`, in seconds, is the latest time that any file keeps. */
export async function tidy(step: Pick<StepContext, "tool">, root: string, epoch: number): Promise<void> {
  await step.tool("rm", ["-f", "--", ...REMOVED.map((path) => join(root, path))]);
  await step.tool("sed", ["-i", `/^${UNSAFE_IO}$/d`, join(root, "etc/dpkg/dpkg.cfg.d/99mmdebstrap")]);
  const logs = join(root, "var/log");
  await step.tool("find", [logs, "-xdev", "-type", "f", "-exec", "truncate", "--size=0", "--", "{}", "+"]);
  const clamp = ["touch", "--no-dereference", `--date=@${epoch}`, "--", "{}", "+"];
  await step.tool("find", [root, "-xdev", "-depth", "-newermt", `@${epoch}`, "-exec", ...clamp]);
}
