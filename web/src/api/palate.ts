/** The service's verbs. Pages call these and never an address. */

import { ask, get, patch, post, remove, address, listen, type Query } from "./client";
import type { Scores, Weights } from "../logic/ranking";

export interface Items<T> {
  items: T[];
  total: number;
}
export interface Named {
  id: string;
  name: string;
}
export interface Session {
  person: { id: string; name: string; role: string };
  csrf: string | null;
  can: Record<string, boolean>;
}
export interface Prompt {
  id: string;
  text: string;
  tags: string[];
  pictures: number;
}
export interface Picture {
  id: string;
  model: Named | null;
  prompt: { id: string; text: string } | null;
  seed: number | null;
  width: number;
  height: number;
  safety: string | null;
  scores: Scores;
}
export interface Model {
  id: string;
  name: string;
  kind: string;
  base: string | null;
  downloads: number | null;
  tags: string[];
  trigger_words: string[];
  maker: string | null;
  licence: string | null;
  state: string;
  state_reason: string | null;
  full_hash: string | null;
  pictures: number;
  best: string[];
  draws: boolean;
}
export interface Reason {
  text: string;
  worth: number;
  pictures: string[];
  prompts: string[];
}
export interface Row {
  id: string;
  name: string;
  score: number;
  reasons: Reason[];
  pictures: string[];
  trigger_words: string[];
  draws: boolean;
}
export interface Ranking {
  by: string;
  ranking: Row[];
  took_ms: number;
  warnings?: string[];
}
export interface Job {
  id: string;
  kind: string;
  state: string;
  done: number;
  total: number;
  text: string;
  error: string | null;
  made: number;
  pictures: string[];
}
export interface MapPoints {
  ids: string[];
  x: number[];
  y: number[];
  popularity: number[];
}
export interface Choice {
  sequence: number;
  kind: string;
  at: number;
  payload: Record<string, unknown>;
}
export interface Filters {
  prompt?: string | null;
  model?: string | null;
  tag?: string | null;
  base?: string | null;
  safe?: string | null;
}

export const media = (id: string, size: 128 | 256 | 512 | "full" = 256): string => address(`/media/${encodeURIComponent(id)}`, { size });
const at = (root: string, id: string, rest = ""): string => `${root}/${encodeURIComponent(id)}${rest}`;

// -- who --
export const session = (): Promise<Session> => get("/session");
export const signIn = (by: { token: string } | { name: string; password: string }): Promise<unknown> => post("/session", by);
export const signOut = (): Promise<unknown> => remove("/session");

// -- looking --
export const models = (query: Query = {}): Promise<Items<Model>> => get("/models", query);
export const model = (id: string): Promise<Model> => get(at("/models", id));
export const prompts = (query: Query = {}): Promise<Items<Prompt>> => get("/prompts", query);
export const tags = (): Promise<Items<string>> => get("/tags");
export const bases = (): Promise<Items<string>> => get("/bases");
export const pictures = (query: Query, signal?: AbortSignal): Promise<Items<Picture>> => get("/pictures", query, signal);
export const picture = (id: string): Promise<Picture> => get(at("/pictures", id));
export const map = (filters: Filters, signal?: AbortSignal): Promise<MapPoints> => get("/map", { ...filters }, signal);

// -- asking --
export interface Asked {
  prompt?: string;
  pictures?: string[];
  person?: string;
  weights?: Weights;
  base?: string;
  tag?: string;
  safe?: string;
  top?: number;
}
export const find = (asked: Asked): Promise<Ranking> => post("/find", asked);
export const identify = (asked: { pictures: string[]; top?: number }): Promise<Ranking> => post("/identify", asked);
export const similar = (id: string, top = 24): Promise<Items<Picture>> => get(at("/pictures", id, "/similar"), { top });
export async function upload(file: Blob): Promise<string> {
  const form = new FormData();
  form.append("file", file, "picture");
  return (await ask<{ id: string }>("POST", "/uploads", { body: form })).id;
}

// -- drawing --
export const draw = (order: { models: string[]; prompt: string; count: number; seed: number }): Promise<Job> => post("/draw", order);
export const jobs = (): Promise<Items<Job>> => get("/jobs", { limit: 100 });
export const job = (id: string): Promise<Job> => get(at("/jobs", id));
export const steerJob = (id: string, act: "pause" | "resume" | "cancel"): Promise<Job> => post(at("/jobs", id, `/${act}`));
export function jobEvents(id: string, heard: (name: string, data: unknown) => void, lost: () => void): () => void {
  return listen(at("/jobs", id, "/events"), heard, ["progress", "picture", "done", "failed"], lost);
}

// -- choosing --
export const choose = (kind: string, payload: Record<string, unknown>): Promise<unknown> => post("/choices", { kind, payload });
export const choices = (query: Query = {}): Promise<Items<Choice>> => get("/choices", query);
export const weights = (): Promise<{ weights: Weights }> => get("/weights");
export const learnWeights = (): Promise<{ weights: Weights }> => post("/weights/learn", {});

// -- running --
export const bringIn = (folder: string, kind: string): Promise<Job> => post("/imports", { folder, kind });
export const specify = (order: { models: string[]; prompts: string[]; count: number }): Promise<Job> => post("/specify", order);
export interface Person {
  id: string;
  name: string;
  role: string;
}
export const people = (): Promise<Items<Person>> => get("/people");
export const addPerson = (person: { name: string; role: string; password: string }): Promise<Person> => post("/people", person);
export const changePerson = (id: string, change: { role?: string; password?: string }): Promise<Person> => patch(at("/people", id), change);
export const removePerson = (id: string): Promise<unknown> => remove(at("/people", id));
export interface Key {
  id: string;
  name: string;
  scopes: string[];
  made: number;
  used: number | null;
  key?: string | null;
}
export const keys = (): Promise<Items<Key>> => get("/keys");
export const makeKey = (key: { name: string; scopes: string[] }): Promise<Key> => post("/keys", key);
export const revokeKey = (id: string): Promise<unknown> => remove(at("/keys", id));
export interface Report {
  name: string;
  title: string;
  made: string | null;
  rows: { metric: string; value: number | null; low: number | null; high: number | null }[];
}
export const reports = (): Promise<Items<Report>> => get("/reports");

// -- mine --
export const exportAddress = (): string => address("/me/export");
export const forgetMe = (): Promise<unknown> => remove("/me");

/** What a job's stream tells, in the one form that the pages know. */
export interface Heard {
  picture: string | null;
  model: string | null;
  done: number | null;
  over: boolean;
  error: string | null;
}
export function readEvent(name: string, data: unknown): Heard {
  const said = (data ?? {}) as { picture?: string; model?: string; done?: number; state?: string; error?: string | null };
  return {
    picture: name === "picture" ? (said.picture ?? null) : null,
    model: name === "picture" ? (said.model ?? null) : null,
    done: typeof said.done === "number" ? said.done : null,
    over: name === "done" || name === "failed" || ["done", "failed", "cancelled"].includes(said.state ?? ""),
    error: said.error ?? null,
  };
}
