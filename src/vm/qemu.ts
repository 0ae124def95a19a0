/**
 * A machine as data, and the QEMU command line that makes it. Pure: the same configuration gives the same
 * arguments, and a snapshot's machine comes back from the configuration in its manifest.
 */

export interface MachineConfig {
  /** A versioned type, `pc-q35-7.2`: a memory snapshot resumes on the same one only. */
  machineType: string;
  accelerator: "kvm" | "tcg";
  /** `host` or `max`, or a model's name. */
  cpuModel: string;
  cpus: number;
  memoryMiB: number;
  /** `user`: QEMU's own NAT, which needs no privileges. */
  network: "none" | "user";
  /** In order: `/dev/vda`, `/dev/vdb`. */
  disks: DiskConfig[];
  /** Names of virtio-serial ports, in order. */
  ports: string[];
}

export interface DiskConfig {
  id: string;
  readOnly: boolean;
}

/** Where the parts of a machine are on this machine. */
export interface MachinePlaces {
  kernelPath: string;
  initramfsPath: string;
  kernelArguments: string;
  /** Absent: anonymous memory. A shared file is the machine's memory itself, and outlives it. */
  memoryPath?: string;
  /** One per disk of the configuration. */
  diskSources: DiskSource[];
  /** Sockets that this process listens on; QEMU connects. One per port of the configuration. */
  portSockets: string[];
  qmpSocket: string;
  pidFile: string;
  /** Waits for a device state (`migrate-incoming`) and does not boot. */
  incoming?: "deferred";
}

export type DiskSource =
  | { kind: "nbd"; socketPath: string; exportName: string }
  | { kind: "file"; path: string };

/** The arguments of `qemu-system-x86_64`. */
export function qemuArguments(config: MachineConfig, places: MachinePlaces): string[] {
  const { accelerator, machineType } = config;
  const machine = [machineType, "usb=off", "vmport=off", "i8042=off", "graphics=off"];
  if (places.memoryPath !== undefined) machine.push("memory-backend=ram");
  return [
    ...["-name", "tplgraph", "-no-user-config", "-nodefaults", "-no-reboot"],
    ...["-display", "none"],
    ...["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"],
    ...["-machine", machine.join(",")],
    ...["-accel", accelerator === "tcg" && config.cpus > 1 ? "tcg,thread=multi" : accelerator],
    ...["-cpu", config.cpuModel, "-smp", String(config.cpus), "-m", `${config.memoryMiB}M`],
    ...memory(config, places),
    ...["-kernel", places.kernelPath, "-initrd", places.initramfsPath, "-append", places.kernelArguments],
    ...["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"],
    ...["-chardev", `socket,id=qmp,path=${escaped(places.qmpSocket)}`, "-mon", "chardev=qmp,mode=control"],
    ...["-pidfile", places.pidFile],
    ...["-device", "virtio-rng-pci"],
    ...config.disks.flatMap((disk, i) => diskArguments(disk, places.diskSources[i]!)),
    ...portArguments(config.ports, places.portSockets),
    ...(config.network === "user"
      ? ["-netdev", "user,id=net0", "-device", "virtio-net-pci,netdev=net0,romfile="]
      : []),
    ...(places.incoming ? ["-incoming", "defer"] : []),
  ];
}

function memory(config: MachineConfig, places: MachinePlaces): string[] {
  if (places.memoryPath === undefined) return [];
  const path = escaped(places.memoryPath);
  return ["-object", `memory-backend-file,id=ram,size=${config.memoryMiB}M,mem-path=${path},share=on`];
}

/** What the guest discards or fills with zeros becomes a hole. */
function diskArguments(disk: DiskConfig, source: DiskSource): string[] {
  const node: Record<string, unknown> = {
    "node-name": disk.id,
    ...(source.kind === "nbd"
      ? { driver: "nbd", server: { type: "unix", path: source.socketPath }, export: source.exportName }
      : { driver: "raw", file: { driver: "file", filename: source.path } }),
    "read-only": disk.readOnly,
    ...(disk.readOnly ? {} : { discard: "unmap", "detect-zeroes": "unmap" }),
  };
  return ["-blockdev", JSON.stringify(node), "-device", `virtio-blk-pci,drive=${disk.id},serial=${disk.id}`];
}

/** Port 0 of a virtio-serial device is reserved for consoles. */
function portArguments(names: readonly string[], sockets: readonly string[]): string[] {
  if (names.length === 0) return [];
  return [
    "-device",
    "virtio-serial-pci,id=serial0",
    ...names.flatMap((name, i) => [
      ...["-chardev", `socket,id=port${i + 1},path=${escaped(sockets[i]!)}`],
      ...["-device", `virtserialport,bus=serial0.0,nr=${i + 1},chardev=port${i + 1},name=${name}`],
    ]),
  ];
}

/** In QEMU's `key=value,…` options a comma of a value is doubled. */
function escaped(value: string): string {
  return value.replaceAll(",", ",,");
}
