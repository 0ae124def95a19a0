import { expect, it } from "vitest";
import { debianPackages } from "../../src/cli/debian-packages.ts";

it("every package of the list has its use and its purpose", () => {
  const packages = debianPackages();
  expect(packages.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["e2fsprogs", "rsync", "qemu-system-x86", "mmdebstrap", "nbdkit"]),
  );
  expect(packages.find(({ name }) => name === "nbdkit")?.use).toBe("test");
  expect(packages.filter(({ purpose, use }) => purpose === "" || !use)).toEqual([]);
});
