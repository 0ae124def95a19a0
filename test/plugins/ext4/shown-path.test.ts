import { expect, it } from "vitest";
import { shownPath } from "../../../src/plugins/ext4/index.ts";

const bytes = (text: string) => Buffer.from(text, "utf8").toString("latin1");

it.each([
  [bytes("/plain/name"), "/plain/name"],
  [bytes("/größe/猫"), "/größe/猫"],
  [bytes("/new\nline\ttab"), "/new\\nline\\ttab"],
  [bytes("/back\\slash"), "/back\\\\slash"],
  [bytes("/\x1b[31mred"), "/\\x1b[31mred"],
  [bytes("/\u202eturned"), "/\\u{202e}turned"],
  ["/no\xffutf8", "/no\\xffutf8"],
  [`${bytes("/é")}\xff`, "/\\xc3\\xa9\\xff"],
])("%j is shown as %s", (path, shown) => {
  expect(shownPath(path)).toBe(shown);
});
