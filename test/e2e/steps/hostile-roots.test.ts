/**
 * Roots that somebody made to hurt: nothing of them may make a step read or write outside the image. Every symlink
 * that leads out leads to a folder of canaries on this machine, and the same path inside the image is where the files
 * belong. Cases that end well share one image and one run; one that must fail has a run of its own.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ImageArtifact } from "../../../src/engine/artifact.ts";
import { mkfs } from "../../../src/plugins/ext4/mkfs.ts";
import { attachSource } from "../../../src/plugins/nbd/attach-source.ts";
import { provisioningFiles } from "../../../src/plugins/provision/index.ts";
import { overlay } from "../../../src/plugins/provision/overlay.ts";
import { copy } from "../../../src/plugins/rsync/copy.ts";
import { type StepBench, stepBench } from "../../../src/testing/step.ts";
import { differences, type Entry, listTree } from "../tree-listing.ts";

type Made = { image: ImageArtifact };

let canary: string;
let untouched: Map<string, Entry>;
let bench: StepBench;

beforeAll(() => {
  canary = mkdtempSync(join(tmpdir(), "canary-"));
  writeFileSync(join(canary, "file"), "canary\n");
  mkdirSync(join(canary, "folder"));
  untouched = listTree(canary);
});
afterEach(() => expect(differences(untouched, listTree(canary))).toEqual([]));
afterAll(() => rmSync(canary, { recursive: true }));

/** An image of what `script` makes in an empty folder; `$C` is the canary's. `edits` are commands of debugfs. */
async function rootOf(
  script: string,
  options: { edits?: string[]; mkfs?: string[] } = {},
): Promise<ImageArtifact> {
  const folder = mkdtempSync(join(bench.folder, "root-"));
  execFileSync("bash", ["-ec", script], { cwd: folder, env: { ...process.env, C: canary } });
  const file = `${folder}.ext4`;
  execFileSync("mke2fs", ["-q", "-t", "ext4", "-d", folder, ...(options.mkfs ?? []), file, "24M"]);
  for (const edit of options.edits ?? [])
    execFileSync("debugfs", ["-w", "-R", edit, file], { stdio: ["ignore", "ignore", "pipe"] });
  return bench.putImage(file);
}

async function overlaid(image: ImageArtifact, files: object[]): Promise<ImageArtifact> {
  return (await bench.run<Made>(overlay, { image, files })).image;
}

/** debugfs knows the image's root as the root, also where it follows symlinks. */
function inImage(image: ImageArtifact, command: string): string {
  return execFileSync("debugfs", ["-R", command, bench.imagePath(image)], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
}

interface GoodCase {
  what: string;
  /** Run in a folder of the case's own. */
  root: string;
  /** Where the file is written, below that folder; default `a/f`. */
  path?: string;
  /** Where it must be then: below that folder, or absolute. Default: `path`. */
  at?: string;
  /** A file, below that folder, that must still say `old`. */
  keeps?: string;
  /** Of debugfs, with the case's folder for `@`. */
  edit?: string;
}

const GOOD: GoodCase[] = [
  { what: "an absolute symlink out of the root", root: "ln -s $C a", at: "$C/f" },
  { what: "an absolute symlink in the middle", root: "mkdir a; ln -s $C a/b", path: "a/b/c/f", at: "$C/c/f" },
  { what: "an absolute symlink to a folder below", root: "ln -s $C/folder a", at: "$C/folder/f" },
  { what: "an absolute symlink with a slash at its end", root: "ln -s $C/ a", at: "$C/f" },
  { what: "an absolute symlink with many slashes", root: "ln -s //$C/// a", at: "$C/f" },
  { what: "a relative symlink out of the root", root: "ln -s ../../../../../..$C a", at: "$C/f" },
  { what: "a relative symlink above the root", root: "ln -s ../../../../../.. a", at: "/f" },
  { what: "a symlink that goes up and comes back", root: "mkdir d; ln -s d/../../../../x a", at: "/x/f" },
  { what: "a symlink to the root", root: "ln -s / a", at: "/f" },
  { what: "a symlink to two slashes", root: "ln -s // a", at: "/f" },
  { what: "a symlink to itself's folder", root: "ln -s . a", at: "f" },
  { what: "a symlink of dots", root: "ln -s ./././. a", at: "f" },
  { what: "a symlink to a symlink out", root: "ln -s b a; ln -s $C b", at: "$C/f" },
  {
    what: "a symlink below a symlink out",
    root: "ln -s b a; mkdir b; ln -s $C b/c",
    path: "a/c/f",
    at: "$C/f",
  },
  {
    what: "a symlink whose target is not in its inode",
    root: `ln -s ${"./".repeat(100)}d a; mkdir d`,
    at: "d/f",
  },
  { what: "a long symlink out", root: `ln -s /${"./".repeat(100)}$C a`, at: "$C/f" },
  { what: "a dangling symlink", root: "ln -s missing a", at: "missing/f" },
  {
    what: "a chain of 40 symlinks",
    root: "mkdir l40; for i in {1..40}; do ln -s l$i l$((i-1)); done",
    path: "l1/f",
    at: "l40/f",
  },
  { what: "a symlink to a canary where the file goes", root: "mkdir a; ln -s $C/file a/f" },
  { what: "a relative symlink to a canary there", root: "mkdir a; ln -s ../../../../../../..$C/file a/f" },
  { what: "a symlink to a folder there", root: "mkdir a; ln -s $C/folder a/f" },
  { what: "a dangling symlink there", root: "mkdir a; ln -s /nowhere a/f" },
  { what: "a symlink to itself there", root: "mkdir a; ln -s f a/f" },
  { what: "a symlink with a newline and quotes there", root: `mkdir a; ln -s $'"\\n"' a/f` },
  { what: "a fifo there", root: "mkdir a; mkfifo a/f" },
  { what: "a character device there", root: "mkdir a; mknod a/f c 1 5" },
  { what: "a block device there", root: "mkdir a; mknod a/f b 7 0" },
  { what: "one name of a hard link there", root: "mkdir a; echo old > s; ln s a/f", keeps: "s" },
  { what: "one name of three there", root: "mkdir a; echo old > s; ln s t; ln s a/f", keeps: "t" },
  { what: "a hard link of a symlink there", root: "mkdir a; ln -s $C/file s; ln s a/f" },
  { what: "a hard link of a fifo there", root: "mkdir a; mkfifo s; ln s a/f" },
  { what: "an immutable file there", root: "mkdir a; echo old > a/f", edit: "sif @/a/f flags 0x80010" },
  { what: "an append-only file there", root: "mkdir a; echo old > a/f", edit: "sif @/a/f flags 0x80020" },
  { what: "an immutable folder", root: "mkdir a", edit: "sif @/a flags 0x80010" },
  { what: "a file that nobody may read there", root: "mkdir a; echo old > a/f; chmod 0 a/f" },
  { what: "a setuid file there", root: "mkdir a; echo old > a/f; chmod 6755 a/f" },
  {
    what: "attributes on what is there",
    root: "mkdir a; echo old > a/f; setfattr -n user.x -v y a/f; setfacl -m u:5:r a/f",
  },
  { what: "a sparse file of 1 GiB there", root: "mkdir a; truncate -s 1G a/f" },
  { what: "a folder that nobody may enter", root: "mkdir a; chmod 0 a; chown 4000000000:5 a" },
  {
    what: "a folder with an index",
    root: "mkdir a; cd a; for i in {1..900}; do echo > $i-long-enough-a-name-to-fill-blocks; done",
  },
  {
    what: "a sibling with a newline in its name",
    root: "mkdir a; echo old > a/s; touch $'a/f\\n' $'a/\\nf'",
    keeps: "a/s",
  },
  {
    what: "siblings of bytes that are no text",
    root: "mkdir a; echo old > a/s; touch $'a/\\xff' $'a/\\x01\\x1b[2J'",
    keeps: "a/s",
  },
  { what: "a name that debugfs could take for an inode", root: "true", path: "<2>/<12>" },
  { what: "a name that looks like an option", root: "true", path: "-p/-f" },
  { what: "names of blanks", root: "mkdir ' '", path: " /  x " },
  { what: "a name of 255 bytes", root: "mkdir a", path: `a/${"n".repeat(255)}` },
];

describe("provision/overlay ends inside the image with", () => {
  let image: ImageArtifact;
  const places = GOOD.map((one, i) => placeOf(one, i));

  /** Names are made different where cases meet at the same place. */
  function placeOf({ path = "a/f", at = path }: GoodCase, i: number) {
    const name = (text: string) => text.replace(/(^|\/)f$/, `$1f${at === "$C/f" || at === "/f" ? i : ""}`);
    return { written: `/case-${i}/${name(path)}`, at: name(at) };
  }
  const content = (i: number) => `content of case ${i}\n`;
  const found = (i: number) => {
    const at = places[i]!.at.replace("$C", canary);
    return at.startsWith("/") ? at : `/case-${i}/${at}`;
  };

  beforeAll(async () => {
    bench = await stepBench();
    const scripts = GOOD.map(({ root }, i) => `(mkdir case-${i}; cd case-${i}; ${root})`);
    const edits = GOOD.flatMap(({ edit }, i) => (edit ? [edit.replace("@", `/case-${i}`)] : []));
    const before = await rootOf(scripts.join("\n"), { edits });
    const files = places.map(({ written }, i) => ({ path: written, content: content(i), mode: "0640" }));
    image = await overlaid(before, files);
  });
  afterAll(() => bench[Symbol.asyncDispose]());

  it.each(GOOD.map((one, i) => [one.what, i] as const))("%s", (_what, i) => {
    expect(inImage(image, `cat "${found(i)}"`)).toBe(content(i));
    expect(inImage(image, `stat "${found(i)}"`)).toMatch(
      /Type: regular +Mode: +0640 +Flags: 0x80000\n[\s\S]*Links: 1 /,
    );
    const { keeps } = GOOD[i]!;
    if (keeps) expect(inImage(image, `cat "/case-${i}/${keeps}"`)).toBe("old\n");
  });

  it("all of them, as e2fsck sees it", () => {
    execFileSync("e2fsck", ["-fn", bench.imagePath(image)], { stdio: "pipe" });
  });
});

const BAD: [what: string, code: string, root: string, path?: string][] = [
  ["a folder where the file goes", "overlay-conflict", "mkdir -p a/f"],
  ["a file where a folder must be", "overlay-conflict", "touch a"],
  ["a fifo where a folder must be", "overlay-conflict", "mkfifo a"],
  ["a device where a folder must be", "overlay-conflict", "mknod a b 7 0"],
  ["a symlink to a file where a folder must be", "overlay-conflict", "ln -s b a; touch b"],
  ["a symlink to a device where a folder must be", "overlay-conflict", "ln -s b a; mknod b c 1 3"],
  ["two symlinks in a circle", "overlay-loop", "ln -s b a; ln -s a b"],
  ["a symlink to itself", "overlay-loop", "ln -s a a"],
  ["a symlink into itself", "overlay-loop", "ln -s a/a a"],
  ["a symlink that grows", "overlay-loop", "ln -s a/x a"],
  [
    "a chain of 41 symlinks",
    "overlay-loop",
    "mkdir l41; for i in {1..41}; do ln -s l$i l$((i-1)); done",
    "l0/f",
  ],
  ["a symlink to a name with quotes", "overlay-conflict", `ln -s $'x"y' a`],
  ["a symlink to a name with a newline", "overlay-conflict", "ln -s $'x\\ny' a"],
  ["a symlink to bytes that are no text", "overlay-conflict", "ln -s $'\\xff\\xfe' a"],
  [
    "a symlink that speaks as debugfs does",
    "overlay-failed",
    `ln -s $'d"\\ndebugfs: stat "/b"\\nInode: 2   Type: x' a`,
  ],
  ["a name that is too long", "overlay-failed", "true", `${"n".repeat(256)}`],
];

describe("provision/overlay refuses", () => {
  beforeEach(async () => {
    bench = await stepBench();
  });
  afterEach(() => bench[Symbol.asyncDispose]());

  it.each(BAD)("%s (%s)", async (_what, code, root, path = "a/f") => {
    await expect(overlaid(await rootOf(root), [{ path: `/${path}`, content: "" }])).rejects.toMatchObject({
      code,
    });
  });

  it.each([
    [
      "no block is free",
      "disk-too-small",
      ["-m", "0"],
      "dd if=/dev/urandom of=full bs=1M count=20 status=none",
    ],
    ["no inode is free", "disk-too-small", ["-N", "32"], "touch {1..12}"],
  ])("an image where %s (%s)", async (_what, code, options, root) => {
    await expect(overlaid(await rootOf(root, { mkfs: options }), [])).rejects.toMatchObject({ code });
  });

  it("an image with a slash in a name, until it is repaired", async () => {
    const options = { mkfs: ["-O", "^metadata_csum"] };
    const path = bench.imagePath(await rootOf("touch 'evil_etc_passwd'", options));
    execFileSync("sed", ["-i", "s,evil_etc_passwd,../etc/passwd/x,", path]);
    const image = await bench.putImage(path);
    for (const type of [overlay, attachSource])
      await expect(bench.run(type, type === overlay ? { image } : { from: image })).rejects.toMatchObject({
        code: "fsck-failed",
      });
    const source = await bench.run<{ tree: { path: string } }>(attachSource, { from: image, repair: "yes" });
    expect([...listTree(source.tree.path).keys()].filter((name) => name.includes("passwd"))).toEqual([
      expect.stringMatching(/^\/[^/]+$/),
    ]);
  });
});

const PROVISIONING = provisioningFiles({ hostname: "host", nameservers: [], busybox: Buffer.alloc(0) });
/** Folders that the list names itself are no one's to replace: a symlink there is a conflict. */
const OWN_FOLDERS = PROVISIONING.filter(({ kind }) => kind === "dir").map(({ path }) => path);
const FOLDERS = [...new Set(PROVISIONING.flatMap(({ path }) => foldersAbove(path)))].filter(
  (path) => !OWN_FOLDERS.includes(path),
);

function foldersAbove(path: string): string[] {
  const above = dirname(path);
  return above === "/" ? [] : [...foldersAbove(above), above];
}

describe("the provisioning files stay inside the image where", () => {
  beforeEach(async () => {
    bench = await stepBench();
  });
  afterEach(() => bench[Symbol.asyncDispose]());

  it.each(
    FOLDERS.flatMap((folder) => [
      [folder, "$C"],
      [folder, "../../../../../../../..$C"],
    ]),
  )("%s is a symlink to %s", async (folder, target) => {
    const image = await rootOf(`mkdir -p .${dirname(folder!)}; ln -s ${target} .${folder}`);
    const made = await overlaid(image, []);
    const file = PROVISIONING.find(({ path, kind }) => kind !== "dir" && path.startsWith(`${folder}/`))!;
    const inside = join(canary, file.path.slice(folder!.length));
    expect(inImage(made, `stat "${inside}"`)).toMatch(/Type: (regular|symlink)/);
  });

  it.each(OWN_FOLDERS)("%s is a symlink, which is a conflict", async (folder) => {
    const image = await rootOf(`mkdir -p .${dirname(folder)}; ln -s $C .${folder}`);
    await expect(overlaid(image, [])).rejects.toMatchObject({ code: "overlay-conflict" });
  });

  it.each([
    ["symlinks to canaries", "ln -s $C/file"],
    ["symlinks to folders of canaries", "ln -s $C/folder"],
    ["dangling symlinks", "ln -s $C/missing"],
    ["fifos", "mkfifo"],
    ["devices", "mknod -m 666 {} b 7 0 #"],
    ["names of one hard-linked file", "ln victim"],
  ])("all their names are %s", async (_what, make) => {
    const names = PROVISIONING.filter(({ kind }) => kind !== "dir").map(({ path }) => path);
    const each = names.map(
      (path) => `mkdir -p .${dirname(path)}; ${make.replace("{}", `.${path}`)} .${path}`,
    );
    const made = await overlaid(await rootOf(["echo old > victim", ...each].join("\n")), []);
    for (const { path, kind } of PROVISIONING)
      if (kind === "file") expect(inImage(made, `stat "${path}"`)).toMatch(/Type: regular[\s\S]*Links: 1 /);
    expect(inImage(made, "cat victim")).toBe("old\n");
  });
});

describe("rsync/copy takes a hostile tree as it is,", () => {
  const TREE = `
    ln -s $C .links-0; mkdir lost+found; ln -s $C lost+found/out; ln -s $C/file link; ln link link-too; mkfifo fifo; ln fifo fifo-too
    mknod zero c 1 5; mknod disk b 7 0; mkdir d; ln -s ../../../../../../..$C d/up; ln -s . d/loop; ln -s self self
    mkdir $'new\\nline' $'\\x1b[2J'; touch -- $'new\\nline/\\n' -rf '--delete' '*' '$(touch x)'; mkdir -m 0 closed
    for i in {1..300}; do mkdir p; cd p; done; touch bottom`;

  beforeEach(async () => {
    bench = await stepBench();
  });
  afterEach(() => bench[Symbol.asyncDispose]());

  it.each(["populate", "rsync"])("but for a lost+found that is no folder, by %s", async (method) => {
    const path = join(bench.folder, "tree");
    execFileSync("bash", ["-ec", `mkdir ${path}; ln -s $C ${path}/lost+found`], {
      env: { ...process.env, C: canary },
    });
    const { image } = await bench.run<Made>(mkfs, { sizeMiB: 16 });
    await expect(bench.run(copy, { from: { path, readOnly: true }, image, method })).rejects.toMatchObject({
      code: "no-lost-and-found",
    });
  });

  it.each(["populate", "rsync"])("by %s", async (method) => {
    // The folder's own name is hostile too.
    const path = join(bench.folder, "a\nb -- c");
    mkdirSync(path);
    execFileSync("bash", ["-ec", TREE], { cwd: path, env: { ...process.env, C: canary } });
    const before = listTree(path);
    const { image } = await bench.run<Made>(mkfs, { sizeMiB: 32 });
    const made = await bench.run<Made>(copy, { from: { path, readOnly: true }, image, method });
    const { tree } = await bench.run<{ tree: { path: string } }>(attachSource, { from: made.image });
    expect(differences(before, listTree(tree.path))).toEqual([]);
  });
});
