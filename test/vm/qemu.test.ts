import { describe, expect, it } from "vitest";
import { type MachineConfig, type MachinePlaces, qemuArguments } from "../../src/vm/qemu.ts";

const config: MachineConfig = {
  machineType: "pc-q35-7.2",
  accelerator: "tcg",
  cpuModel: "max",
  cpus: 2,
  memoryMiB: 512,
  network: "none",
  disks: [{ id: "root", readOnly: false }],
  ports: [],
};

const places: MachinePlaces = {
  kernelPath: "/boot/vmlinuz-6.1",
  initramfsPath: "/s/initramfs",
  kernelArguments: "console=ttyS0 init=/sbin/init",
  diskSources: [{ kind: "nbd", socketPath: "/s/nbd", exportName: "disk-1" }],
  portSockets: [],
  qmpSocket: "/s/q",
  pidFile: "/s/pid",
};

/** The values that follow each `option`. */
function valuesOf(args: readonly string[], option: string): string[] {
  return args.filter((_, i) => args[i - 1] === option);
}

describe("the QEMU command line", () => {
  it("is this one", () => {
    expect(qemuArguments(config, places).join("\n")).toBe(`-name
tplgraph
-no-user-config
-nodefaults
-no-reboot
-display
none
-sandbox
on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
-machine
pc-q35-7.2,usb=off,vmport=off,i8042=off,graphics=off
-accel
tcg,thread=multi
-cpu
max
-smp
2
-m
512M
-kernel
/boot/vmlinuz-6.1
-initrd
/s/initramfs
-append
console=ttyS0 init=/sbin/init
-chardev
stdio,id=console,signal=off
-serial
chardev:console
-chardev
socket,id=qmp,path=/s/q
-mon
chardev=qmp,mode=control
-pidfile
/s/pid
-device
virtio-rng-pci
-blockdev
{"node-name":"root","driver":"nbd","server":{"type":"unix","path":"/s/nbd"},"export":"disk-1","read-only":false,"discard":"unmap","detect-zeroes":"unmap"}
-device
virtio-blk-pci,drive=root,serial=root`);
  });

  it("gives a machine that is kept or resumed its memory in a shared file", () => {
    const args = qemuArguments(config, { ...places, memoryPath: "/s/a,b", incoming: "deferred" });
    expect(valuesOf(args, "-object")).toEqual([
      "memory-backend-file,id=ram,size=512M,mem-path=/s/a,,b,share=on",
    ]);
    expect(valuesOf(args, "-machine")[0]).toMatch(/,memory-backend=ram$/);
    expect(valuesOf(args, "-incoming")).toEqual(["defer"]);
  });

  it("numbers virtio-serial ports from 1, each with its socket", () => {
    const args = qemuArguments(
      { ...config, ports: ["org.a", "org.b"] },
      { ...places, portSockets: ["/s/p0", "/s/p1"] },
    );
    expect(valuesOf(args, "-device").filter((value) => value.startsWith("virtserialport"))).toEqual([
      "virtserialport,bus=serial0.0,nr=1,chardev=port1,name=org.a",
      "virtserialport,bus=serial0.0,nr=2,chardev=port2,name=org.b",
    ]);
    expect(valuesOf(args, "-chardev")).toContain("socket,id=port2,path=/s/p1");
  });

  it("has a network only where one is asked for, and read-only disks that are never written", () => {
    expect(valuesOf(qemuArguments(config, places), "-netdev")).toEqual([]);
    const args = qemuArguments(
      { ...config, network: "user", disks: [{ id: "host", readOnly: true }] },
      { ...places, diskSources: [{ kind: "file", path: "/s/guest.tar" }] },
    );
    expect(valuesOf(args, "-netdev")).toEqual(["user,id=net0"]);
    expect(valuesOf(args, "-blockdev").map((value) => JSON.parse(value))).toEqual([
      {
        "node-name": "host",
        driver: "raw",
        file: { driver: "file", filename: "/s/guest.tar" },
        "read-only": true,
      },
    ]);
  });
});
