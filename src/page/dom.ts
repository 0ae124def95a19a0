/** Making elements. Text is always text: nothing here takes markup. */

type Child = Node | string | undefined;

export interface Properties {
  class?: string;
  text?: string;
  title?: string;
  /** Attributes, `aria-…` and `data-…` among them. */
  attributes?: Record<string, string>;
  onClick?(event: MouseEvent): void;
}

export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  if (properties.class) element.className = properties.class;
  if (properties.text !== undefined) element.textContent = properties.text;
  if (properties.title !== undefined) element.title = properties.title;
  for (const [name, value] of Object.entries(properties.attributes ?? {})) element.setAttribute(name, value);
  if (properties.onClick) element.addEventListener("click", properties.onClick as EventListener);
  for (const child of children) if (child !== undefined) element.append(child);
  return element;
}

export function button(text: string, onClick: () => void, properties: Properties = {}): HTMLButtonElement {
  const attributes = { type: "button", ...properties.attributes };
  return h("button", { ...properties, text, attributes, onClick });
}

/** The element that the page's markup has under this id. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (!element) throw new Error(`bug: the page has no #${id}`);
  return element;
}
