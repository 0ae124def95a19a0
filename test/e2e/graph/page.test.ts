import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Browser, openBrowser } from "../browser.ts";
import { type LabFolder, labFolder } from "./lab-folder.ts";

//  first ─▶ second ─┐
//           bench ──┴▶ third ─▶ broken ─▶ after ─▶ said
const MIXED = `
name: mixed
params: { word: "</script><script>document.title='pwned'</script>" }
steps:
  first: { uses: lab/print, with: { word: "\${{ params.word }}" } }
  second: { uses: lab/say, with: { word: "<img src=x onerror=alert(1)>", after: "\${{ steps.first.said }}" } }
  bench: { uses: lab/leak, with: {} }
  third: { uses: lab/say, with: { word: three, bench: "\${{ steps.bench.bench }}", after: "\${{ steps.second.said }}" } }
  broken: { uses: lab/fail, with: {}, needs: [third] }
  after: { uses: lab/say, with: { word: x, after: "\${{ steps.broken.said }}" } }
outputs:
  said: \${{ steps.after.said }}
`;

let lab: LabFolder;
let browser: Browser;
beforeAll(async () => {
  lab = await labFolder();
  browser = await openBrowser({ network: "off" });
  await lab.write("mixed.yaml", MIXED);
  await lab.run("run", "mixed.yaml");
  await lab.run("graph", "--run", await lab.latestRun(), "--format", "html", "-o", "run.html");
});
afterAll(async () => {
  await browser?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

const open = (name: string) => browser.open(`file://${join(lab.path, name)}`);
const step = (page: Page, id: string) => page.locator(`.node[data-id="${id}"]`);
const details = (page: Page) => page.getByRole("complementary", { name: "Details of the step" });
const listed = (page: Page) => page.locator("#steps li:visible .step-name").allTextContents();

describe("the page of a run", () => {
  it("tells all of a step that is clicked, keeps text text, and asks nobody for anything", async () => {
    const { page, complaints, requests } = await open("run.html");
    await step(page, "first").click();
    const panel = details(page);
    await expect(panel.getByRole("heading", { name: "first" }).isVisible()).resolves.toBe(true);
    const text = await panel.textContent();
    expect(text).toContain("built");
    expect(text).toContain("</script><script>document.title='pwned'</script>");
    expect(text).toMatch(/\$ printf '%s\\n'/);
    expect(text).toContain("exited 0");
    expect(text).toContain("onjob 1");
    expect(text).toContain("stored0 B");
    await panel.getByText("Key’s preimage").click();
    expect(await panel.getByLabel("Preimage").textContent()).toContain('"schema": "tplgraph.key/1"');
    await step(page, "broken").click();
    expect(await panel.textContent()).toContain("the lab exited 7");
    expect(await panel.getByLabel("Log").textContent()).toBe("about to fail");
    expect(await page.title()).toBe("mixed · tplgraph");
    expect(page.url()).toMatch(/#broken$/);
    expect({ complaints, requests }).toEqual({ complaints: [], requests: [] });
    await page.close();
  });

  it("of a plan tells what would be stored and fetched, and what nobody has measured", async () => {
    await lab.run("graph", "mixed.yaml", "-p", "word=other", "--format", "html", "-o", "plan.html");
    const { page } = await open("plan.html");
    await step(page, "first").click();
    expect(await details(page).textContent()).toMatch(/to storeabout 0 B.*to fetchnothing/s);
    await step(page, "broken").click();
    expect(await details(page).textContent()).toContain("to storeunknown: nobody has measured it");
    expect(await page.locator(".edges path title").first().textContent()).toMatch(/^\w+: \w+ → \w+$/);
    await page.close();
  });

  it("is searched and filtered", async () => {
    const { page } = await open("run.html");
    await page.keyboard.press("/");
    await page.keyboard.type("SAY ir");
    expect(await listed(page)).toEqual(["third"]);
    expect(await page.getByRole("status").textContent()).toBe("1 of 6 steps");
    expect(await step(page, "second").getAttribute("class")).toContain("faded");
    await page.keyboard.press("Enter");
    expect(await details(page).getByRole("heading", { name: "third" }).isVisible()).toBe(true);
    await page.getByRole("searchbox").press("Escape");
    await page.getByRole("button", { name: "failed 1" }).click();
    expect(await listed(page)).toEqual(["broken"]);
    await page.getByRole("button", { name: "skipped 1" }).click();
    expect(await listed(page)).toEqual(["broken", "after"]);
    await page.close();
  });

  it("is walked through with the keyboard alone", async () => {
    const { page } = await open("run.html");
    const focused = () =>
      page.evaluate("document.activeElement.dataset.id ?? document.activeElement.textContent");
    await step(page, "first").focus();
    const went: unknown[] = [];
    for (const key of ["ArrowRight", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowLeft"]) {
      await page.keyboard.press(key);
      went.push(await focused());
    }
    expect(went).toEqual(["second", "bench", "third", "broken", "third"]);
    expect(
      await page.evaluate("getComputedStyle(document.activeElement.querySelector('.box')).strokeWidth"),
    ).toBe("3.5px");
    await page.keyboard.press("Enter");
    expect(await focused()).toBe("third");
    await page.keyboard.press("Escape");
    expect(await details(page).isVisible()).toBe(false);
    expect(await page.evaluate("document.activeElement.closest('svg') !== null")).toBe(true);
    await page.close();
  });

  it("names everything for those who hear it", async () => {
    const { page } = await open("run.html");
    const tree = await page.locator("body").ariaSnapshot();
    for (const name of [
      'navigation "Steps"',
      'searchbox "Find a step"',
      'group "Filter"',
      'button "failed 1"',
      'toolbar "Zoom"',
      'button "Fit the whole graph"',
      'button "broken, lab/fail: failed, never built"',
      'button "bench, lab/leak, a resource: acquired',
      'region "Timeline of the run"',
      /button "third: built, began [^"]* on job 1"/,
    ])
      expect(tree).toMatch(name instanceof RegExp ? name : new RegExp(name.replace(/[()/]/g, "\\$&")));
    expect(tree).not.toMatch(/button(?: \[|$|:)/m);
    await page.close();
  });

  it("shows when what ran, and takes one to the step", async () => {
    const { page } = await open("run.html");
    const rows = page.locator("#timeline .row");
    expect(await rows.locator(".row-name").allTextContents()).toEqual(
      expect.arrayContaining(["■ first", "✕ broken", "■ bench"]),
    );
    await rows.filter({ hasText: "broken" }).click();
    expect(await details(page).getByRole("heading", { name: "broken" }).isVisible()).toBe(true);
    await page.close();
  });

  it("is dark where the system is, and a table of steps on paper", async () => {
    const { page } = await open("run.html");
    const ground = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
    await page.emulateMedia({ colorScheme: "light" });
    expect(await ground()).toBe("rgb(255, 255, 255)");
    await page.emulateMedia({ colorScheme: "dark" });
    expect(await ground()).toBe("rgb(23, 24, 27)");
    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    expect(await ground()).toBe("rgb(255, 255, 255)");
    expect(await page.locator("#steps").isVisible()).toBe(false);
    expect(await page.locator(".printed tbody tr").count()).toBe(6);
    expect(await page.locator(".printed").isVisible()).toBe(true);
    await page.close();
  });
});

it("puts a run beside a plan and shows what differs", async () => {
  const run = await lab.latestRun();
  const made = await lab.run("graph", "mixed.yaml", "--with", run, "--format", "html", "-o", "both.html");
  expect(made).toMatchObject({ exitCode: 0 });
  const { page, complaints, requests } = await open("both.html");
  expect(await page.locator("main h2").allTextContents()).toEqual(["plan of mixed.yaml", `run ${run}`]);
  await page.getByRole("button", { name: /^differs/ }).click();
  expect(await listed(page)).toContain("broken");
  await page.locator(`#canvas-1 .node[data-id="broken"]`).click();
  const changes = await details(page).getByRole("table", { name: "Differences" }).textContent();
  expect(changes).toMatch(/stateto buildfailed/);
  expect(await page.locator("#canvas-0 .selected").getAttribute("data-id")).toBe("broken");
  expect({ complaints, requests }).toEqual({ complaints: [], requests: [] });
  await page.close();
});

it("holds a graph of 1,000 steps: found, fitted, zoomed, walked through", async () => {
  await lab.write("large.yaml", layered(1000, 20));
  await lab.run("graph", "large.yaml", "--format", "html", "-o", "large.html");
  const { page, complaints } = await open("large.html");
  expect(await page.locator(".node").count()).toBe(1000);
  await page.getByRole("searchbox").fill("s777");
  await page.getByRole("searchbox").press("Enter");
  expect(await step(page, "s777").isVisible()).toBe(true);
  const inSight = await step(page, "s777").boundingBox();
  expect(inSight!.x).toBeGreaterThan(200);
  expect(inSight!.x).toBeLessThan(1280);
  await page.getByRole("button", { name: "Fit the whole graph" }).click();
  const scrolls =
    "document.querySelector('.canvas').scrollWidth > document.querySelector('.canvas').clientWidth";
  expect(await page.evaluate(scrolls)).toBe(false);
  await page.getByRole("button", { name: "Actual size" }).click();
  expect(await page.evaluate(scrolls)).toBe(true);
  await step(page, "s777").focus();
  await page.keyboard.press("ArrowRight");
  expect(await page.evaluate("document.activeElement.dataset.id")).toMatch(/^s7[89]\d$/);
  expect(complaints).toEqual([]);
  await page.close();
});

/** Layers of `width`, each step reading three of the layer before. */
function layered(count: number, width: number): string {
  const steps = Array.from({ length: count }, (_, i) => {
    if (i < width) return `  s${i}: { uses: lab/say, with: { word: w${i} } }`;
    const layer = Math.floor(i / width) - 1;
    const above = [0, 7, 11].map((shift) => layer * width + ((i * 3 + shift) % width));
    return `  s${i}: { uses: lab/say, with: { word: w${i}, after: "\${{ steps.s${above[0]}.said }}" }, needs: [s${above[1]}, s${above[2]}] }`;
  });
  return ["name: large", "steps:", ...steps, "outputs:", `  said: \${{ steps.s${count - 1}.said }}`, ""].join(
    "\n",
  );
}
