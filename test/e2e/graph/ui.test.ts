import type { ChildProcess } from "node:child_process";
import { request as httpRequest } from "node:http";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { type Browser, openBrowser } from "../browser.ts";
import type { CliResult } from "../cli.ts";
import { type LabFolder, labFolder } from "./lab-folder.ts";

//  first ─▶ slow (until it is stopped) ─▶ said
const SLOW = `
name: slow
steps:
  first: { uses: lab/say, with: { word: hello } }
  slow: { uses: lab/wait, with: {}, needs: [first] }
outputs:
  said: \${{ steps.slow.said }}
`;
const DISK = `
name: disk
steps:
  made: { uses: lab/disk }
outputs:
  image: \${{ steps.made.image }}
`;

let lab: LabFolder;
let browser: Browser;
let ui: { url: URL; child: ChildProcess; done: Promise<CliResult> };
beforeAll(async () => {
  lab = await labFolder();
  await lab.write("slow.yaml", SLOW);
  await lab.write("disk.yaml", DISK);
  await lab.run("run", "disk.yaml");
  browser = await openBrowser({ network: "on" });
});
afterAll(async () => {
  await browser?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  const { child, done } = lab.start("ui");
  const address = await new Promise<string>((resolve, reject) => {
    child.stdout!.once("data", (text) => resolve(String(text).trim()));
    void done.then(({ stderr }) => reject(new Error(stderr)));
  });
  ui = { url: new URL(address), child, done };
});
afterEach(async () => {
  ui.child.kill("SIGINT");
  expect(await ui.done).toMatchObject({ exitCode: 0, signal: null });
});

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  text: string;
}

/** `enough`: ends the reading of an answer that has no end. */
function ask(
  path: string,
  options: { headers?: Record<string, string>; method?: string; token?: string; enough?: RegExp } = {},
): Promise<Answer> {
  const { headers = {}, method = "GET", token = ui.url.searchParams.get("token")!, enough } = options;
  const { hostname, port, host } = ui.url;
  const query = `${path.includes("?") ? "&" : "?"}token=${token}`;
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { hostname, port, path: path + query, method, headers: { host, ...headers } },
      (response) => {
        let text = "";
        const end = () => resolve({ status: response.statusCode!, headers: response.headers, text });
        response.setEncoding("utf8").on("data", (part: string) => {
          text += part;
          if (!enough?.test(text)) return;
          end();
          request.destroy();
        });
        response.on("end", end);
        response.on("error", () => undefined); // destroyed by us
      },
    );
    request.on("error", reject).end();
  });
}

it("answers nobody without the token, under another name, from another origin, or who wants more than to look", async () => {
  const { host } = ui.url;
  expect(await ask("/")).toMatchObject({ status: 200 });
  const refused: [string, Parameters<typeof ask>[1], number][] = [
    ["/", { token: "" }, 403],
    ["/runs", { token: "wrong" }, 403],
    ["/holdings", { token: `${ui.url.searchParams.get("token")}x` }, 403],
    ["/", { headers: { host: "evil.example" } }, 403],
    ["/", { headers: { origin: "http://evil.example" } }, 403],
    ["/", { headers: { origin: "null" } }, 403],
    ["/", { headers: { "sec-fetch-site": "cross-site" } }, 403],
    ["/", { method: "POST" }, 405],
    ["/", { method: "OPTIONS", headers: { origin: `http://${host}` } }, 405],
    ["/run/../../etc/passwd/log?node=x", {}, 404],
    ["/run/rnone", {}, 404],
  ];
  for (const [path, options, status] of refused) {
    const answer = await ask(path, options);
    expect([path, options, answer.status]).toEqual([path, options, status]);
    expect(answer.headers).not.toHaveProperty("access-control-allow-origin");
  }
});

it("follows a run of another process, loses nothing on a reload, and sees its end", async () => {
  const { page, complaints, requests } = await browser.open(ui.url.href);
  const runs = page.getByRole("table", { name: "Runs" });
  await runs.getByRole("link", { name: "disk" }).waitFor();
  const run = lab.start("run", "slow.yaml");
  await page.getByText("1 running").waitFor();
  await runs.getByRole("link", { name: "slow" }).click();
  const slow = page.locator('.node[data-id="slow"]');
  const state = (word: string) => page.locator(`.node.s-${word}[data-id="slow"]`).waitFor();
  await state("running");
  await slow.click();
  const log = page.getByRole("complementary").getByLabel("Log");
  await expect.poll(() => log.textContent()).toBe("waiting");
  await page.reload();
  await state("running");
  expect(await page.locator('.node[data-id="first"]').getAttribute("class")).toContain("s-built");
  expect(page.url()).toMatch(/#slow$/);
  expect(await page.locator("#timeline .row").count()).toBe(2);
  run.child.kill("SIGINT");
  await run.done;
  await state("cancelled");
  await page.getByText(/interrupted after/).waitFor();
  await page.getByRole("link", { name: "All runs" }).click();
  await page.getByText("nothing runs").waitFor();
  expect(complaints).toEqual([]);
  expect(requests.filter((url) => !url.startsWith(ui.url.origin))).toEqual([]);
  await page.close();
});

it("goes on after the event that a reader had last", async () => {
  await lab.run("run", "slow.yaml", "--timeout", "1s");
  const id = await lab.latestRun();
  const whole = await ask(`/run/${id}/events`);
  const ids = [...whole.text.matchAll(/^id: (\d+)$/gm)].map(([, place]) => place!);
  expect(ids.length).toBeGreaterThan(3);
  const rest = await ask(`/run/${id}/events`, { headers: { "last-event-id": ids[1]! } });
  expect([...rest.text.matchAll(/^id: (\d+)$/gm)].map(([, place]) => place)).toEqual(ids.slice(2));
  expect(whole.text).toContain('"type":"run-finished"');
});

it("tells what the store holds, and what takes its space", async () => {
  const { page } = await browser.open(ui.url.href);
  const artifacts = page.getByRole("table", { name: "Artifacts" });
  await artifacts.waitFor();
  expect(await artifacts.textContent()).toContain("disk:latest#image");
  const held = JSON.parse((await ask("/holdings")).text);
  expect(held.artifacts[0]).toMatchObject({ type: "image", isNamed: true });
  expect(held.artifacts[0].ownBytes).toBeGreaterThan(0);
  expect(held.bytes).toBeGreaterThanOrEqual(held.artifacts[0].ownBytes);
  await page.close();
});
