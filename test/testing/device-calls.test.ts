import { expect, it } from "vitest";
import {
  failingDevice,
  memoryDevice,
  recordingDevice,
  slowDevice,
  zeroDevice,
} from "../../src/testing/index.ts";
import { seeded } from "../image/seeded.ts";

it("notes every call, keeps what is written over a device that it leaves as it was", async () => {
  const base = seeded(1).bytes(4096);
  const before = Buffer.from(base);
  const device = recordingDevice(memoryDevice(base));
  await device.write(700, Buffer.from("written"));
  await device.trim(0, 512);
  await device.flush();
  const expected = Buffer.from(before).fill(0, 0, 512);
  expected.write("written", 700);
  expect(await device.read(0, 4096)).toEqual(expected);
  expect(await device.read(690, 30)).toEqual(expected.subarray(690, 720));
  expect(base).toEqual(before);
  expect(device.calls).toEqual([
    { call: "write", offset: 700, length: 7 },
    { call: "trim", offset: 0, length: 512 },
    { call: "flush", offset: 0, length: 0 },
    { call: "read", offset: 0, length: 4096 },
    { call: "read", offset: 690, length: 30 },
  ]);
});

it("keeps both of two writes to one block that came at once", async () => {
  const device = recordingDevice(zeroDevice(512));
  await Promise.all([device.write(0, Buffer.from("ab")), device.write(100, Buffer.from("cd"))]);
  const block = await device.read(0, 512);
  expect([block.toString("utf8", 0, 2), block.toString("utf8", 100, 102)]).toEqual(["ab", "cd"]);
});

it("a slow device answers as the one under it does", async () => {
  const device = slowDevice(memoryDevice(Buffer.from("0123".repeat(128))), 5);
  const answers = await Promise.all([device.read(0, 2), device.read(2, 2)]);
  expect(answers.map(String)).toEqual(["01", "23"]);
});

it("fails what it was told to fail, with that code, until it is mended", async () => {
  const device = failingDevice(zeroDevice(512));
  device.fail("write", "ENOSPC");
  await expect(device.write(0, Buffer.from("x"))).rejects.toMatchObject({ code: "ENOSPC" });
  await expect(device.read(0, 1)).resolves.toHaveLength(1);
  device.mend();
  await expect(device.write(0, Buffer.from("x"))).resolves.toBeUndefined();
});
