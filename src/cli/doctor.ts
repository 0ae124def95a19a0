/** What this machine can do and what is missing: one answer each, with what mends it. */
import { accessSync, constants, existsSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { TplError } from "../engine/errors.ts";
import { runTool } from "../engine/run/tool.ts";
import type { AttachWays } from "../image/attach/ways.ts";
import type { StoreLocation } from "../store/location.ts";
import { bytes } from "../views/amounts.ts";
import { debianPackages, installedPackages } from "./debian-packages.ts";

export interface Finding {
  /** Stable: scripts look for it. */
  id: string;
  title: string;
  /** `limited`: it goes on without, slower or with less. */
  state: "ok" | "limited" | "missing";
  details: string;
  /** The command, or the thing to do, that mends it. */
  hint?: string;
  /** Of `attach`: each way, tried by itself. */
  ways?: AttachWays;
}

export async function examine(store: StoreLocation): Promise<Finding[]> {
  const packages = await packageFindings();
  const [ways, kernel, accelerator] = [
    await attachFinding(),
    await kernelFinding(),
    await acceleratorFinding(),
  ];
  return [nodeFinding(), rootFinding(), ...packages, ways, kernel, accelerator, ...storeFindings(store)];
}

function nodeFinding(): Finding {
  return { id: "node", title: "Node", state: "ok", details: process.version };
}

function rootFinding(): Finding {
  const isRoot = process.geteuid?.() === 0;
  return {
    id: "root",
    title: "root",
    state: isRoot ? "ok" : "limited",
    details: isRoot
      ? "yes"
      : "no: steps that mount (nbd/attach-source, rsync/copy) need it; cached runs do not",
    ...(isRoot ? {} : { hint: "run as root" }),
  };
}

async function packageFindings(): Promise<Finding[]> {
  const installed = await installedPackages();
  if (!installed)
    return [
      {
        id: "packages",
        title: "Debian packages",
        state: "limited",
        details: "this is not Debian",
        hint: "install what scripts/debian-packages.txt lists by hand",
      },
    ];
  const all = debianPackages();
  return (["run", "test"] as const).map((use): Finding => {
    const missing = all.filter((one) => one.use === use && !installed.has(one.name));
    const title = use === "run" ? "Debian packages" : "Debian packages for tests";
    if (missing.length === 0) return { id: `packages-${use}`, title, state: "ok", details: "all installed" };
    return {
      id: `packages-${use}`,
      title,
      state: use === "run" ? "missing" : "limited",
      details: missing.map(({ name, purpose }) => `${name} (${purpose})`).join(", "),
      hint: `apt-get install --no-install-recommends ${missing.map(({ name }) => name).join(" ")}`,
    };
  });
}

/** By really attaching a disk. */
async function attachFinding(): Promise<Finding> {
  const { tryAttaching } = await import("./try-attach.ts");
  const about = { id: "attach", title: "attaching disks" };
  let ways: AttachWays;
  try {
    ways = await tryAttaching();
  } catch (error) {
    return missing(about.id, about.title, error);
  }
  const { kernelNbd, nbdfuse, loop, mount } = ways;
  const devices = kernelNbd.ok || (nbdfuse.ok && loop.ok);
  if (devices && mount.ok)
    return {
      ...about,
      state: "ok",
      details: kernelNbd.ok
        ? "devices by the kernel's NBD client"
        : `loop devices over nbdfuse (not by the kernel's NBD client: ${kernelNbd.why})`,
      ways,
    };
  const files = kernelNbd.ok || nbdfuse.ok;
  const { why = "", hint } = !files ? nbdfuse : !devices ? loop : mount;
  return {
    ...about,
    state: files ? "limited" : "missing",
    details: files ? `as files by nbdfuse, but not mounted: ${why}` : why,
    ...(hint ? { hint } : {}),
    ways,
  };
}

async function kernelFinding(): Promise<Finding> {
  const { findKernel } = await import("../vm/kernel.ts");
  try {
    const { path } = await findKernel();
    return { id: "guest-kernel", title: "kernel for guests", state: "ok", details: path };
  } catch (error) {
    return missing("guest-kernel", "kernel for guests", error);
  }
}

/** By really running a guest. */
async function acceleratorFinding(): Promise<Finding> {
  const { findAccelerator } = await import("../vm/accelerator.ts");
  const { mkdtemp, rm } = await import("node:fs/promises");
  const { tmpdir } = await import("node:os");
  const { join } = await import("node:path");
  const title = "running guests";
  const scratch = await mkdtemp(join(tmpdir(), "tplgraph-doctor-"));
  const signal = AbortSignal.timeout(60_000);
  const quiet = () => undefined;
  try {
    const { name, why } = await findAccelerator({
      scratch: async () => scratch,
      log: quiet,
      tool: (...tool) => runTool({ run: "doctor", signal, log: quiet }, ...tool),
    });
    if (name === "kvm") return { id: "accelerator", title, state: "ok", details: "on KVM" };
    const details = `emulated (TCG), which is slow: ${why}`;
    return { id: "accelerator", title, state: "limited", details, hint: "use a machine with KVM" };
  } catch (error) {
    return missing("accelerator", title, error);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The least that a template of a few GiB takes. */
const ENOUGH_BYTES = 5 * 2 ** 30;

function storeFindings({ path, from }: StoreLocation): Finding[] {
  const folder = existing(path);
  const writable = isWritable(folder);
  const { bavail, bsize } = statfsSync(folder);
  const freeBytes = bavail * bsize;
  return [
    {
      id: "store",
      title: "store",
      state: writable ? "ok" : "missing",
      details: `${path} (${from})${writable ? "" : ` cannot be written`}`,
      ...(writable ? {} : { hint: "choose another one with --store or TPLGRAPH_STORE" }),
    },
    {
      id: "store-space",
      title: "space in the store",
      state: freeBytes >= ENOUGH_BYTES ? "ok" : "limited",
      details: `${bytes(freeBytes)} free`,
      ...(freeBytes >= ENOUGH_BYTES ? {} : { hint: "make room, or choose another store with --store" }),
    },
  ];
}

/** The folder itself, or the nearest one above it that is there. */
function existing(path: string): string {
  let folder = path;
  while (!existsSync(folder)) folder = dirname(folder);
  return folder;
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false; // whatever the reason, it cannot be written
  }
}

function missing(id: string, title: string, error: unknown): Finding {
  if (!(error instanceof TplError)) throw error;
  return { id, title, state: "missing", details: error.message, ...(error.hint ? { hint: error.hint } : {}) };
}
