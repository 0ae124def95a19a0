/**
 * An ext4 image of everything that copies lose (`corpus.py`), with 100,000 files in one folder. Made
 * when it is missing or its recipe changed, and kept beside the tests' store.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { store } from "./cli.ts";

const SIZE = "512M";
/** Room for every inode. */
const OPTIONS = ["-q", "-t", "ext4", "-I", "256", "-N", "130000"];
/** Mounting it read-write needs a kernel with quotas. */
const WITH_PROJECTS = ["-O", "project"];

/** Path of the raw file. Not to be written to. */
export function corpusImage(): string {
  const script = join(import.meta.dirname, "corpus.py");
  const recipe = createHash("sha256").update(readFileSync(script)).update(OPTIONS.join(" ")).digest("hex");
  const path = join(dirname(store), `corpus-${recipe.slice(0, 16)}.ext4`);
  if (existsSync(path)) return path;
  mkdirSync(dirname(store), { recursive: true });
  const work = mkdtempSync(join(dirname(store), "corpus-"));
  const file = join(work, "image");
  try {
    freshFileSystem(file);
    withMounted(file, (folder) =>
      execFileSync("python3", [script, "100000"], { cwd: folder, stdio: ["ignore", "ignore", "inherit"] }),
    );
    renameSync(file, path);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return path;
}

/** An empty file system that can hold all of the corpus, with project ids where this kernel has them. */
export function freshFileSystem(file: string): void {
  execFileSync("mke2fs", [...OPTIONS, ...WITH_PROJECTS, file, SIZE]);
  try {
    withMounted(file, () => {});
  } catch {
    execFileSync("mke2fs", ["-F", ...OPTIONS, file, SIZE]);
  }
}

/** Mounts a raw file read-write while `use` runs. */
function withMounted<T>(file: string, use: (folder: string) => T): T {
  const folder = `${file}.mnt`;
  mkdirSync(folder);
  try {
    execFileSync("mount", ["-o", "loop", "--", file, folder], { stdio: "pipe" });
    try {
      return use(folder);
    } finally {
      execFileSync("umount", ["--", folder]);
    }
  } finally {
    rmdirSync(folder);
  }
}
