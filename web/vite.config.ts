import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// The build is committed, so it must come out the same everywhere: names by content, no dates, no sources of ours' paths.
export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: "../src/palate/serve/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  server: { proxy: { "/api": process.env["PALATE_SERVICE"] ?? "http://127.0.0.1:8765" } },
  test: { include: ["tests/**/*.test.ts"], environment: "node" },
});
