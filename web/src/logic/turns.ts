/**
 * Who may load now. A browser opens six connections to one address; were all of them to wait for pictures that are
 * still being drawn, no question would be asked and no page opened until the first of them is done.
 */
export class Turns {
  #most: number;
  #under: number = 0;
  #waiting: { begin: () => void }[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  /** Begins now or later; whoever is done, or wants it no more, calls what comes back. */
  ask(begin: () => void): () => void {
    const turn = { begin };
    let state: "waiting" | "under" | "over" = "waiting";
    turn.begin = () => {
      state = "under";
      begin();
    };
    this.#waiting.push(turn);
    this.#next();
    return () => {
      if (state === "waiting") this.#waiting.splice(this.#waiting.indexOf(turn), 1);
      else if (state === "under") this.#under -= 1;
      state = "over";
      this.#next();
    };
  }

  #next(): void {
    while (this.#under < this.#most) {
      const turn = this.#waiting.shift();
      if (!turn) return;
      this.#under += 1;
      turn.begin();
    }
  }
}
