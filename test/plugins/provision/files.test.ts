import { expect, it } from "vitest";
import { provisioningFiles } from "../../../src/plugins/provision/files.ts";

const files = provisioningFiles({ hostname: "box", nameservers: ["192.0.2.1"], busybox: Buffer.from("elf") });
const at = (path: string) => files.find((file) => file.path === path);

it("has every path once, absolute, and nothing at /sbin/init", () => {
  const paths = files.map((file) => file.path);
  expect(new Set(paths).size).toBe(paths.length);
  expect(paths.filter((path) => !path.startsWith("/"))).toEqual([]);
  expect(paths).not.toContain("/sbin/init");
});

it("enables the agent by a symlink to a unit that is among the files", () => {
  const link = at("/etc/systemd/system/multi-user.target.wants/tplgraph-agent.service");
  expect(link).toMatchObject({ kind: "symlink", target: "/etc/systemd/system/tplgraph-agent.service" });
  expect(at("/etc/systemd/system/tplgraph-agent.service")).toMatchObject({ kind: "file", mode: 0o644 });
  expect(at("/usr/lib/tplgraph/agent")).toMatchObject({ mode: 0o755 });
});

it("knows the machine's name and its name servers", () => {
  expect(at("/etc/hostname")).toMatchObject({ content: "box\n" });
  expect(at("/etc/hosts")).toMatchObject({ content: expect.stringContaining("localhost box") });
  expect(at("/etc/resolv.conf")).toMatchObject({ content: "nameserver 192.0.2.1\n" });
});
