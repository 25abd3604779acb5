// Draws the dashboards over a companion that is their only data source, and fails where a panel is empty or in error.
//
//   node build/draw.mjs COMPANION FOLDER [TYPE]   COMPANION is the binary `spanledger`; pictures (webp, or TYPE) go to FOLDER

import { ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, IncomingMessage, ServerResponse } from 'node:http';
import { AddressInfo, createServer as createSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import puppeteer, { Page } from 'puppeteer-core';

import type { Verdict } from './page';
import { requests } from './traffic';

const HERE = dirname(fileURLToPath(import.meta.url));
const BOARDS = { spanledger: 'overview', cost: 'cost', audit: 'audit' } as const;
const MINUTES = 180;
const DAY = 24 * 60 * 60_000;
const PATIENCE = 180_000;

async function free(): Promise<number> {
  const server = createSocket().listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

/** Asks until `done`, at most three minutes. */
async function until(what: string, done: () => Promise<boolean>) {
  const end = Date.now() + PATIENCE;
  while (!(await done().catch(() => false))) {
    if (Date.now() > end) {
      throw new Error(`timed out: ${what}`);
    }
    await new Promise((next) => setTimeout(next, 200));
  }
}

class Companion {
  private constructor(private readonly program: ChildProcess, readonly http: number, readonly admin: number) {}

  /** Its notifications go to `inbox`. */
  static async start(binary: string, folder: string, inbox: string): Promise<Companion> {
    const config = join(folder, 'spanledger.toml');
    writeFileSync(config, `[rules]\ninterval = "1s"\npreset = "fixed"\n\n[notify]\ngroup_wait = "1s"\n\n[[notify.webhook]]\nurl = "${inbox}"\n`);
    const [grpc, http, admin] = [await free(), await free(), await free()];
    const listen = ['--otlp-grpc', `127.0.0.1:${grpc}`, '--otlp-http', `127.0.0.1:${http}`, '--admin', `127.0.0.1:${admin}`];
    const program = spawn(binary, ['serve', '--config', config, '--ledger', join(folder, 'ledger.db'), ...listen], { stdio: 'ignore' });
    const companion = new Companion(program, http, admin);
    await until('the companion is ready', async () => (await fetch(`http://127.0.0.1:${admin}/readyz`)).ok);
    return companion;
  }

  async send(body: object) {
    const request = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const response = await fetch(`http://127.0.0.1:${this.http}/v1/traces`, request);
    if (!response.ok) {
      throw new Error(`the receiver answered ${response.status}: ${await response.text()}`);
    }
  }

  /** Whether a panel over the last ten minutes would show a number above zero; its range ends at a whole minute. */
  async shows(query: string): Promise<boolean> {
    const end = Math.floor(Date.now() / 60_000) * 60;
    const range = new URLSearchParams({ query, start: String(end - 600), end: String(end), step: '60' });
    const response = await fetch(`http://127.0.0.1:${this.admin}/api/v1/query_range?${range}`);
    const { data } = (await response.json()) as { data: { result: { values: [number, string][] }[] } };
    return data.result.some(({ values }) => values.some(([, value]) => Number(value) > 0));
  }

  async stop() {
    if (this.program.exitCode === null && this.program.signalCode === null) {
      this.program.kill();
      await new Promise((done) => this.program.once('exit', done));
    }
  }
}

/** Serves the page, and hands what it asks to the companion, as Grafana's server does. */
function serve(admin: () => number | undefined) {
  const boards = Object.fromEntries(Object.keys(BOARDS).map((name) => [name, JSON.parse(readFileSync(join(HERE, `../../../dashboards/${name}.json`), 'utf8'))]));
  const html = `<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="/page.css"><body><div id="board"></div><script>window.boards = ${JSON.stringify(boards).replaceAll('<', '\\u003c')}</script><script src="/page.js"></script>`;
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const url = request.url ?? '/';
    if (url.startsWith('/api/')) {
      const found = await fetch(`http://127.0.0.1:${admin()}${url}`).catch(() => undefined);
      response.writeHead(found?.status ?? 502, { 'content-type': 'application/json' });
      response.end(found ? await found.text() : 'the data source cannot be reached');
    } else if (url === '/page.js' || url === '/page.css') {
      response.writeHead(200, { 'content-type': url.endsWith('js') ? 'text/javascript' : 'text/css' });
      response.end(readFileSync(join(HERE, url)));
    } else {
      response.writeHead(url === '/' || url === '/inbox' ? 200 : 404, { 'content-type': 'text/html' });
      response.end(url === '/' ? html : '');
    }
  };
  const server = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1');
  return new Promise<{ url: string; close: () => void }>((done) =>
    server.once('listening', () => done({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close: () => server.close() }))
  );
}

const faults: string[] = [];

/** Draws a dashboard and compares what each panel shows with what it should. The faults. */
async function draw(page: Page, url: string, board: string, picture: string, wanted: Verdict['state']): Promise<string[]> {
  const faults: string[] = [];
  await page.goto(url);
  await page.waitForSelector('body[data-ready]');
  const verdicts = await page.evaluate((name, now, seconds) => window.draw(name, now, seconds), board, Date.now(), MINUTES * 60);
  // The fonts and lines are there two frames after React is done.
  await page.waitForNetworkIdle({ idleTime: 200 });
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  const element = await page.$('#board');
  await element!.screenshot({ path: picture as `${string}.webp`, type: extname(picture).slice(1) as 'webp', ...(picture.endsWith('webp') && { quality: 70 }) });
  for (const { title, type, state, message, exempt } of verdicts) {
    const right = state === wanted || (wanted === 'data' && exempt && state === 'empty');
    if (!right) {
      faults.push(`${board}: ${title} (${type}) is "${state}", expected "${wanted}"${message ? `: ${message}` : ''}`);
    }
  }
  const count = (state: string) => verdicts.filter((verdict) => verdict.state === state).length;
  console.log(`${picture}: ${verdicts.length} panels, ${count('data')} with data, ${count('empty')} without, ${count('error')} in error`);
  return faults;
}

async function main() {
  const [binary, folder, type = 'webp'] = process.argv.slice(2);
  if (!binary || !folder) {
    throw new Error('usage: node build/draw.mjs COMPANION FOLDER [TYPE]');
  }
  const directory = mkdtempSync(join(tmpdir(), 'spanledger-drawing-'));
  const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage', '--force-color-profile=srgb'] });
  const page = await browser.newPage();
  await page.setViewport({ width: 1616, height: 1200, deviceScaleFactor: 0.75 });
  page.on('pageerror', (error) => faults.push(`the page: ${error}`));
  let companion: Companion | undefined;
  const { url, close } = await serve(() => companion?.admin);
  companion = await Companion.start(binary, directory, `${url}inbox`);
  try {
    faults.push(...(await draw(page, url, 'spanledger', join(folder, `empty.${type}`), 'empty')));
    // Half an hour a week ago and one yesterday, to compare with; then three hours.
    const now = Date.now();
    for (const [run, [back, minutes]] of [[7 * DAY, 30], [DAY, 30], [0, MINUTES]].entries()) {
      for (const request of requests(run, now - back, minutes)) {
        await companion.send(request);
      }
    }
    // The companion's own series have a rate from their second minute on.
    for (const query of ['count(spanledger_rule_state == 2)', 'sum(spanledger_notifications_total)', 'sum(rate(spanledger_receiver_spans_total[4m]))']) {
      await until(query, () => companion.shows(query));
    }
    for (const [board, name] of Object.entries(BOARDS)) {
      // Each of the companion's own series has its second sample at another time of the minute.
      let found: string[] = [];
      const drawn = async () => (found = await draw(page, url, board, join(folder, `${name}.${type}`), 'data')).length === 0;
      await until(name, drawn).catch((error) => faults.push(...(found.length ? found : [String(error)])));
    }
    await companion.stop();
    faults.push(...(await draw(page, url, 'spanledger', join(folder, `outage.${type}`), 'error')));
  } finally {
    await companion.stop();
    await browser.close();
    close();
    rmSync(directory, { recursive: true, force: true });
  }
  faults.forEach((fault) => console.error(fault));
  console.log('a state timeline is drawn as steps, by TimeSeries: its plugin is no package');
  process.exitCode = faults.length ? 1 : 0;
}

await main();
