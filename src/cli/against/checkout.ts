/**
 * The files of a git revision in a folder of their own, for as long as they are needed. The repository is only read: its
 * index, its work tree and its list of work trees stay as they are.
 */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, realpath, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { TplError } from "../../engine/errors.ts";

export interface Checkout extends AsyncDisposable {
  commit: string;
  /** Where the revision has what the work tree has at this absolute path; undefined outside of the repository. */
  pathOf(path: string): string | undefined;
  /** The other way round: for messages. */
  originalOf(path: string): string;
}

/**
 * `file`: a file that the revision must have. Throws TplError `git-missing`, `not-in-git`, `unknown-revision` or
 * `not-in-revision`.
 */
export async function checkOut(revision: string, file: string, signal: AbortSignal): Promise<Checkout> {
  const real = await realpath(file);
  const top = await topOf(real, file, signal);
  const commit = await commitOf(revision, top, signal);
  const path = relative(top, real);
  if ((await git(top, ["cat-file", "-e", `${commit}:${path}`], signal)).exitCode !== 0)
    throw new TplError({
      code: "not-in-revision",
      message: `${file} is not in ${revision} (${commit.slice(0, 12)})`,
      hint: "all of it is new: plan without --against",
    });
  const folder = await realpath(await mkdtemp(join(tmpdir(), "tplgraph-revision-")));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const tree = join(folder, "tree");
    await writeFiles(commit, { top, tree, index: join(folder, "index") }, signal);
    await linkPackages(top, tree, dirname(real));
    return {
      commit,
      pathOf: (inside) => (isBelow(inside, top) ? join(tree, relative(top, inside)) : undefined),
      originalOf: (inside) => (isBelow(inside, tree) ? relative(tree, inside) : inside),
      [Symbol.asyncDispose]: remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function topOf(real: string, file: string, signal: AbortSignal): Promise<string> {
  const { exitCode, stdout, stderr } = await git(dirname(real), ["rev-parse", "--show-toplevel"], signal);
  if (exitCode === 0) return realpath(stdout);
  throw new TplError({
    code: "not-in-git",
    message: `${file} has no revisions to compare it with: ${stderr.split("\n", 1)[0]}`,
    hint: "it must be in a git repository that git reads for this user",
  });
}

async function commitOf(revision: string, top: string, signal: AbortSignal): Promise<string> {
  const name = `${revision}^{commit}`;
  const { exitCode, stdout } = await git(
    top,
    ["rev-parse", "--verify", "--quiet", "--end-of-options", name],
    signal,
  );
  if (exitCode === 0) return stdout;
  throw new TplError({
    code: "unknown-revision",
    message: `git knows no revision ${JSON.stringify(revision)}`,
    hint: "in a shallow clone fetch it first: git fetch origin BRANCH",
  });
}

/** By an index of our own, with git's filters and line endings as a checkout has them. */
async function writeFiles(
  commit: string,
  { top, tree, index }: { top: string; tree: string; index: string },
  signal: AbortSignal,
): Promise<void> {
  const env = { GIT_INDEX_FILE: index };
  for (const args of [
    ["read-tree", commit],
    ["checkout-index", "--all", "--force", `--prefix=${tree}/`],
  ]) {
    const { exitCode, stderr } = await git(top, args, signal, env);
    if (exitCode !== 0)
      throw new TplError({ code: "git-failed", message: `git ${args.join(" ")} failed: ${stderr}` });
  }
  // A config file is looked for up to the root of the project.
  await mkdir(join(tree, ".git"), { recursive: true });
}

/** Installed packages are in no revision; plugins import them. Those of the folders from `from` up to the top. */
async function linkPackages(top: string, tree: string, from: string): Promise<void> {
  for (let folder = from; isBelow(folder, top); folder = dirname(folder)) {
    const packages = join(folder, "node_modules");
    const there = join(tree, relative(top, packages));
    if (existsSync(packages) && existsSync(dirname(there)) && !existsSync(there))
      await symlink(packages, there);
    if (folder === top) return;
  }
}

async function git(
  cwd: string,
  args: readonly string[],
  signal: AbortSignal,
  env: Record<string, string> = {},
) {
  const { execa } = await import("execa");
  const result = await execa("git", args, {
    cwd,
    reject: false,
    cancelSignal: signal,
    env: { LC_ALL: "C.UTF-8", ...env },
  });
  signal.throwIfAborted();
  if (result.code === "ENOENT")
    throw new TplError({
      code: "git-missing",
      message: "git is not installed, which knows the revisions",
      hint: "apt-get install git",
    });
  return { exitCode: result.exitCode, stdout: result.stdout, stderr: result.stderr };
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
