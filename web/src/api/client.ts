/** HTTP to the service: one way to ask, one kind of error, and the streams of jobs. */

import { words } from "../words";

const ROOT = "/api/v1";

export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly about: string | null = null,
    readonly hint: string | null = null,
  ) {
    super(message);
  }
}

export type Query = Record<string, string | number | boolean | null | undefined | readonly string[]>;

let csrf: string | null = null;
let whenSignedOut: () => void = () => {};

export function remember(token: string | null): void {
  csrf = token;
}

export function onSignedOut(then: () => void): void {
  whenSignedOut = then;
}

export function address(path: string, query: Query = {}): string {
  const written = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value == null || value === "") continue;
    if (Array.isArray(value)) for (const one of value) written.append(name, one);
    else written.set(name, String(value));
  }
  const text = written.toString();
  return ROOT + path + (text ? `?${text}` : "");
}

async function refusal(answer: Response): Promise<Refused> {
  try {
    const { error } = (await answer.json()) as { error: { code: string; message: string; about?: string; hint?: string } };
    return new Refused(answer.status, error.code, error.message, error.about ?? null, error.hint ?? null);
  } catch {
    return new Refused(answer.status, "unreadable", words.trouble.unreadable);
  }
}

export async function ask<T>(method: string, path: string, options: { query?: Query; body?: unknown; signal?: AbortSignal } = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  const init: RequestInit = { method, headers, credentials: "same-origin" };
  if (options.signal) init.signal = options.signal;
  if (csrf && method !== "GET") headers["X-CSRF-Token"] = csrf;
  if (options.body instanceof FormData) init.body = options.body;
  else if (options.body !== undefined) {
    headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(options.body);
  }
  let answer: Response;
  try {
    answer = await fetch(address(path, options.query), init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refused(0, "offline", words.trouble.offline);
  }
  if (!answer.ok) {
    const error = await refusal(answer);
    if (answer.status === 401 && path !== "/session") whenSignedOut();
    throw error;
  }
  if (answer.status === 204) return undefined as T;
  return (await answer.json()) as T;
}

export const get = <T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> =>
  ask<T>("GET", path, signal ? { query, signal } : { query });
export const post = <T>(path: string, body: unknown = {}): Promise<T> => ask<T>("POST", path, { body });
export const patch = <T>(path: string, body: unknown): Promise<T> => ask<T>("PATCH", path, { body });
export const remove = <T>(path: string, body?: unknown): Promise<T> => ask<T>("DELETE", path, body === undefined ? {} : { body });

/** Server-sent events; the browser's own EventSource reconnects by itself after a lost connection. */
export function listen(path: string, heard: (name: string, data: unknown) => void, names: readonly string[], lost: () => void): () => void {
  const source = new EventSource(ROOT + path);
  for (const name of [...names, "message"]) {
    source.addEventListener(name, (event) => {
      try {
        heard(name, JSON.parse((event as MessageEvent<string>).data));
      } catch {
        // A line that is not JSON is a sign of life and nothing else.
      }
    });
  }
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) lost();
  });
  return () => source.close();
}
