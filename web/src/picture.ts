/**
 * `<img {@attach picture(address)}>`: loads when it comes near, in its turn, and again where it was not there yet.
 * What was drawn a moment ago is there, and need not wait behind what is still to be drawn: `picture(address, true)`.
 */

import type { Attachment } from "svelte/attachments";
import { Turns } from "./logic/turns";

const AT_ONCE = 4;
const TRIES = 5;
const NEAR = "300px";
export const turns = new Turns(AT_ONCE);

export function picture(src: string, now = false): Attachment<HTMLImageElement> {
  return (image) => {
    let tries = 0;
    let later: ReturnType<typeof setTimeout> | undefined;
    let release = (): void => {};
    const ask = (): void => {
      if (now) image.src = src;
      else release = turns.ask(() => (image.src = src));
    };
    const loaded = (): void => {
      release();
      image.classList.remove("coming");
    };
    // One that is still being drawn, or asked for too fast, comes a little later.
    const failed = (): void => {
      release();
      tries += 1;
      if (tries < TRIES) later = setTimeout(ask, 400 * 2 ** tries);
      else image.classList.remove("coming");
    };
    const seen = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        seen.disconnect();
        ask();
      },
      { rootMargin: NEAR },
    );
    image.classList.add("coming");
    image.addEventListener("load", loaded);
    image.addEventListener("error", failed);
    seen.observe(image);
    return () => {
      seen.disconnect();
      clearTimeout(later);
      image.removeEventListener("load", loaded);
      image.removeEventListener("error", failed);
      if (!image.complete) image.removeAttribute("src");
      release();
    };
  };
}
