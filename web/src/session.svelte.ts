/** Who is signed in, what was kept, and what is said aloud: the little that all pages share. */

import { onSignedOut, Refused, remember } from "./api/client";
import * as api from "./api/palate";
import type { Session } from "./api/palate";
import { words } from "./words";
import { GEMREC_WEIGHTS, type Weights } from "./logic/ranking";

export type Theme = "auto" | "light" | "dark";

function stored<T>(name: string, otherwise: T): T {
  try {
    const text = localStorage.getItem(`palate.${name}`);
    return text === null ? otherwise : (JSON.parse(text) as T);
  } catch {
    return otherwise;
  }
}

function store(name: string, value: unknown): void {
  try {
    localStorage.setItem(`palate.${name}`, JSON.stringify(value));
  } catch {
    // A browser that keeps nothing still shows everything.
  }
}

class Shared {
  session = $state<Session | null>(null);
  state = $state<"asking" | "in" | "out" | "offline">("asking");
  theme = $state<Theme>(stored<Theme>("theme", "auto"));
  columns = $state<number>(stored("columns", innerWidth < 600 ? 3 : 6));
  weights = $state<Weights>(stored("weights", GEMREC_WEIGHTS));
  /** Whether the model that draws is hidden while one chooses. */
  blind = $state<boolean>(stored("blind", false));
  /** Whether the first words of welcome were read. */
  atHome = $state<boolean>(stored("atHome", false));
  /** Kept pictures, by the prompt they were kept for. */
  kept = $state<Record<string, string[]>>(stored("kept", {}));
  /** Pictures that Find begins with, carried over from another page. */
  examples = $state<string[]>([]);
  said = $state("");
  trouble = $state<string | null>(null);

  get owner(): boolean {
    return this.session?.person.role === "owner";
  }

  /** What is not allowed is not offered; the service refuses it all the same. */
  may(what: "draw" | "choose"): boolean {
    return this.session?.can[what] ?? false;
  }

  async open(): Promise<void> {
    onSignedOut(() => this.left());
    try {
      const token = takeToken();
      this.entered(token ? await api.signIn({ token }) : await api.session());
    } catch (error) {
      if (error instanceof Refused && error.status !== 0) {
        this.state = "out";
        if (error.status !== 401) this.trouble = error.message;
      } else this.state = "offline";
    }
  }

  entered(session: Session): void {
    remember(session.csrf);
    this.session = session;
    this.state = "in";
    this.trouble = null;
  }

  left(): void {
    remember(null);
    this.session = null;
    this.state = "out";
  }

  say(text: string): void {
    // The same words twice are read out twice only if they differ by something.
    this.said = this.said === text ? `${text}\u00a0` : text;
  }

  fail(error: unknown): void {
    if (error instanceof DOMException && error.name === "AbortError") return;
    const text = error instanceof Refused ? [error.message, error.hint].filter(Boolean).join(". ") : String(error);
    this.trouble = text;
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    store("theme", theme);
    showTheme(theme);
  }

  setColumns(columns: number): void {
    this.columns = columns;
    store("columns", columns);
  }

  settle(): void {
    this.atHome = true;
    store("atHome", true);
  }

  setBlind(blind: boolean): void {
    this.blind = blind;
    store("blind", blind);
  }

  setWeights(weights: Weights): void {
    this.weights = weights;
    store("weights", weights);
  }

  keptFor(prompt: string): string[] {
    return this.kept[prompt] ?? [];
  }

  keep(prompt: string, picture: string): boolean {
    const before = this.keptFor(prompt);
    const had = before.includes(picture);
    const after = had ? before.filter((id) => id !== picture) : [...before, picture];
    this.kept = { ...this.kept, [prompt]: after };
    if (after.length === 0) delete this.kept[prompt];
    store("kept", this.kept);
    return !had;
  }

  letGo(prompt: string): void {
    const { [prompt]: _, ...others } = this.kept;
    this.kept = others;
    store("kept", others);
  }

  forgetAll(): void {
    this.kept = {};
    store("kept", {});
  }

  async copy(text: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      this.say(words.copied(text));
    } catch (error) {
      this.fail(error);
    }
  }
}

/** The one-time token of the printed address; it is taken out of the address at once, so that it is not left in the history. */
function takeToken(): string | null {
  const query = new URLSearchParams(location.search);
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get("token") ?? query.get("token");
  if (token === null) return null;
  query.delete("token");
  const rest = query.toString();
  const path = location.pathname === "/sign-in" ? "/" : location.pathname;
  history.replaceState({}, "", path + (rest ? `?${rest}` : ""));
  return token;
}

export function showTheme(theme: Theme): void {
  if (theme === "auto") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.setAttribute("data-theme", theme);
}

export const shared = new Shared();
showTheme(shared.theme);
