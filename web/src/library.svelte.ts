/** The pictures that a filter lets through: the first come at once, the others while one looks at them. */

import * as api from "./api/palate";
import { shared } from "./session.svelte";

const FIRST = 120;
const MORE = 500;

export class Library {
  items = $state.raw<readonly api.Picture[]>([]);
  total = $state(0);
  state = $state<"loading" | "ready" | "failed">("loading");
  private stop: AbortController | null = null;

  async load(filters: api.Filters, sort: string): Promise<void> {
    this.stop?.abort();
    const stop = (this.stop = new AbortController());
    this.state = "loading";
    try {
      let have: api.Picture[] = [];
      for (let limit = FIRST; ; limit = MORE) {
        const answer = await api.pictures({ ...filters, sort, offset: have.length, limit }, stop.signal);
        have = [...have, ...answer.items];
        this.items = have;
        this.total = answer.total;
        if (answer.items.length === 0 || have.length >= answer.total) break;
      }
      this.state = "ready";
    } catch (error) {
      if (stop.signal.aborted) return;
      this.state = "failed";
      shared.fail(error);
    }
  }

  leave(): void {
    this.stop?.abort();
  }
}
