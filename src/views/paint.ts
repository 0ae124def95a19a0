/** Colour, or none: views are given a painter and never ask what terminal they are on. */
import { styleText } from "node:util";

export type Colour = "red" | "green" | "yellow" | "cyan" | "dim" | "bold";

/** Wraps `text` in a colour's control sequences, or gives it back as it is. */
export type Paint = (colour: Colour, text: string) => string;

export const plain: Paint = (_, text) => text;

export const coloured: Paint = (colour, text) => styleText(colour, text, { validateStream: false });
