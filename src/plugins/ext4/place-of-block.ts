/** Tells what a block of a file system belongs to, in words: a file's content, a file's inode, the journal, its tables. */
import type { StepContext } from "../../engine/plugin/context.ts";

/** `blockOffset`: the byte within the block that is asked for. `file` is a raw file or a disk's, not mounted. */
export async function placeOfBlock(
  step: Pick<StepContext, "tool">,
  file: string,
  { block, blockOffset }: { block: number; blockOffset: number },
): Promise<string> {
  const owner = /^\d+\t(\d+)$/m.exec(await debugfs(step, file, `icheck ${block}`))?.[1];
  if (owner !== undefined) return contentOf(step, file, Number(owner));
  const inode = inodeAt(await groupsText(step, file), block, blockOffset);
  if (inode === undefined) return "the file system's own tables";
  const path = await pathOf(step, file, inode);
  return path === undefined ? `inode ${inode}, which has no name` : `the inode of ${path}`;
}

const ROOT_INODE = 2;

/** The reserved inodes that have content (special_inodes.rst). */
const SPECIAL: Record<number, string> = { 7: "the room for group descriptors", 8: "the journal" };

async function contentOf(step: Pick<StepContext, "tool">, file: string, inode: number): Promise<string> {
  const special = SPECIAL[inode];
  if (special) return special;
  return (await pathOf(step, file, inode)) ?? `the content of inode ${inode}, which has no name`;
}

async function pathOf(
  step: Pick<StepContext, "tool">,
  file: string,
  inode: number,
): Promise<string | undefined> {
  if (inode === ROOT_INODE) return "/";
  const text = await debugfs(step, file, `ncheck ${inode}`);
  // It writes two slashes where a name lies in the root.
  return /^\d+\t\/?(\/.*)$/m.exec(text)?.[1];
}

/** Which inode lies there, by what dumpe2fs says of the groups' inode tables; undefined: none. */
export function inodeAt(text: string, block: number, blockOffset: number): number | undefined {
  const fact = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1]);
  const [blockBytes, inodeBytes] = [fact("Block size"), fact("Inode size")];
  const tables = [...text.matchAll(/^Group (\d+):.*?^ {2}Inode table at (\d+)-(\d+)/gms)];
  for (const [, group, first, last] of tables) {
    if (block < Number(first) || block > Number(last)) continue;
    const place = Math.floor(((block - Number(first)) * blockBytes + blockOffset) / inodeBytes);
    return Number(group) * fact("Inodes per group") + place + 1;
  }
  return undefined;
}

async function debugfs(step: Pick<StepContext, "tool">, file: string, request: string): Promise<string> {
  return (await step.tool("debugfs", ["-R", request, file], { quiet: true })).stdout;
}

async function groupsText(step: Pick<StepContext, "tool">, file: string): Promise<string> {
  return (await step.tool("dumpe2fs", [file], { quiet: true })).stdout;
}
