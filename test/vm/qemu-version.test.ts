import { expect, it } from "vitest";
import { parseQemuVersion } from "../../src/vm/qemu-version.ts";

it("names the machine type that goes with a QEMU", () => {
  expect(parseQemuVersion("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\nCopyright")).toEqual({
    version: "7.2.22",
    machineType: "pc-q35-7.2",
  });
  expect(parseQemuVersion("QEMU emulator version 10.0.2").machineType).toBe("pc-q35-10.0");
  expect(() => parseQemuVersion("hello")).toThrow(/does not say its version/);
});
