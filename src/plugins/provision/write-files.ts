/**
 * Writes files into an ext4 image that is not mounted, by debugfs. The root is untrusted, and nothing of it can
 * reach the host: no path of it is ever opened by the host's kernel; symlinks in it are followed here, in
 * `resolveParents`, with the image's root as the root. Needs no privileges and no device, and the same input gives
 * the same bytes, with `clockSeconds` for the time of what is written.
 *
 * What is there already just as it is to be is left. Any other name that exists is unlinked, not written through: its
 * hard links keep their content. Everything else in the image stays as it is, extended attributes too.
 */
import { writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { TplError } from "../../engine/errors.ts";
import {
  DEBUGFS_TYPES,
  type DebugfsHost,
  type InodeFacts,
  isPlainPath,
  longLinkTarget,
  quoted,
  runDebugfs,
  statPaths,
} from "./debugfs.ts";
import type { OverlayFile } from "./files.ts";
import { unchangedFiles } from "./unchanged.ts";

/**
 * Writes `files` into the file system in `imageFile`, which must be clean. `folder` is scratch,
 * `clockSeconds` counts since 1970 and is not 0, which debugfs takes for "now". Returns how many were not there just so
 * already: with 0, nothing was written. Throws TplError
 * `overlay-conflict` (a directory where a file goes, the other way round, or a symlink to a name that cannot be written), `overlay-loop` (symlinks in a
 * circle), `overlay-failed`, `disk-too-small`.
 */
export async function writeFiles(
  host: DebugfsHost,
  imageFile: string,
  folder: string,
  files: readonly OverlayFile[],
  clockSeconds: number,
): Promise<number> {
  const image = new ImageTree(host, imageFile, folder);
  await image.look(files.flatMap((file) => ancestors(file.path)));
  const placed: OverlayFile[] = [];
  for (const file of files) placed.push({ ...file, path: await resolveParents(image, file.path) });
  const last = new Map(placed.map((file) => [file.path, file]));
  await image.look([...last.keys()]);
  const found = { files: [...last.values()], at: (path: string) => image.at(path) };
  const unchanged = await unchangedFiles(host, imageFile, folder, found);
  const changed = [...last.values()].filter((file) => !unchanged.has(file));
  if (changed.length === 0) return 0;

  const commands: string[] = [];
  const made = new Set<string>();
  let contents = 0;
  for (const file of changed) {
    commands.push(...makeParents(image, made, dirname(file.path)));
    const found = image.at(file.path);
    if (found?.type === "directory" && file.kind !== "dir")
      throw conflict(file.path, `a ${file.kind} goes where the image has a directory`);
    if (found && found.type !== "directory" && file.kind === "dir")
      throw conflict(file.path, "a directory goes where the image has a file");
    if (file.kind === "dir") {
      if (!found && !made.has(file.path)) commands.push(...inFolder(file.path, "mkdir"));
      made.add(file.path);
    } else {
      if (found) commands.push(`rm ${quoted(file.path)}`);
      if (file.kind === "symlink") {
        commands.push(...inFolder(file.path, "symlink", file.target));
      } else {
        const source = join(folder, `content-${contents++}`);
        await writeFile(source, file.content);
        commands.push(
          `cd ${quoted(dirname(file.path))}`,
          `write ${quoted(source)} ${quoted(basename(file.path))}`,
        );
      }
    }
    commands.push(...ownership(file));
  }
  await runDebugfs(host, imageFile, folder, commands, { access: "write", clockSeconds });
  await verify(host, imageFile, folder, changed);
  return changed.length;
}

/** `/a`, `/a/b` and `/a/b/c` for `/a/b/c`. */
function ancestors(path: string): string[] {
  return names(path).map((_, i, all) => `/${all.slice(0, i + 1).join("/")}`);
}

/** What is known of the image's tree, asked for in batches: a debugfs run costs far more than a path in it. */
class ImageTree {
  readonly #host: DebugfsHost;
  readonly #imageFile: string;
  readonly #folder: string;
  readonly #known = new Map<string, InodeFacts | undefined>();

  constructor(host: DebugfsHost, imageFile: string, folder: string) {
    this.#host = host;
    this.#imageFile = imageFile;
    this.#folder = folder;
  }

  /** Finds out about paths that do not go through symlinks. */
  async look(paths: readonly string[]): Promise<void> {
    const unknown = [...new Set(paths)].filter((path) => !this.#known.has(path));
    if (unknown.length === 0) return;
    const found = await statPaths(this.#host, this.#imageFile, this.#folder, unknown);
    for (const [path, facts] of found) this.#known.set(path, facts);
  }

  at(path: string): InodeFacts | undefined {
    return this.#known.get(path);
  }

  knows(path: string): boolean {
    return this.#known.has(path);
  }

  async linkTarget(path: string): Promise<string> {
    const facts = this.#known.get(path)!;
    return facts.linkTarget ?? (await longLinkTarget(this.#host, this.#imageFile, facts.inode));
  }
}

/** As in the kernel (path_resolution(7)). */
const MAX_LINKS = 40;

/** The path with every symlink among its parents followed inside the image; its last name is left as it is. */
async function resolveParents(image: ImageTree, path: string): Promise<string> {
  const rest = names(dirname(path));
  let links = 0;
  let at = "/";
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    if (name === "..") {
      at = dirname(at);
      continue;
    }
    const next = join(at, name);
    if (!image.knows(next)) await image.look(prefixes(next, rest));
    const found = image.at(next);
    if (found?.type === "symlink") {
      if (++links > MAX_LINKS)
        throw new TplError({
          code: "overlay-loop",
          message: `${path}: too many symlinks in the image's ${next}`,
        });
      const target = await image.linkTarget(next);
      // U+FFFD: what stands for bytes that are no UTF-8, and would be the name of another file.
      if (!isPlainPath(target) || target.includes("\ufffd"))
        throw conflict(path, `the image's symlink ${next} leads to a name that debugfs cannot be told`);
      rest.unshift(...names(target));
      if (target.startsWith("/")) at = "/";
      continue;
    }
    if (found && found.type !== "directory")
      throw conflict(path, `the image has a file at ${next}, where a directory must be`);
    at = next;
  }
  return join(at, basename(path));
}

/** `/a`, and below it `/a/b` and `/a/b/c` for the names that follow: asked for together, since few are symlinks. */
function prefixes(path: string, following: readonly string[]): string[] {
  const all = [path];
  for (const name of following) {
    if (name === "..") break;
    all.push(join(all.at(-1)!, name));
  }
  return all;
}

function names(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

/** Missing parent folders, root's and 0755. */
function makeParents(image: ImageTree, made: Set<string>, path: string): string[] {
  if (path === "/" || image.at(path) || made.has(path)) return [];
  const commands = makeParents(image, made, dirname(path));
  made.add(path);
  return [...commands, ...inFolder(path, "mkdir"), ...ownership({ kind: "dir", path, mode: 0o755 })];
}

/** debugfs makes names in its current folder. */
function inFolder(path: string, command: string, ...args: string[]): string[] {
  const words = [basename(path), ...args].map(quoted);
  return [`cd ${quoted(dirname(path))}`, `${command} ${words.join(" ")}`];
}

/** Type bits of an inode's mode (inode(7)). */
const TYPE_BITS = { file: 0o100000, dir: 0o040000, symlink: 0o120000 };

function ownership(file: OverlayFile): string[] {
  const path = quoted(file.path);
  const mode = TYPE_BITS[file.kind] | (file.kind === "symlink" ? 0o777 : file.mode);
  return [
    `set_inode_field ${path} mode 0${mode.toString(8)}`,
    `set_inode_field ${path} uid ${file.uid ?? 0}`,
    `set_inode_field ${path} gid ${file.gid ?? 0}`,
  ];
}

async function verify(
  host: DebugfsHost,
  imageFile: string,
  folder: string,
  files: readonly OverlayFile[],
): Promise<void> {
  const found = await statPaths(
    host,
    imageFile,
    folder,
    files.map((file) => file.path),
  );
  for (const file of files) {
    const facts = found.get(file.path);
    const owned = facts?.uid === (file.uid ?? 0) && facts.gid === (file.gid ?? 0);
    const whole = file.kind !== "file" || facts?.sizeBytes === Buffer.byteLength(file.content);
    if (facts?.type === DEBUGFS_TYPES[file.kind] && owned && whole) continue;
    throw new TplError({
      code: "overlay-failed",
      message: `${file.path} did not get into the image as it should be`,
    });
  }
}

function conflict(path: string, why: string): TplError {
  return new TplError({ code: "overlay-conflict", message: `${path} cannot be written: ${why}` });
}
