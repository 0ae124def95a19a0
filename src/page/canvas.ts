/**
 * A drawing in a frame that scrolls: the browser's own scrolling moves it, so that wheel, touch, scroll bars and
 * keyboard do what they do elsewhere; dragging scrolls too, and zooming changes the drawing's size around a point.
 */

const LEAST_SCALE = 0.05;
const MOST_SCALE = 3;
/** Below this, texts of boxes are no longer read; they are left out, which also makes large graphs light to draw. */
const LEGIBLE_SCALE = 0.34;

export class Canvas {
  readonly frame: HTMLElement;
  readonly #drawing: SVGSVGElement;
  readonly #width: number;
  readonly #height: number;
  #scale = 1;
  readonly #onScale: (scale: number) => void;

  constructor(frame: HTMLElement, onScale: (scale: number) => void) {
    this.frame = frame;
    this.#onScale = onScale;
    this.#drawing = frame.querySelector("svg")!;
    const { width, height } = this.#drawing.viewBox.baseVal;
    [this.#width, this.#height] = [width, height];
    frame.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.#dragging();
  }

  get scale(): number {
    return this.#scale;
  }

  /** All of it in sight, never larger than life. */
  fit(): void {
    const { clientWidth, clientHeight } = this.frame;
    this.zoomTo(Math.min(1, clientWidth / this.#width, clientHeight / this.#height));
  }

  /** As large as it can be read, from its beginning: what a graph that is larger than the frame begins with. */
  start(): void {
    this.fit();
    if (this.#scale < 0.5) this.zoomTo(Math.min(0.8, this.frame.clientHeight / this.#height + 0.25));
    this.frame.scrollLeft = 0;
    this.frame.scrollTop = (this.frame.scrollHeight - this.frame.clientHeight) / 2;
  }

  /** `at`: the point of the frame that stays where it is, in its pixels; default its middle. */
  zoomTo(scale: number, at?: { x: number; y: number }): void {
    const { frame } = this;
    const point = at ?? { x: frame.clientWidth / 2, y: frame.clientHeight / 2 };
    const before = this.#offset();
    const [x, y] = [
      (frame.scrollLeft + point.x - before.x) / this.#scale,
      (frame.scrollTop + point.y - before.y) / this.#scale,
    ];
    this.#scale = Math.min(MOST_SCALE, Math.max(LEAST_SCALE, scale));
    this.#drawing.setAttribute("width", String(this.#width * this.#scale));
    this.#drawing.setAttribute("height", String(this.#height * this.#scale));
    this.#drawing.classList.toggle("far", this.#scale < LEGIBLE_SCALE);
    const after = this.#offset();
    frame.scrollLeft = x * this.#scale + after.x - point.x;
    frame.scrollTop = y * this.#scale + after.y - point.y;
    this.#onScale(this.#scale);
  }

  zoomBy(factor: number): void {
    this.zoomTo(this.#scale * factor);
  }

  /** Brings an element of the drawing into sight; one that is too small to read is brought nearer first. */
  show(element: Element): void {
    if (this.#scale < LEGIBLE_SCALE) this.zoomTo(0.8);
    const box = element.getBoundingClientRect();
    const around = this.frame.getBoundingClientRect();
    const margin = 40;
    const hidden =
      box.left < around.left + margin ||
      box.right > around.right - margin ||
      box.top < around.top + margin ||
      box.bottom > around.bottom - margin;
    if (!hidden) return;
    this.frame.scrollBy({
      left: (box.left + box.right) / 2 - (around.left + around.right) / 2,
      top: (box.top + box.bottom) / 2 - (around.top + around.bottom) / 2,
    });
  }

  /** Where the drawing begins when it is smaller than the frame, which centres it. */
  #offset(): { x: number; y: number } {
    const { clientWidth, clientHeight } = this.frame;
    return {
      x: Math.max(0, (clientWidth - this.#width * this.#scale) / 2),
      y: Math.max(0, (clientHeight - this.#height * this.#scale) / 2),
    };
  }

  /** With Ctrl (which is also what a pinch on a touch pad says) the wheel zooms, without it scrolls. */
  #wheel(event: WheelEvent): void {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const around = this.frame.getBoundingClientRect();
    const at = { x: event.clientX - around.left, y: event.clientY - around.top };
    this.zoomTo(this.#scale * Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.002)), at);
  }

  #dragging(): void {
    const { frame } = this;
    let last: { x: number; y: number } | undefined;
    frame.addEventListener("pointerdown", (event) => {
      if (event.button === 0 && event.pointerType === "mouse") last = { x: event.clientX, y: event.clientY };
    });
    frame.addEventListener("pointermove", (event) => {
      if (!last) return;
      const [x, y] = [event.clientX - last.x, event.clientY - last.y];
      if (!frame.classList.contains("dragged") && Math.hypot(x, y) < 4) return;
      // Captured only now: a click without a move belongs to the step under it.
      if (!frame.classList.contains("dragged")) frame.setPointerCapture(event.pointerId);
      frame.classList.add("dragged");
      frame.scrollBy(-x, -y);
      last = { x: event.clientX, y: event.clientY };
    });
    const end = () => {
      last = undefined;
      frame.classList.remove("dragged");
    };
    frame.addEventListener("pointerup", end);
    frame.addEventListener("pointercancel", end);
  }
}
