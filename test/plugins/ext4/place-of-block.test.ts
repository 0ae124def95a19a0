import { describe, expect, it } from "vitest";
import type { ToolResult } from "../../../src/engine/plugin/context.ts";
import { inodeAt, placeOfBlock } from "../../../src/plugins/ext4/place-of-block.ts";
import { recorder } from "../../../src/testing/recorder.ts";

/** As dumpe2fs 1.47 prints it. */
const GROUPS = `Inode count:              16384
Inodes per group:         8192
Inode size:	          256
Block size:               4096

Group 0: (Blocks 0-32767) csum 0xd4a3 [ITABLE_ZEROED]
  Primary superblock at 0, Group descriptors at 1-1
  Block bitmap at 65 (+65), csum 0xcf6dd7b7
  Inode table at 67-578 (+67)
  20000 free blocks, 8181 free inodes, 2 directories, 8181 unused inodes
Group 1: (Blocks 32768-65535) csum 0xd4a4 [INODE_UNINIT]
  Block bitmap at 66 (bg #0 + 66), csum 0x00000000
  Inode table at 579-1090 (bg #0 + 579)
  32000 free blocks, 8192 free inodes, 0 directories, 8192 unused inodes
`;

const host = (answers: Record<string, string>) =>
  recorder(
    (command): Partial<ToolResult> => ({
      stdout: command[0] === "dumpe2fs" ? GROUPS : (answers[command[2]!] ?? ""),
    }),
  );

const placeOf = (answers: Record<string, string>, block: number, blockOffset = 0) => {
  const { tool } = host(answers);
  const step = {
    tool: (...call: [string, readonly string[]]) =>
      tool({ run: "test", signal: new AbortController().signal, log: () => {} }, ...call),
  };
  return placeOfBlock(step, "/disk.raw", { block, blockOffset });
};

const NO_OWNER = "Block\tInode number\n70\t<block not found>\n";

describe("the place of a block", () => {
  it("is a file's content, by its path", async () => {
    const answers = {
      "icheck 9000": "Block\tInode number\n9000\t12\n",
      "ncheck 12": "Inode\tPathname\n12\t//etc/hosts\n",
    };
    expect(await placeOf(answers, 9000)).toBe("/etc/hosts");
  });

  it("is the journal", async () => {
    expect(await placeOf({ "icheck 9000": "Block\tInode number\n9000\t8\n" }, 9000)).toBe("the journal");
  });

  it("is a file's inode", async () => {
    const answers = { "icheck 67": NO_OWNER, "ncheck 12": "Inode\tPathname\n12\t/etc/hosts\n" };
    expect(await placeOf(answers, 67, 11 * 256 + 8)).toBe("the inode of /etc/hosts");
  });

  it("is an inode without a name, or no inode at all", async () => {
    expect(await placeOf({ "icheck 68": NO_OWNER }, 68)).toBe("inode 17, which has no name");
    expect(await placeOf({ "icheck 1": NO_OWNER }, 1)).toBe("the file system's own tables");
  });

  it("counts inodes through the groups", () => {
    expect(inodeAt(GROUPS, 579, 0)).toBe(8193);
    expect(inodeAt(GROUPS, 66, 0)).toBeUndefined();
  });
});
