/** Which Debian packages tplgraph uses, by the project's one list, and which of them are installed. */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";

export interface DebianPackage {
  name: string;
  /** `run`: needed to build templates; `test`: by the project's tests alone. */
  use: "run" | "test";
  purpose: string;
}

/** The lines of `scripts/debian-packages.txt`: name, use, purpose. */
export function debianPackages(): DebianPackage[] {
  const text = readFileSync(new URL("../../scripts/debian-packages.txt", import.meta.url), "utf8");
  return text
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"))
    .map((line) => {
      const [name = "", use, ...purpose] = line.split(/\s+/);
      return { name, use: use === "test" ? "test" : "run", purpose: purpose.join(" ") };
    });
}

/** Names of the installed packages, by dpkg's own database (deb-status); undefined where the system has none. */
export async function installedPackages(): Promise<Set<string> | undefined> {
  let status: string;
  try {
    status = await readFile("/var/lib/dpkg/status", "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const installed = status.split("\n\n").filter((entry) => /^Status: \S+ \S+ installed$/m.test(entry));
  return new Set(installed.map((entry) => /^Package: (\S+)$/m.exec(entry)?.[1] ?? ""));
}
