import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ImageArtifact } from "../../../src/engine/artifact.ts";
import { overlay } from "../../../src/plugins/provision/overlay.ts";
import { type StepBench, stepBench } from "../../../src/testing/step.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "overlay-"));
});
afterEach(() => rmSync(root, { recursive: true }));

/** An ext4 image of what the test put below `root`. */
async function imageOfRoot(bench: StepBench): Promise<ImageArtifact> {
  const file = join(bench.folder, "root.ext4");
  execFileSync("mke2fs", ["-q", "-t", "ext4", "-d", root, file, "32M"]);
  return bench.putImage(file);
}

async function overlaid(bench: StepBench, files: object[], image?: ImageArtifact): Promise<ImageArtifact> {
  const inputs = { image: image ?? (await imageOfRoot(bench)), files };
  return (await bench.run<{ image: ImageArtifact }>(overlay, inputs)).image;
}

function debugfs(bench: StepBench, image: ImageArtifact, command: string): string {
  return execFileSync("debugfs", ["-R", command, bench.imagePath(image)], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
}

describe("provision/overlay", () => {
  it("writes files with their owner and mode, and missing folders above them", async () => {
    await using bench = await stepBench();
    const image = await overlaid(bench, [
      { path: "/opt/a b/tool", content: "#!/bin/sh\n", mode: "4755", uid: 70000, gid: 5 },
      { path: "/opt/link", symlink: "../a b" },
    ]);
    expect(debugfs(bench, image, 'stat "/opt/a b/tool"')).toMatch(
      /Type: regular +Mode: +04755[\s\S]*User: 70000 +Group: +5/,
    );
    expect(debugfs(bench, image, 'stat "/opt/a b"')).toMatch(/Type: directory +Mode: +0755/);
    expect(debugfs(bench, image, "stat /opt/link")).toContain('Fast link dest: "../a b"');
    expect(debugfs(bench, image, "cat /etc/hostname")).toBe("tplgraph\n");
    expect(() => execFileSync("e2fsck", ["-fn", bench.imagePath(image)], { stdio: "ignore" })).not.toThrow();
  });

  it("follows symlinks of the root inside the root, never on the host", async () => {
    await using bench = await stepBench();
    const outside = join(root, "../outside-of-overlay");
    mkdirSync(join(root, "usr/lib"), { recursive: true });
    mkdirSync(join(root, "var"));
    symlinkSync("usr/lib", join(root, "lib"));
    symlinkSync("../../../../../..", join(root, "var/up"));
    symlinkSync(outside, join(root, "abs"));
    const image = await overlaid(bench, [
      { path: "/lib/one", content: "1" },
      { path: "/var/up/two", content: "2" },
      { path: "/abs/three", content: "3" },
    ]);
    expect(debugfs(bench, image, "cat /usr/lib/one")).toBe("1");
    expect(debugfs(bench, image, "cat /two")).toBe("2");
    expect(debugfs(bench, image, `cat ${outside}/three`)).toBe("3");
    expect(() => execFileSync("test", ["-e", outside])).toThrow();
  });

  it("replaces a symlink and one name of a hard link, and refreshes the mode of what is there", async () => {
    await using bench = await stepBench();
    mkdirSync(join(root, "etc"));
    writeFileSync(join(root, "etc/passwd"), "root\n");
    symlinkSync("/etc/passwd", join(root, "etc/hosts"));
    writeFileSync(join(root, "etc/one"), "same\n");
    linkSync(join(root, "etc/one"), join(root, "etc/two"));
    writeFileSync(join(root, "etc/motd"), "old\n");
    chmodSync(join(root, "etc/motd"), 0o777);
    const image = await overlaid(bench, [
      { path: "/etc/one", content: "new\n" },
      { path: "/etc/motd", content: "hello\n", mode: "0600" },
    ]);
    expect(debugfs(bench, image, "cat /etc/passwd")).toBe("root\n");
    expect(debugfs(bench, image, "cat /etc/hosts")).toContain("localhost");
    expect(debugfs(bench, image, "cat /etc/two")).toBe("same\n");
    expect(debugfs(bench, image, "stat /etc/two")).toMatch(/Links: 1/);
    expect(debugfs(bench, image, "stat /etc/motd")).toMatch(/Mode: +0600/);
  });

  it("gives the same bytes again, and leaves an image that has it all as it is", async () => {
    await using bench = await stepBench();
    const files = [{ path: "/etc/motd", content: "hello\n" }];
    const source = await imageOfRoot(bench);
    const once = await overlaid(bench, files, source);
    expect(await overlaid(bench, files, source)).toEqual(once);
    expect(await overlaid(bench, files, once)).toEqual(once);
    expect(bench.log.at(-1)).toMatch(/^the image has all \d+ files/);
  });

  it.each([
    ["an attribute", "ea_set /etc/motd user.note changed", "ea_list /etc/motd", /user\.note/],
    ["a flag", "set_inode_field /etc/motd flags 0x80010", "stat /etc/motd", /Flags: 0x80010/],
    ["a second name", "link /etc/motd /etc/other", "stat /etc/motd", /Links: 2/],
    ["other content", "punch /etc/motd 0 0", "cat /etc/motd", /\0/],
  ])("writes a file again that has %s", async (_, change, look, sign) => {
    await using bench = await stepBench();
    const files = [{ path: "/etc/motd", content: "hello\n" }];
    const changed = join(bench.folder, "changed.ext4");
    copyFileSync(bench.imagePath(await overlaid(bench, files)), changed);
    execFileSync("debugfs", ["-w", "-R", change, changed], { stdio: "ignore" });
    execFileSync("sh", ["-c", 'e2fsck -fy "$0" || [ $? -eq 1 ]', changed], { stdio: "ignore" });
    const image = await bench.putImage(changed);
    expect(debugfs(bench, image, look)).toMatch(sign);
    expect(debugfs(bench, await overlaid(bench, files, image), look)).not.toMatch(sign);
  });

  it.each([
    ["a directory where a file goes", "/etc/motd", "/etc/motd/x"],
    ["a file where a directory must be", "/etc/motd/x", "/etc/motd"],
  ])("names the path of %s", async (_what, wanted, there) => {
    await using bench = await stepBench();
    mkdirSync(join(root, there, ".."), { recursive: true });
    writeFileSync(join(root, there), "");
    await expect(overlaid(bench, [{ path: wanted, content: "" }])).rejects.toMatchObject({
      code: "overlay-conflict",
      message: expect.stringContaining(wanted),
    });
  });

  it("does not go round in a circle of symlinks", async () => {
    await using bench = await stepBench();
    symlinkSync("b", join(root, "a"));
    symlinkSync("a", join(root, "b"));
    const looping = overlaid(bench, [{ path: "/a/x", content: "" }]);
    await expect(looping).rejects.toMatchObject({ code: "overlay-loop" });
  });
});
