import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ToolError } from "../../../src/engine/errors.ts";
import { runTool, type ToolHost } from "../../../src/engine/run/tool.ts";

function host(): ToolHost & { lines: string[]; abort: AbortController } {
  const lines: string[] = [];
  const abort = new AbortController();
  return { run: "rtest", signal: abort.signal, log: (line) => void lines.push(line), lines, abort };
}

describe("running a tool", () => {
  it("logs lines as they come, a carriage return ending one", async () => {
    const h = host();
    const result = await runTool(h, "sh", ["-c", "printf 'one\\r\\ntwo\\rthree\\nlast'"]);
    expect(h.lines).toEqual(["one", "two", "three", "last"]);
    expect(result.exitCode).toBe(0);
  });

  it("marks the process as the run's", async () => {
    const { stdout } = await runTool(host(), "sh", ["-c", "echo $TPLGRAPH_RUN $LC_ALL"], { quiet: true });
    expect(stdout).toBe("rtest C.UTF-8\n");
  });

  it("keeps quiet output out of the log", async () => {
    const h = host();
    await runTool(h, "sh", ["-c", "echo data; echo note >&2"], { quiet: true });
    expect(h.lines).toEqual(["note"]);
  });

  it("feeds its standard input", async () => {
    const { stdout } = await runTool(host(), "cat", [], { input: "hello" });
    expect(stdout).toBe("hello");
  });

  it("shows command line, status and the last 30 lines of a failure", async () => {
    const failing = runTool(host(), "sh", ["-c", "seq 1 100; exit 3"]);
    const error = await failing.catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ToolError);
    expect(error).toMatchObject({ code: "tool-failed", exitCode: 3, message: "sh exited 3" });
    expect((error as ToolError).lastLines).toEqual(Array.from({ length: 30 }, (_, i) => String(71 + i)));
    expect((error as ToolError).command).toEqual(["sh", "-c", "seq 1 100; exit 3"]);
  });

  it("takes the statuses that the caller accepts", async () => {
    const accept = (status: number) => (status & ~3) === 0;
    expect((await runTool(host(), "sh", ["-c", "exit 3"], { accept })).exitCode).toBe(3);
    await expect(runTool(host(), "sh", ["-c", "exit 4"], { accept })).rejects.toMatchObject({ exitCode: 4 });
  });

  it("says when a tool is not installed", async () => {
    await expect(runTool(host(), "no-such-tool-here", [])).rejects.toMatchObject({ code: "tool-missing" });
  });

  it("says by which signal a tool was killed", async () => {
    await expect(runTool(host(), "sh", ["-c", "kill -9 $$"])).rejects.toMatchObject({
      message: "sh was killed by SIGKILL",
      exitCode: null,
    });
  });

  it("ends a tool and what it started when cancelled, and throws the reason", async () => {
    const h = host();
    const running = runTool(h, "sh", ["-c", "sleep 1000 & echo $!; wait"], {
      onLine: () => h.abort.abort(new Error("stop")),
    });
    await expect(running).rejects.toThrow("stop");
    const grandchild = Number(h.lines[0]);
    await expect.poll(() => isRunning(grandchild)).toBe(false);
  });

  it("starts nothing when it is cancelled before the process could be made", async () => {
    const h = host();
    const running = runTool(h, "sh", ["-c", "echo started; sleep 1000"]);
    h.abort.abort(new Error("stop"));
    await expect(running).rejects.toThrow("stop");
    expect(h.lines).toEqual([]);
  });

  it("ends a tool at its deadline", async () => {
    await expect(runTool(host(), "sleep", ["1000"], { timeoutMs: 50 })).rejects.toMatchObject({
      code: "tool-timeout",
      message: "sleep did not end within 0.05 s",
    });
  });
});

/** A zombie that its new parent has not collected is not running. */
function isRunning(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
