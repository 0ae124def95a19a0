import { describe, expect, it } from "vitest";
import type { PlanContext } from "../../../src/engine/plugin/context.ts";
import { portInfo } from "../../../src/engine/plugin/port.ts";
import { guestReach, withGuestKeyrings } from "../../../src/plugins/provision/guest-apt.ts";
import { shellExports } from "../../../src/plugins/provision/provisioning-disk.ts";
import { run } from "../../../src/plugins/provision/run.ts";
import { stepBench } from "../../../src/testing/step.ts";

const image = { type: "image", digest: `sha256:${"0".repeat(64)}`, bytes: 1 << 20 };
const script = "./provision.sh";

describe("provision/run", () => {
  it.each<[fault: string, inputs: Record<string, unknown>]>([
    ["packages.0: must be a package name", { packages: ["a; reboot"] }],
    ["env.A-B: Invalid key in record", { env: { "A-B": "1" } }],
    ['network: Invalid option: expected one of "none"|"user"', { network: "bridge" }],
    ["memoryMiB: Too small: expected number to be >=128", { memoryMiB: 64 }],
    ["timeoutSeconds: Too small: expected number to be >0", { timeoutSeconds: 0 }],
    ["timeoutSeconds: Too big: expected number to be <=2147483", { timeoutSeconds: 2_147_484 }],
  ])("says %s", async (fault, inputs) => {
    await using bench = await stepBench();
    expect(bench.faults(run, { image, script, ...inputs })).toEqual([fault]);
  });

  /** Nothing is remembered: what stands in the key is what the machine has now. */
  const plan: PlanContext = {
    hostPath: (path) => path,
    imageHead: async () => Buffer.alloc(0),
    readHead: async () => Buffer.alloc(0),
    remember: async (name) => `asked for ${name.split(":")[0]}` as never,
    fileDigest: async (path) => ({ digest: `sha256:of ${path}`, bytes: 0 }),
  };

  it("has in its key the script and what it runs on, the archive's state wherever it can install from it", async () => {
    const { kernel, busybox, script: digest, archive } = await run.resolve!({ script, apt: "host" }, plan);
    expect(kernel).toMatch(/^sha256:of .*\/vmlinuz-/);
    expect(busybox).toMatch(/^sha256:of .*busybox/);
    expect(digest).toBe("sha256:of ./provision.sh");
    expect(archive).toBe("asked for apt-archive");
    for (const inputs of [{ apt: "image" }, { apt: "host", network: "none" }])
      expect(await run.resolve!({ script, ...inputs }, plan)).not.toHaveProperty("archive");
  });

  it("leaves its time limit alone out of the key", () => {
    const unkeyed = Object.entries(run.inputs).filter(([, schema]) => portInfo(schema).unkeyed);
    expect(unkeyed.map(([name]) => name)).toEqual(["timeoutSeconds"]);
  });
});

describe("what a guest gets of this machine's apt", () => {
  it("is how archives are reached, with the guest's name for this machine", () => {
    const dump = `APT::Architecture "amd64";
Acquire::http::Proxy "http://localhost:3142/";
Acquire::https::Proxy "";
Acquire::Retries "3";
DPkg::Post-Invoke:: "rm -f /something";
`;
    expect(guestReach(dump)).toBe('Acquire::http::Proxy "http://10.0.2.2:3142/";\nAcquire::Retries "3";\n');
  });

  it("names keyrings by their place in the guest", () => {
    expect(withGuestKeyrings("Signed-By: /usr/share/keyrings/a.gpg\n")).toBe(
      "Signed-By: /run/tplgraph/apt/keyrings/usr-share-keyrings-a.gpg\n",
    );
    expect(withGuestKeyrings("deb [arch=amd64 signed-by=/etc/apt/keyrings/b.asc] http://x y z")).toBe(
      "deb [arch=amd64 signed-by=/run/tplgraph/apt/keyrings/etc-apt-keyrings-b.asc] http://x y z",
    );
  });
});

it("quotes the script's variables for a shell", () => {
  expect(shellExports({ A: "it's $HOME" })).toBe("export A='it'\\''s $HOME'\n");
});
