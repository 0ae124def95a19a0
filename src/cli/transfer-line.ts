/** How far a transfer is: one line that is redrawn, on a terminal alone. */
import type { TransferProgress } from "../store/remote/push.ts";
import { bytes, count } from "../views/amounts.ts";
import type { Terminal } from "./terminal.ts";

const REDRAW_MS = 100;

export function transferLine(
  { isLive }: Pick<Terminal, "isLive">,
  doing: "sending" | "fetching",
): Disposable & { show(progress: TransferProgress): void } {
  let drawnMs = 0;
  return {
    show({ done, total, bytes: moved }) {
      if (!isLive || Date.now() - drawnMs < REDRAW_MS) return;
      drawnMs = Date.now();
      const share = total === 0 ? 100 : Math.floor((done / total) * 100);
      process.stderr.write(`\r\x1b[K${doing}: ${bytes(moved)}, ${share} % of ${count(total, "blob")}`);
    },
    [Symbol.dispose]() {
      if (drawnMs > 0) process.stderr.write("\r\x1b[K");
    },
  };
}
