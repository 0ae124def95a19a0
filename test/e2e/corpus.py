"""Makes, in the current folder, one of each thing that can be in a root file system and that copies lose."""

import errno, fcntl, os, socket, struct, subprocess, sys


def write(name, content=b""):
    with open(name, "wb") as file:
        file.write(content)


def flags(name, word):
    file = os.open(name, os.O_RDONLY)
    old = struct.unpack("i", fcntl.ioctl(file, 0x80086601, struct.pack("l", 0))[:4])[0]
    fcntl.ioctl(file, 0x40086602, struct.pack("i", old | word))
    os.close(file)


def project(name, number):
    file = os.open(name, os.O_RDONLY)
    fields = list(struct.unpack("IIIII8x", fcntl.ioctl(file, 0x801C581F, bytes(28))))
    fields[3] = number
    try:
        fcntl.ioctl(file, 0x401C5820, struct.pack("IIIII8x", *fields))
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
    os.close(file)


def names():
    os.mkdir("names")
    for byte in range(1, 256):
        if byte != 0x2F:
            write(b"names/" + bytes([byte, 0x78]), bytes([byte]))
    for name in [b"n" * 255, b"\xff" * 255, b"-dash", b"*", b" ", b"name with\nnewline", b"...", b"a\\b", b"'\"$(id)`"]:
        write(b"names/" + name, name)


def kinds():
    os.mkdir("kinds")
    os.mknod("kinds/null", 0o20640, os.makedev(1, 3))
    os.mknod("kinds/disk", 0o60660, os.makedev(7, 200))
    os.mknod("kinds/far", 0o20600, os.makedev(4000, 1000000))
    os.mkfifo("kinds/fifo", 0o622)
    socket.socket(socket.AF_UNIX).bind("kinds/sock")
    os.symlink("/nowhere/at/all", "kinds/dangling")
    os.symlink("t" * 4000, "kinds/long-link")
    os.symlink("../names", "kinds/relative")
    for name in ["fifo", "sock", "dangling"]:
        os.chown("kinds/" + name, 77, 88, follow_symlinks=False)
    os.setxattr("kinds/null", "trusted.note", b"\0\1", follow_symlinks=False)
    os.setxattr("kinds/dangling", "trusted.note", b"link", follow_symlinks=False)
    os.utime("kinds/dangling", ns=(1, 1_000_000_001), follow_symlinks=False)
    os.utime("kinds/fifo", ns=(5, 7_000_000_123))


def links():
    for folder in ["links", "links/a", "links/b", "links/a/c"]:
        os.mkdir(folder)
    write("links/one", b"shared")
    for name in ["links/a/two", "links/b/three", "links/a/c/four"]:
        os.link("links/one", name)
    os.symlink("target", "links/sym")
    os.link("links/sym", "links/a/sym", follow_symlinks=False)
    os.mkfifo("links/fifo")
    os.link("links/fifo", "links/b/fifo")
    write("links/fixed", b"immutable, with two names")
    os.link("links/fixed", "links/b/fixed")


def attributes():
    os.mkdir("attributes")
    for number, mode in enumerate([0o6755, 0o4711, 0o2755, 0o1777, 0o000, 0o644]):
        write("attributes/mode-%o" % mode, b"x" * number)
        os.chown("attributes/mode-%o" % mode, 1000 + number, 4_000_000_000)
        os.chmod("attributes/mode-%o" % mode, mode)
    os.mkdir("attributes/setgid")
    os.chown("attributes/setgid", 0, 50)
    os.chmod("attributes/setgid", 0o2775)
    write("attributes/setgid/inside")
    write("attributes/plain", b"one\n")
    os.setxattr("attributes/plain", "user.note", b"text")
    os.setxattr("attributes/plain", "user.empty", b"")
    os.setxattr("attributes/plain", "trusted.overlay.opaque", b"y")
    os.setxattr("attributes/plain", "user." + "n" * 200, bytes(range(256)) * 8)
    subprocess.run(["setfacl", "-m", "u:1000:rw,g:1001:r", "attributes/plain"], check=True)
    os.mkdir("attributes/acl")
    subprocess.run(["setfacl", "-d", "-m", "u:1000:rwx,m:rx", "attributes/acl"], check=True)
    write("attributes/acl/inside-without")
    subprocess.run(["setfacl", "-b", "attributes/acl/inside-without"], check=True)
    write("attributes/capable", b"#!")
    os.chown("attributes/capable", 5, 6)
    subprocess.run(["setcap", "cap_net_raw=ep", "attributes/capable"], check=True)
    write("attributes/both", b"setuid and capable")
    os.chmod("attributes/both", 0o4755)
    subprocess.run(["setcap", "cap_sys_time=p", "attributes/both"], check=True)
    write("attributes/old")
    os.utime("attributes/old", ns=(3, -86_400_000_000_000 + 1))
    write("attributes/late")
    os.utime("attributes/late", ns=(3, 5_000_000_000_123_456_789))


def sparse():
    os.mkdir("sparse")
    with open("sparse/tebibyte", "wb") as file:
        file.truncate(1 << 40)
        for place in [0, 123_456_789, 1 << 39, (1 << 40) - 3]:
            file.seek(place)
            file.write(b"end")
    with open("sparse/hole", "wb") as file:
        file.truncate(100 << 20)
    with open("sparse/tail", "wb") as file:
        file.write(b"begin")
        file.truncate(50 << 20)
    write("sparse/dense", os.urandom(3 << 20))


def deep():
    """A path of 5,100 bytes: longer than the kernel takes at once."""
    at = os.getcwd()
    os.mkdir("deep")
    os.chdir("deep")
    for level in range(20):
        name = "%02d-" % level + "d" * 252
        os.mkdir(name)
        os.chdir(name)
    write("bottom", b"as deep as it gets")
    os.utime("bottom", ns=(9, 9_000_000_009))
    os.mkfifo("fifo")
    os.setxattr("bottom", "user.deep", b"yes")
    write("linked")
    os.link("linked", os.path.join(at, "shallow-name-of-a-deep-file"))
    os.chdir(at)


def many(count):
    os.mkdir("many")
    folder = os.open("many", os.O_RDONLY)
    for number in range(count):
        os.close(os.open("file-%06d" % number, os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=folder))


def sealed():
    """What chattr does; last, as nothing can be changed after it."""
    os.mkdir("sealed")
    os.mkdir("sealed/fixed-folder")
    write("sealed/fixed-folder/inside", b"cannot be moved")
    os.mkdir("sealed/append-folder")
    write("sealed/append-folder/inside")
    write("sealed/immutable", b"stays")
    write("sealed/append", b"log")
    write("sealed/nodump")
    for name in ["immutable", "append", "fixed-folder", "append-folder"]:
        os.utime("sealed/" + name, ns=(1_000_000_001, 2_000_000_002))
    flags("sealed/immutable", 0x10 | 0x80)
    flags("sealed/append", 0x20)
    flags("sealed/nodump", 0x40 | 0x8)
    flags("sealed/fixed-folder", 0x10)
    flags("sealed/append-folder", 0x20 | 0x10000)
    flags("links/fixed", 0x10)
    os.mkdir("sealed/project")
    project("sealed/project", 4242)
    write("sealed/project/inside")


names()
kinds()
links()
attributes()
sparse()
deep()
many(int(sys.argv[1]))
sealed()
os.mkdir("lost+found/found-by-e2fsck")
write("lost+found/#1234", b"an orphan")
os.chmod(".", 0o751)
os.chown(".", 5, 6)
os.utime(".", ns=(1, 946_684_799_500_000_000))
