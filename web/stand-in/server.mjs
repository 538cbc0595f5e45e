// A stand-in for the service: the same shapes, invented pictures, nothing kept. For looking at pages and for measuring
// them with as many pictures as one likes: `node stand-in/server.mjs [port] [models] [prompts]`.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { deflateSync } from "node:zlib";

const [port = "8790", modelCount = "200", promptCount = "90"] = process.argv.slice(2);
const STATIC = fileURLToPath(new URL("../../src/palate/serve/static", import.meta.url));
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const TAGS = ["abstract", "animal", "architecture", "art", "artifact", "food", "illustration", "people", "produce", "scenery", "vehicle"];
const THINGS = ["lighthouse in a storm", "fox in the snow", "glass of tomatoes", "old tram in the rain", "portrait of a clockmaker", "castle above the fog", "bowl of noodles", "harbour at dawn", "paper crane", "greenhouse at night"];
const WAYS = ["oil painting", "35 mm photograph", "watercolour", "isometric", "woodcut", "soft light", "wide angle", "storybook", "studio light"];
const BASES = ["SD 1.5", "SDXL", "Pony"];
const NAMES = ["Ink", "Ember", "Meadow", "Nightjar", "Porcelain", "Velvet", "Dune", "Aurora", "Cobalt", "Saffron", "Moss", "Quartz"];

const noise = (n) => { let x = (n * 2654435761) >>> 0; x ^= x >>> 15; x = Math.imul(x, 2246822519) >>> 0; x ^= x >>> 13; return (x >>> 0) / 4294967296; };
const models = Array.from({ length: +modelCount }, (_, i) => ({
  id: `m${i}`, name: `${NAMES[i % NAMES.length]} ${["", "Realist", "Dream", "XL", "Mix", "Lines"][Math.floor(i / 12) % 6]} ${i > 71 ? i : ""}`.trim().replace(/ +/g, " "),
  kind: i % 3 ? "adapter" : "checkpoint", base: BASES[i % 3], downloads: Math.round(10 ** (1 + 5 * noise(i))), tags: [["photo", "style", "character"][i % 3]], trigger_words: i % 3 ? [`${NAMES[i % 12].toLowerCase()}style`] : [],
  maker: "a maker", licence: "openrail", state: i % 17 === 16 ? "missing" : "ready", state_reason: i % 17 === 16 ? "the file is gone" : null, full_hash: null, pictures: +promptCount, draws: i % 4 > 0, best: [`x${i}`],
}));
const prompts = Array.from({ length: +promptCount }, (_, i) => ({ id: `p${i}`, text: `a ${THINGS[i % 10]}, ${WAYS[Math.floor(i / 10) % 9]}`, tags: [TAGS[i % TAGS.length]], pictures: models.length }));
const count = models.length * prompts.length;
const pictureAt = (n) => {
  const model = models[n % models.length], prompt = prompts[Math.floor(n / models.length)];
  const clip = 18 + 16 * noise(n + 7), mcos = 0.5 + 0.4 * noise(n * 3 + 1);
  return { id: `x${n}`, model: { id: model.id, name: model.name }, prompt: { id: prompt.id, text: prompt.text }, seed: n, width: 512, height: 512, safety: "any", scores: { clip, mcos, popularity: Math.log10(model.downloads + 1), gre: clip } };
};
const CRC = Uint32Array.from({ length: 256 }, (_, n) => { for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1; return n; });
const chunk = (name, data) => { const body = Buffer.concat([Buffer.from(name), data]); let crc = ~0; for (const byte of body) crc = CRC[(crc ^ byte) & 255] ^ (crc >>> 8); const whole = Buffer.alloc(body.length + 8); whole.writeUInt32BE(data.length, 0); body.copy(whole, 4); whole.writeInt32BE(~crc, body.length + 4); return whole; };
const colour = (h, s, l) => { const a = s * Math.min(l, 1 - l); return [0, 8, 4].map((n) => { const k = (n + h / 30) % 12; return Math.round(255 * (l - a * Math.max(-1, Math.min(k - 3, 9 - k, 1)))); }); };
// A raster picture, as the service would send: SVG would make the browser lay out a document for each.
const drawing = (n, side) => {
  const p = Math.floor(n / models.length), m = n % models.length, hue = (p * 47 + noise(m) * 60) % 360, sat = 0.25 + 0.6 * noise(m + 3), light = 0.3 + 0.4 * noise(m * 5 + 2);
  const hills = [0, 1, 2, 3].map((k) => ({ y: 0.4 + k * 0.13 + 0.1 * noise(n + k), rise: 0.22 * noise(n * 2 + k), paint: colour((hue + k * 14) % 360, sat, Math.max(0.08, light - k * 0.11)) }));
  const sky = colour((hue + 40) % 360, sat, Math.min(0.95, light + 0.25)), sun = colour((hue + 190) % 360, 0.8, 0.85), sunX = 0.2 + 0.6 * noise(n + 9), sunY = 0.18 + 0.16 * noise(n + 4), sunR = 0.06 + 0.09 * noise(m + 1);
  const raw = Buffer.alloc(side * (1 + side * 3));
  for (let row = 0; row < side; row++) for (let column = 0; column < side; column++) {
    const x = column / side, y = row / side;
    let paint = Math.hypot(x - sunX, y - sunY) < sunR ? sun : sky;
    for (const hill of hills) if (y > hill.y - hill.rise * Math.sin(x * 2 * Math.PI)) paint = hill.paint;
    raw.set(paint, row * (1 + side * 3) + 1 + column * 3);
  }
  const head = Buffer.alloc(13); head.writeUInt32BE(side, 0); head.writeUInt32BE(side, 4); head.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), chunk("IHDR", head), chunk("IDAT", deflateSync(raw, { level: 1 })), chunk("IEND", Buffer.alloc(0))]);
};
const select = (query) => {
  let list = Array.from({ length: count }, (_, n) => n);
  const prompt = query.get("prompt"), tag = query.get("tag"), base = query.get("base"), model = query.get("model");
  if (prompt) { const at = prompts.findIndex((one) => one.id === prompt); list = list.filter((n) => Math.floor(n / models.length) === at); }
  if (tag) list = list.filter((n) => prompts[Math.floor(n / models.length)].tags.includes(tag));
  if (base) list = list.filter((n) => models[n % models.length].base === base);
  if (model) list = list.filter((n) => models[n % models.length].id === model);
  return list;
};
const ranking = (asked) => {
  const parts = [asked.prompt && ["its pictures of the nearest prompts fit their words (clip 0.81 of 1)", 0.8], asked.pictures?.length && ["it draws in the style of your picture", 0.6], ["it draws unlike the other models (0.44 of 1)", 0.35], ["12,408 downloads", 0.1]].filter(Boolean);
  const seed = (asked.prompt ?? "").length + (asked.pictures?.length ?? 0) * 31;
  const rows = models.slice(0, asked.top ?? 10).map((_, place) => { const m = (place * 17 + seed) % models.length; return { id: models[m].id, name: models[m].name, score: 2 - place * 0.13, reasons: parts.map(([text, worth], k) => ({ text, kind: /words/.test(text) ? "words" : /unlike/.test(text) ? "distinct" : /downloads/.test(text) ? "downloads" : "pictures", worth: worth * (1 - place * 0.06), pictures: [`x${m + k * models.length}`], prompts: [] })), pictures: Array.from({ length: 6 }, (_, k) => `x${m + ((k * 7 + seed) % prompts.length) * models.length}`), trigger_words: models[m].trigger_words, draws: models[m].draws }; });
  return { by: "gre", ranking: rows, took_ms: 12.3, warnings: [] };
};
const jobs = new Map();
const newJob = (kind, total, orders = []) => { const id = `j${jobs.size + 1}`; const job = { id, kind, state: "running", done: 0, total, text: kind, error: null, made: Date.now() / 1000, pictures: [], orders }; jobs.set(id, job); return job; };
const choices = [];
const keys = [];
const people = [{ id: "me", name: "me", role: "owner" }];

const routes = {
  "GET /session": () => ({ person: people[0], csrf: "x", can: { draw: true, choose: true, read: true, admin: true } }),
  "POST /session": () => ({ person: people[0], csrf: "x", can: { draw: true, choose: true, read: true, admin: true } }), "DELETE /session": () => ({}),
  "GET /models": (q) => { const list = models.filter((one) => `${one.name} ${one.base} ${one.tags}`.toLowerCase().includes((q.get("q") ?? "").toLowerCase())); return { items: list.slice(+(q.get("offset") ?? 0), +(q.get("offset") ?? 0) + +(q.get("limit") ?? 100)), total: list.length }; },
  "GET /prompts": () => ({ items: prompts, total: prompts.length }),
  "GET /tags": () => ({ items: TAGS, total: TAGS.length }), "GET /bases": () => ({ items: BASES, total: 3 }),
  "GET /pictures": (q) => { const list = select(q), offset = +(q.get("offset") ?? 0); return { items: list.slice(offset, offset + +(q.get("limit") ?? 100)).map(pictureAt), total: list.length }; },
  "GET /map": (q) => { const list = select(q); return { ids: list.map((n) => `x${n}`), x: list.map((n) => { const p = Math.floor(n / models.length); return Math.cos(p) * (3 + (p % 7)) + (noise(n) + noise(n + 5) + noise(n + 11) - 1.5) * 1.6; }), y: list.map((n) => { const p = Math.floor(n / models.length); return Math.sin(p * 1.3) * (3 + (p % 5)) + (noise(n * 7) + noise(n + 6) + noise(n + 21) - 1.5) * 1.6; }), popularity: list.map((n) => noise(n % models.length)) }; },
  "POST /find": (q, body) => ranking(body), "POST /identify": (q, body) => ranking(body),
  "POST /uploads": () => ({ id: `x${Math.floor(Math.random() * count)}` }),
  "POST /draw": (q, body) => newJob("draw", body.models.length * body.count, body.models.flatMap((m) => Array.from({ length: body.count }, () => m))),
  "GET /jobs": () => ({ items: [...jobs.values()].reverse(), total: jobs.size }),
  "POST /imports": () => newJob("import", 120), "POST /specify": () => newJob("specify", 61),
  "POST /choices": (q, body) => { choices.push({ ...body, sequence: choices.length + 1, at: Date.now() / 1000 }); return {}; },
  "GET /choices": () => ({ items: choices, total: choices.length }),
  "GET /weights": () => ({ weights: { clip: 1, mcos: 0.8, popularity: 0.2 } }), "POST /weights/learn": () => ({ weights: { clip: 0.9, mcos: 0.2, popularity: -0.3 } }),
  "GET /people": () => ({ items: people, total: people.length }), "POST /people": (q, body) => { const person = { id: `h${people.length}`, name: body.name, role: body.role }; people.push(person); return person; },
  "GET /keys": () => ({ items: keys, total: keys.length }), "POST /keys": (q, body) => { const key = { id: `k${keys.length}`, ...body, made: Date.now() / 1000, used: null }; keys.push(key); return { ...key, key: "plt_stand_in_0123456789" }; },
  "GET /reports": () => ({ items: [{ name: "identification", title: "Who drew it", made: "2026-11-20", rows: [{ metric: "top-1", value: 0.31, low: 0.28, high: 0.34 }, { metric: "top-5", value: 0.55, low: 0.51, high: 0.6 }, { metric: "MRR", value: 0.42, low: 0.39, high: 0.45 }] }], total: 1 }),
};

createServer(async (request, response) => {
  const url = new URL(request.url, "http://stand-in");
  const send = (status, body) => { response.writeHead(status, { "content-type": "application/json" }); response.end(JSON.stringify(body)); };
  if (!url.pathname.startsWith("/api/v1")) {
    let path = join(STATIC, normalize(url.pathname));
    if (!extname(path)) path = join(STATIC, "index.html");
    try { const body = await readFile(path); response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream", "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'self'" }); response.end(body); } catch { send(404, {}); }
    return;
  }
  const path = url.pathname.slice(7);
  let text = "";
  for await (const part of request) if (!/multipart/.test(request.headers["content-type"] ?? "")) text += part;
  const body = text ? JSON.parse(text) : {};
  const found = routes[`${request.method} ${path}`];
  if (found) return send(200, found(url.searchParams, body));
  const media = /^\/media\/x(\d+)/.exec(path);
  if (media) { response.writeHead(200, { "content-type": "image/png", "cache-control": "private, max-age=31536000, immutable" }); return response.end(drawing(+media[1], Math.min(512, +url.searchParams.get("size") || 512))); }
  const picture = /^\/pictures\/x(\d+)(\/similar)?$/.exec(path);
  if (picture) return send(200, picture[2] ? { items: Array.from({ length: 18 }, (_, k) => pictureAt((+picture[1] + k * models.length + k) % count)), total: 18 } : pictureAt(+picture[1]));
  const model = /^\/models\/m(\d+)$/.exec(path);
  if (model) return send(200, { ...models[+model[1]], best: Array.from({ length: 18 }, (_, k) => `x${+model[1] + k * models.length}`) });
  const job = /^\/jobs\/(j\d+)(?:\/(\w+))?$/.exec(path);
  if (job && jobs.has(job[1])) {
    const it = jobs.get(job[1]);
    if (job[2] === "pause") it.state = "paused"; else if (job[2] === "resume") it.state = "running"; else if (job[2] === "cancel") it.state = "cancelled";
    if (job[2] !== "events") return send(200, it);
    response.writeHead(200, { "content-type": "text/event-stream" });
    const timer = setInterval(() => {
      if (it.state !== "running") return;
      const model = it.orders[it.done]; it.done++;
      if (model) response.write(`event: picture\ndata: ${JSON.stringify({ id: `x${+model.slice(1) + (it.done % prompts.length) * models.length}` })}\n\n`);
      response.write(`event: progress\ndata: ${JSON.stringify({ done: it.done, total: it.total })}\n\n`);
      if (it.done >= it.total) { it.state = "done"; response.write(`event: done\ndata: ${JSON.stringify(it)}\n\n`); clearInterval(timer); response.end(); }
    }, 300);
    request.on("close", () => clearInterval(timer));
    return;
  }
  send(404, { error: { code: "not_found", message: "there is no such thing", about: path, hint: null } });
}).listen(+port, "127.0.0.1", () => console.log(`stand-in at http://127.0.0.1:${port}, ${count} pictures`));
