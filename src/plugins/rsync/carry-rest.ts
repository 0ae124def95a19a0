/**
 * What rsync leaves behind, from one mounted tree onto another that holds the same files: inode flags (chattr), project
 * ids, and access times, of which it sets whole seconds, and none of folders.
 */
import type { StepContext } from "../../engine/plugin/context.ts";
import { runTreeScript } from "../ext4/index.ts";
import type { TreePair } from "./rsync.ts";

/** Throws ToolError `copy-failed`. */
export async function carryRest(
  step: Pick<StepContext, "tool" | "log">,
  { from, to }: TreePair,
): Promise<void> {
  await runTreeScript(step, { script: CARRY_REST_SCRIPT, args: [from, to] });
}

const CARRY_REST_SCRIPT = `
# linux/fs.h: FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR.
SETFLAGS, FSSETXATTR = 0x40086602, 0x401C5820
SEALING = 0x10 | 0x20  # i and a: nothing can be linked or renamed afterwards


class Carrier:
    """What is missing in the target was left out on purpose."""

    def __init__(self):
        self.notes = Notes()

    def enter(self, name, info, _made, folders):
        return True if name is None or counterpart(name, info, folders[1]) else None

    def visit(self, name, info, _made, folders):
        there = counterpart(name, info, folders[1])
        if not there:
            return
        if there.st_atime_ns != info.st_atime_ns:
            carry_access_time(name, info, there, dir_fd=folders[1], follow_symlinks=False)
        if stat.S_ISREG(info.st_mode):
            files = [os.open(name, READ, dir_fd=folder) for folder in folders]
            self.carry_flags(files)
            for file in files:
                os.close(file)

    def leave(self, _made, info, folders):
        carry_access_time(folders[1], info, os.fstat(folders[1]))
        self.carry_flags(folders)

    def carry_flags(self, files):
        flags, project = read_flags(files[0])
        if flags or project:
            write_flags(files[1], flags, project, self.notes)


def counterpart(name, info, folder):
    try:
        there = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return there if stat.S_IFMT(there.st_mode) == stat.S_IFMT(info.st_mode) else None


def carry_access_time(file, info, there, **how):
    try:
        os.utime(file, ns=(info.st_atime_ns, there.st_mtime_ns), **how)
    except PermissionError:
        pass  # an immutable file of the target: rsync left it as it is, too


def write_flags(file, flags, project, notes):
    if project:
        block = bytearray(FSXATTR.size)
        try:
            fcntl.ioctl(file, FSGETXATTR, block)
            xflags, extsize, nextents, _, cow = FSXATTR.unpack(block)
            fcntl.ioctl(file, FSSETXATTR, FSXATTR.pack(xflags, extsize, nextents, project, cow))
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise
            notes.add("the project id")
    if not flags:
        return
    word = array.array("i", [0])
    fcntl.ioctl(file, GETFLAGS, word)
    # Those that make a file unchangeable come last, with all others there already.
    for wanted in (flags & ~SEALING, flags):
        now = (word[0] & 0xFFFFFFFF & ~CARRIED) | wanted
        try:
            fcntl.ioctl(file, SETFLAGS, array.array("I", [now]))
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise
            notes.add("some of the attributes of chattr")


carrier = Carrier()
walk([os.open(folder, FOLDER) for folder in sys.argv[1:]], carrier)
carrier.notes.tell()
`;
