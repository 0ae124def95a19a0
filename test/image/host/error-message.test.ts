import { expect, it } from "vitest";
import { ArtifactDamaged, ToolError, TplError } from "../../../src/engine/errors.ts";
import { fromMessage, toMessage } from "../../../src/image/host/error-message.ts";

const sent = (error: unknown) => fromMessage(JSON.parse(JSON.stringify(toMessage(error))));

it("brings a TplError over with its hint, its place and its causes", () => {
  const where = { file: "t.yaml", line: 3, column: 5 };
  const cause = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
  const error = sent(new TplError({ code: "overlay-failed", message: "m", hint: "h", where, cause }));
  expect(error).toBeInstanceOf(TplError);
  expect(error).toMatchObject({ code: "overlay-failed", message: "m", hint: "h", where });
  expect(error.cause).toMatchObject({ code: "ENOSPC", message: "no space left on device" });
});

it("brings a ToolError over with everything it shows", () => {
  const fields = {
    code: "tool-failed",
    message: "mount exited 32",
    command: ["mount", "/dev/loop0"],
    exitCode: null,
    signal: "SIGKILL",
    lastLines: ["wrong fs type"],
  };
  expect(sent(new ToolError(fields))).toBeInstanceOf(ToolError);
  expect(sent(new ToolError(fields))).toMatchObject(fields);
});

it("brings damage over, which the engine repairs by building again", () => {
  const error = sent(new ArtifactDamaged({ code: "blob-missing", message: "m", digest: "sha256:00" }));
  expect(error).toBeInstanceOf(ArtifactDamaged);
  expect(error).toMatchObject({ code: "blob-missing", digest: "sha256:00" });
});

it("says where an error really came from", () => {
  expect(sent(new Error("bug: x")).stack).toContain("error-message.test.ts");
});

it("survives what is no error, and causes without an end", () => {
  expect(sent("words").message).toBe("words");
  const error = new Error("circular");
  error.cause = error;
  expect(sent(error).message).toBe("circular");
});
