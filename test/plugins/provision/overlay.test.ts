import { describe, expect, it } from "vitest";
import { overlay } from "../../../src/plugins/provision/overlay.ts";
import { stepBench } from "../../../src/testing/step.ts";

const image = { type: "image", digest: `sha256:${"0".repeat(64)}`, bytes: 1 << 20 };

describe("provision/overlay", () => {
  it.each<[fault: string, inputs: Record<string, unknown>]>([
    [
      "files.0.path: must be absolute in the image: /etc/motd",
      { files: [{ path: "etc/motd", content: "" }] },
    ],
    ['files.0.path: must not hold ".."', { files: [{ path: "/etc/../../x", content: "" }] }],
    ["files.0.path: must name a file", { files: [{ path: "/etc/", content: "" }] }],
    [
      "files.0.path: must not hold quotes, backslashes or control characters",
      { files: [{ path: '/etc/a"\nrm /etc/passwd', content: "" }] },
    ],
    ["files.0: needs exactly one of content, source, symlink", { files: [{ path: "/etc/motd" }] }],
    [
      "files.0: needs exactly one of content, source, symlink",
      { files: [{ path: "/etc/motd", content: "", source: "./motd" }] },
    ],
    [
      'files.0.mode: must be octal digits in quotes: "0644"',
      { files: [{ path: "/etc/motd", content: "", mode: "rw" }] },
    ],
    ["hostname: must be a host name: letters, digits, dashes", { hostname: "my host" }],
  ])("says %s", async (fault, inputs) => {
    await using bench = await stepBench();
    expect(bench.faults(overlay, { image, ...inputs })).toEqual([fault]);
  });

  it("has the content of host files in its key, not their names alone", async () => {
    await using bench = await stepBench();
    const resolved = overlay.resolve!({ files: [{ path: "/a", source: "./missing" }] } as never, {
      hostPath: (path) => path,
      imageHead: async () => Buffer.alloc(0),
      readHead: async () => Buffer.alloc(0),
      remember: async (_name, lookUp) => lookUp(),
      fileDigest: async (path) => ({ digest: `sha256:of ${path}`, bytes: 0 }),
    });
    expect((await resolved).sources).toEqual({ "./missing": "sha256:of ./missing" });
    expect(bench.log).toEqual([]);
  });
});
