/** The service's verbs. Pages call these and never an address. */

import { ask, get, patch, post, remove, address, listen, type Query } from "./client";
import type { components } from "./openapi";

type Shapes = components["schemas"];
export type Named = Shapes["Named"];
export type Session = Shapes["Session"];
export type Prompt = Shapes["Prompt"];
export type Picture = Shapes["Picture"];
export type Model = Shapes["Model"];
export type Reason = Shapes["Reason"];
export type Row = Shapes["Row"];
export type Ranking = Shapes["Ranking"];
export type Job = Shapes["Job"];
export type MapPoints = Shapes["MapPoints"];
export type Choice = Shapes["Choice"];
export type Person = Shapes["Person"];
export type Key = Shapes["Key"];
export type Report = Shapes["Report"];
export type Weights = Shapes["Weights"];
export type Taste = Shapes["Taste"];
export type Liking = Shapes["Liking"];
export type ForYou = Shapes["ForYou"];
export type ForYouPicture = Shapes["ForYouPicture"];
export type Exchange = Shapes["Exchange"];
export type TalkCard = Shapes["TalkCard"];
export type Claim = Shapes["Claim"];
export type Turn = Shapes["Turn"];
export type Conversation = Shapes["Conversation"];
export type ConversationCard = Shapes["ConversationCard"];
export interface Items<T> {
  items: T[];
  total: number;
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
export const signIn = (by: Shapes["SignIn"]): Promise<Session> => post("/session", by);
export const signOut = (): Promise<unknown> => remove("/session");

// -- looking --
export const models = (query: Query = {}): Promise<Items<Model>> => get("/models", query);
export const model = (id: string): Promise<Model> => get(at("/models", id));
export const prompts = (query: Query = {}): Promise<Items<Prompt>> => get("/prompts", query);
export const tags = (): Promise<Items<string>> => get("/tags", { of: "prompts" });
export const bases = (): Promise<Items<string>> => get("/bases");
export const pictures = (query: Query, signal?: AbortSignal): Promise<Items<Picture>> => get("/pictures", query, signal);
export const picture = (id: string): Promise<Picture> => get(at("/pictures", id));
export const map = (filters: Filters, signal?: AbortSignal): Promise<MapPoints> => get("/map", { ...filters }, signal);

// -- asking --
export type Asked = Partial<Shapes["Find"]>;
export const find = (asked: Asked): Promise<Ranking> => post("/find", asked);
export const identify = (asked: { pictures: string[]; top?: number }): Promise<Ranking> => post("/identify", asked);
export const similar = (id: string, top = 24): Promise<Items<Picture>> => get(at("/pictures", id, "/similar"), { top });
export async function upload(file: Blob): Promise<string> {
  const form = new FormData();
  form.append("file", file, "picture");
  return (await ask<{ id: string }>("POST", "/uploads", { body: form })).id;
}

// -- drawing --
export const draw = (order: Omit<Shapes["Draw"], "negative">): Promise<Job> => post("/draw", order);
export const jobs = (): Promise<Items<Job>> => get("/jobs", { limit: 100 });
export const job = (id: string): Promise<Job> => get(at("/jobs", id));
export const steerJob = (id: string, act: "pause" | "resume" | "cancel"): Promise<Job> => post(at("/jobs", id, `/${act}`));
export function jobEvents(id: string, heard: (name: string, data: unknown) => void, lost: () => void): () => void {
  return listen(at("/jobs", id, "/events"), heard, ["progress", "picture", "done", "failed"], lost);
}

// -- steering --
export const beginSteering = (prompt: string, model: string | null): Promise<Conversation> => post("/steer", model ? { prompt, model } : { prompt });
export const conversations = (query: Query = { limit: 24 }): Promise<Items<ConversationCard>> => get("/steer", query);
export const conversation = (id: string): Promise<Conversation> => get(at("/steer", id));
export const answerSlate = (id: string, turn: number, column: number | null, wish: string): Promise<Conversation> => post(at("/steer", id, "/answer"), { turn, column, wish });
export const goBack = (id: string, turn: number | null): Promise<Conversation> => post(at("/steer", id, "/back"), { turn });
export const drawSlate = (id: string): Promise<Conversation> => post(at("/steer", id, "/draw"));
export const forgetConversation = (id: string): Promise<unknown> => remove(at("/steer", id));
export interface ToldColumn {
  text: string;
  category: string;
  model: Shapes["Named"] | null;
}
export interface HearsSlates {
  slate: (turn: number, columns: ToldColumn[]) => void;
  picture: (id: string, column: number, row: number) => void;
  over: (error: string | null) => void;
  lost: () => void;
}
export function steerEvents(job: string, hears: HearsSlates): () => void {
  const heard = (name: string, data: unknown): void => {
    const said = data as { id: string; turn: number; column: number; row: number; columns: ToldColumn[]; error?: string | null };
    if (name === "slate") hears.slate(said.turn, said.columns);
    else if (name === "picture") hears.picture(said.id, said.column, said.row);
    else if (name === "done" || name === "failed") hears.over(said.error ?? null);
  };
  return listen(at("/jobs", job, "/events"), heard, ["slate", "picture", "done", "failed"], hears.lost);
}

// -- for oneself --
export const taste = (): Promise<Taste> => get("/taste");
export const editTaste = (change: Partial<Shapes["TasteChange"]>): Promise<Taste> => patch("/taste", change);
export const pauseTaste = (): Promise<Taste> => post("/taste/pause");
export const resumeTaste = (): Promise<Taste> => post("/taste/resume");
export const resetTaste = (): Promise<Taste> => post("/taste/reset");
export const recommend = (of: "pictures" | "models"): Promise<ForYou> => get("/recommend", { of });
export type DrawnBy = NonNullable<Shapes["Personalise"]["by"]>;
export const personalise = (count: number, by: DrawnBy | null): Promise<Job> => post("/personalise", { count, by });

// -- talking --
export const say = (said: string, talk: string | null): Promise<Shapes["Said"]> => post("/converse", talk ? { said, talk } : { said });
export const talks = (): Promise<Items<Shapes["TalkCard"]>> => get("/converse", { limit: 12 });
export const forgetTalk = (id: string): Promise<unknown> => remove(at("/converse", id));
export const talk = (id: string): Promise<Shapes["Talk"]> => get(at("/converse", id));

// -- choosing --
export const choose = (kind: Shapes["NewChoice"]["kind"], payload: Shapes["ChoicePayload"]): Promise<Choice> => post("/choices", { kind, payload });
export const choices = (query: Query = {}): Promise<Items<Choice>> => get("/choices", query);
export const weights = (): Promise<Shapes["LearnedWeights"]> => get("/weights");
export const learnWeights = (): Promise<Shapes["LearnedWeights"]> => post("/weights/learn", {});

// -- running --
export const bringIn = (folder: string, kind: Shapes["Import"]["kind"]): Promise<Job> => post("/imports", { folder, kind });
export const specify = (order: Shapes["Specify"]): Promise<Job> => post("/specify", order);
export const people = (): Promise<Items<Person>> => get("/people");
export const addPerson = (person: Shapes["NewPerson"]): Promise<Person> => post("/people", person);
export const changePerson = (id: string, change: Shapes["PersonChange"]): Promise<Person> => patch(at("/people", id), change);
export const removePerson = (id: string): Promise<unknown> => remove(at("/people", id));
export const keys = (): Promise<Items<Key>> => get("/keys");
export const makeKey = (key: Shapes["NewKey"]): Promise<Key> => post("/keys", key);
export const revokeKey = (id: string): Promise<unknown> => remove(at("/keys", id));
export const reports = (): Promise<Items<Report>> => get("/reports");

// -- mine --
export const exportAddress = (): string => address("/me/export");
export const forgetMe = (): Promise<unknown> => remove("/me");

/** What a job's stream tells, in the one form that the pages know. */
export interface Heard {
  picture: string | null;
  done: number | null;
  over: boolean;
  error: string | null;
}
export function readEvent(name: string, data: unknown): Heard {
  const said = (data ?? {}) as { id?: string; done?: number; error?: string | null };
  return {
    picture: name === "picture" ? (said.id ?? null) : null,
    done: name === "progress" && typeof said.done === "number" ? said.done : null,
    over: name === "done" || name === "failed",
    error: said.error ?? null,
  };
}
