"""Lists a file tree, a JSON object a line, for comparing two of them. Shares nothing with the code that copies.

Walks by chdir, so that no path is too long. Names are given as latin-1 text: one character for each byte.
"""

import fcntl, hashlib, json, os, stat, struct, sys

BLOCK = 65536
FLAGS = {"s": 0x1, "u": 0x2, "S": 0x8, "i": 0x10, "a": 0x20, "d": 0x40, "A": 0x80, "j": 0x4000, "D": 0x10000, "T": 0x20000, "P": 0x20000000}
KINDS = {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l", stat.S_IFCHR: "c", stat.S_IFBLK: "b", stat.S_IFIFO: "p", stat.S_IFSOCK: "s"}
first_names = {}


def content(name, size):
    """Of the blocks that are not all zeros, each with its place: holes and zeros are alike."""
    digest = hashlib.sha256()
    zeros = bytes(BLOCK)
    file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW)
    at = 0
    while at < size:
        try:
            at = os.lseek(file, at, os.SEEK_DATA) // BLOCK * BLOCK
        except OSError:
            break
        data = os.pread(file, BLOCK, at)
        if data != zeros[: len(data)]:
            digest.update(b"%d " % at + data)
        at += BLOCK
    os.close(file)
    return digest.hexdigest()


def attributes(name):
    names = sorted(os.listxattr(name, follow_symlinks=False))
    return " ".join("%s=%s" % (ascii(n), os.getxattr(name, n, follow_symlinks=False).hex()) for n in names)


def chattr(name):
    file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        word = struct.unpack("i", fcntl.ioctl(file, 0x80086601, struct.pack("l", 0))[:4])[0]
        project = struct.unpack("IIIII8x", fcntl.ioctl(file, 0x801C581F, bytes(28)))[3]
    except OSError:
        return ""
    finally:
        os.close(file)
    text = "".join(letter for letter, bit in FLAGS.items() if word & bit)
    return text + (" project %d" % project if project else "")


def entry(path, name):
    info = os.lstat(name)
    kind = KINDS[stat.S_IFMT(info.st_mode)]
    group = first_names.setdefault((info.st_dev, info.st_ino), path) if kind != "d" and info.st_nlink > 1 else b""
    return {
        "path": path.decode("latin-1"),
        "type": kind,
        "mode": oct(stat.S_IMODE(info.st_mode)),
        "owner": "%d:%d" % (info.st_uid, info.st_gid),
        "size": info.st_size if kind in "fl" else 0,
        "mtime": str(info.st_mtime_ns),
        "links": 0 if kind == "d" else info.st_nlink,
        "group": group.decode("latin-1"),
        "target": os.readlink(name).decode("latin-1") if kind == "l" else "",
        "device": "%d:%d" % (os.major(info.st_rdev), os.minor(info.st_rdev)) if kind in "bc" else "",
        "xattrs": attributes(name),
        "flags": chattr(name) if kind in "fd" else "",
        "sha256": content(name, info.st_size) if kind == "f" else "",
        "sparse": kind == "f" and info.st_blocks * 512 + BLOCK < info.st_size,
    }


def main():
    os.chdir(sys.argv[1])
    device = os.lstat(".").st_dev
    sys.stdout.write(json.dumps(entry(b"", b".")) + "\n")
    levels = [(b"", sorted(os.listdir(b"."), reverse=True))]
    while levels:
        prefix, names = levels[-1]
        if not names:
            levels.pop()
            if levels:
                os.chdir("..")
            continue
        name = names.pop()
        path = prefix + b"/" + name
        found = entry(path, name)
        sys.stdout.write(json.dumps(found) + "\n")
        if found["type"] == "d" and os.lstat(name).st_dev == device:
            os.chdir(name)
            levels.append((path, sorted(os.listdir(b"."), reverse=True)))


main()
