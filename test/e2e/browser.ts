/** Debian's Chromium, without a window, and what a page in it asked for and complained of. */
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { temporaryFolder } from "./cli.ts";

export interface Browser extends AsyncDisposable {
  context: BrowserContext;
  open(url: string): Promise<OpenPage>;
}

export interface OpenPage {
  page: Page;
  /** Errors and warnings on the console, and exceptions that nobody caught. */
  complaints: string[];
  /** Addresses that it asked for, but for the page itself and data in it. */
  requests: string[];
}

/** `network`: `off` for a page that must do without. */
export async function openBrowser(options: { network: "on" | "off" }): Promise<Browser> {
  const profile = await temporaryFolder();
  const context = await chromium.launchPersistentContext(profile.path, {
    executablePath: "/usr/bin/chromium",
    headless: true,
    offline: options.network === "off",
    viewport: { width: 1280, height: 800 },
    args: [
      ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
      ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
    ],
  });
  return {
    context,
    async open(url) {
      const page = await context.newPage();
      const complaints: string[] = [];
      const requests: string[] = [];
      page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) complaints.push(message.text());
      });
      page.on("pageerror", (error) => complaints.push(error.message));
      page.on("request", (request) => {
        if (request.url() !== url && !request.url().startsWith("data:")) requests.push(request.url());
      });
      await page.goto(url);
      return { page, complaints, requests };
    },
    async [Symbol.asyncDispose]() {
      await context.close();
      await profile[Symbol.asyncDispose]();
    },
  };
}
