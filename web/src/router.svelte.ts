/** Where one is: a path and its query, kept in the address so that a reload and a shared link lead to the same page. */

class Address {
  path = $state(location.pathname);
  query = $state(location.search);

  constructor() {
    addEventListener("popstate", () => this.read());
    addEventListener("click", (event) => this.follow(event));
  }

  get(name: string): string | null {
    return new URLSearchParams(this.query).get(name);
  }

  all(name: string): string[] {
    return new URLSearchParams(this.query).getAll(name);
  }

  go(to: string, replace = false): void {
    if (to === this.path + this.query) return;
    history[replace ? "replaceState" : "pushState"]({}, "", to);
    const before = this.path;
    this.read();
    if (before !== this.path && !replace) {
      scrollTo(0, 0);
      // What a new page is called is read out, and Tab begins at its top.
      queueMicrotask(() => document.getElementById("page")?.focus({ preventScroll: true }));
    }
  }

  /** The same page with some of its query changed; null takes a part away. */
  set(parts: Record<string, string | null>, replace = true): void {
    const query = new URLSearchParams(this.query);
    for (const [name, value] of Object.entries(parts)) {
      if (value === null || value === "") query.delete(name);
      else query.set(name, value);
    }
    const written = query.toString();
    this.go(this.path + (written ? `?${written}` : ""), replace);
  }

  private read(): void {
    this.path = location.pathname;
    this.query = location.search;
  }

  private follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest?.("a");
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (link.pathname.startsWith("/api/") || link.hash) return;
    event.preventDefault();
    this.go(link.pathname + link.search);
  }
}

export const address = new Address();
