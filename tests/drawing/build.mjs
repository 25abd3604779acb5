// Builds the page and the program, and writes the dashboards as typed TypeScript, so that `tsc` compares them with Grafana's schema.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

mkdirSync('build', { recursive: true });
const boards = ['spanledger', 'cost', 'audit'].map((name) => `export const ${name}: Board = ${readFileSync(`../../dashboards/${name}.json`, 'utf8')};`);
writeFileSync('build/boards.ts', `import type { Board } from '../src/board';\n\n${boards.join('\n')}\n`);

// Grafana's modules are `.mjs`, where the default of a CommonJS module is all of its exports.
const scrollbars = {
  name: 'scrollbars',
  setup(bundler) {
    bundler.onResolve({ filter: /^react-custom-scrollbars-2$/ }, ({ importer }) =>
      importer.includes('node_modules') ? { path: join(process.cwd(), 'src/scrollbars.ts') } : undefined
    );
  },
};

const common = { bundle: true, logLevel: 'warning', absWorkingDir: process.cwd() };
await build({
  ...common, entryPoints: ['src/page.tsx'], outfile: 'build/page.js', format: 'iife', platform: 'browser', jsx: 'automatic',
  define: { 'process.env.NODE_ENV': '"production"', global: 'window' }, minify: true, plugins: [scrollbars],
  loader: { '.svg': 'dataurl', '.ttf': 'empty', '.woff': 'empty', '.woff2': 'dataurl' },
});
await build({ ...common, entryPoints: ['src/draw.ts'], outfile: 'build/draw.mjs', format: 'esm', platform: 'node', packages: 'external' });
