import { describe, expect, it } from "vitest";
import type { Json } from "../../../src/engine/artifact.ts";
import { reachOptions } from "../../../src/plugins/bootstrap/apt-options.ts";
import { keyringIn, sourceLine, sourcesFor } from "../../../src/plugins/bootstrap/apt-sources.ts";
import { archiveDate, releaseDate } from "../../../src/plugins/bootstrap/archive.ts";
import { debian } from "../../../src/plugins/bootstrap/debian.ts";
import { mmdebstrapArguments } from "../../../src/plugins/bootstrap/mmdebstrap.ts";
import { stepBench } from "../../../src/testing/step.ts";

describe("bootstrap/debian", () => {
  it.each<[fault: string, inputs: Record<string, unknown>]>([
    ["suite: must be the name of a suite, as bookworm", { suite: "Debian 12" }],
    ["packages.0: must be the name of a package", { suite: "sid", packages: ["--purge"] }],
    ["packages.0: must be the name of a package", { suite: "sid", packages: ["vim,nano"] }],
    ["components: must name at least one component", { suite: "sid", components: [] }],
    [
      "components.0: must be the name of a component, as main",
      { suite: "sid", components: ["main contrib"] },
    ],
    ["architecture: must be a Debian architecture, as amd64", { suite: "sid", architecture: "x86_64" }],
    ["mirror: must be an http or https address", { suite: "sid", mirror: "file:///etc" }],
    ["sizeMiB: must be at least 8 MiB", { suite: "sid", sizeMiB: 1 }],
  ])("says %s", async (fault, inputs) => {
    await using bench = await stepBench();
    expect(bench.faults(debian, inputs)).toEqual([fault]);
  });

  it("takes packages by name, architecture, version and release", async () => {
    await using bench = await stepBench();
    const packages = ["g++", "libc6:amd64", "vim=2:9.0.1378-2", "vim/bookworm"];
    expect(bench.faults(debian, { suite: "bookworm", packages })).toEqual([]);
  });

  it("calls mmdebstrap with the sources, and drops what nobody reads", () => {
    const options = {
      suite: "bookworm",
      variant: "minbase",
      packages: ["systemd", "udev"],
      components: ["main"],
    };
    const sources = [{ uri: "http://mirror.example/debian", suite: "bookworm", signedBy: "/k.gpg" }];
    const args = mmdebstrapArguments({ ...options, docs: "keep" }, sources, "/s/apt.conf", "/s/root");
    expect(args).toEqual([
      "--mode=root",
      "--format=directory",
      "--variant=minbase",
      "--include=systemd,udev",
      "--aptopt=/s/apt.conf",
      "--dpkgopt=force-unsafe-io",
      "--",
      "bookworm",
      "/s/root",
      "deb [signed-by=/k.gpg] http://mirror.example/debian bookworm main",
    ]);
    const dropping = mmdebstrapArguments({ ...options, docs: "drop" }, sources, "/s/apt.conf", "/s/root");
    expect(dropping).toContain("--dpkgopt=path-include=/usr/share/doc/*/copyright");
  });
});

describe("the machine's apt", () => {
  it("hands on how it reaches its archives, and nothing else", () => {
    const dump = [
      'APT::Architecture "amd64";',
      'Acquire::http "";',
      'Acquire::http::Proxy "http://proxy:3128";',
      'Acquire::https::CAInfo "/etc/ssl/ca.pem";',
      'Acquire::IndexTargets::deb::Packages::Optional "0";',
      'Acquire::Retries "3";',
      'Acquire::Check-Valid-Until "false";',
      'Dir::Etc::netrc "auth.conf";',
      'Dir::Etc::netrcparts "/etc/apt/auth.conf.d";',
      'DPkg::Post-Invoke:: "rm -f x";',
    ].join("\n");
    expect(reachOptions(dump).trim().split("\n")).toEqual([
      'Acquire::http::Proxy "http://proxy:3128";',
      'Acquire::https::CAInfo "/etc/ssl/ca.pem";',
      'Acquire::Retries "3";',
      'Acquire::Check-Valid-Until "false";',
      'Dir::Etc::netrc "/etc/apt/auth.conf";',
      'Dir::Etc::netrcparts "/etc/apt/auth.conf.d";',
    ]);
  });

  it.each([
    ["deb822", "Types: deb\n# why\nURIs: http://a/debian/\nSuites: sid\nSigned-By: /k/a.gpg\n", "/k/a.gpg"],
    ["another suite", "Types: deb\nURIs: http://a/debian\nSuites: trixie\nSigned-By: /k/a.gpg\n", undefined],
    ["one line", "deb [arch=amd64 signed-by=/k/b.gpg] http://a/debian sid main\n", "/k/b.gpg"],
    ["no keyring", "deb http://a/debian sid main\n", undefined],
    [
      "two stanzas",
      "URIs: http://b\nSuites: sid\nSigned-By: /k/x.gpg\n\nURIs: http://a/debian\nSuites: sid sid-x\nSigned-By: /k/y.gpg\n",
      "/k/y.gpg",
    ],
  ])("names the keyring of a source: %s", (_, text, keyring) => {
    expect(keyringIn(text, "http://a/debian/", "sid")).toBe(keyring);
  });

  it("writes no source with a password into an image", async () => {
    await expect(sourcesFor("sid", "https://me:secret@example.org/debian")).rejects.toMatchObject({
      code: "credentials-in-source",
      message: expect.not.stringContaining("secret"),
    });
    const [source] = await sourcesFor("sid", "https://example.org/debian/");
    expect(sourceLine(source!, ["main", "contrib"])).toBe("deb https://example.org/debian sid main contrib");
  });

  it("finds the date of a Release file", () => {
    const date = "Sat, 11 Jul 2026 10:16:37 UTC";
    expect(releaseDate(`Origin: Debian\nDate: ${date}\nValid-Until: x\n`)).toBe(date);
    expect(releaseDate("<html>login</html>")).toBeUndefined();
    expect(releaseDate("Date: soon\n")).toBeUndefined();
  });

  it("asks an archive once for as long as the answer is remembered", async () => {
    const names: string[] = [];
    const known = { sources: [], epoch: 1 };
    const plan = {
      async remember<T extends Json>(name: string) {
        names.push(name);
        return known as unknown as T;
      },
    };
    expect(await archiveDate(plan, "sid")).toEqual(known);
    await archiveDate(plan, "sid", "http://a");
    expect(names).toEqual([
      expect.stringMatching(/^apt-archive:sid:machine:[0-9a-f]{64}$/),
      "apt-archive:sid:http://a",
    ]);
  });
});
