// Draws the dashboards and fails where a panel is empty or in error; pictures (webp, or TYPE) go to FOLDER.
//
//   node build/draw.mjs COMPANION FOLDER [TYPE]               COMPANION is the binary `spanledger`, which is started as the only
//                                                             data source: without a call, with calls, and while it is away
//   node build/draw.mjs PROMETHEUS TEMPO FOLDER [TYPE]        the addresses of data sources that calls arrive in meanwhile

import { ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, IncomingMessage, ServerResponse } from 'node:http';
import { AddressInfo, createServer as createSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import puppeteer, { Page } from 'puppeteer-core';

import type { Look, Verdict } from './page';
import { requests } from './traffic';

const HERE = dirname(fileURLToPath(import.meta.url));
const BOARDS = { spanledger: 'overview', cost: 'cost', audit: 'audit' } as const;
const MINUTES = 180;
/** Over a companion alone, whose own series have a sample per minute. */
const ALONE: Look = { seconds: MINUTES * 60, scrape: 60, past: true };
/** Over a stack that has just been started. */
const STACK: Look = { seconds: 600, scrape: 15, past: false };
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

/** The addresses of the data sources. */
interface Sources {
  prometheus: string;
  tempo: string;
}

/** Serves the page, and hands what it asks to the data sources, as Grafana's server does. */
function serve(sources: () => Sources | undefined) {
  const boards = Object.fromEntries(Object.keys(BOARDS).map((name) => [name, JSON.parse(readFileSync(join(HERE, `../../../dashboards/${name}.json`), 'utf8'))]));
  const html = `<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="/page.css"><body><div id="board"></div><script>window.boards = ${JSON.stringify(boards).replaceAll('<', '\\u003c')}</script><script src="/page.js"></script>`;
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const url = request.url ?? '/';
    if (url.startsWith('/api/')) {
      const source = url.startsWith('/api/v1/') ? sources()?.prometheus : sources()?.tempo;
      const found = await fetch(`${source}${url}`).catch(() => undefined);
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

/** What a dashboard is drawn over. */
type Over = 'nothing' | 'a companion' | 'a stack' | 'an outage';

/** Whether a panel shows what it should. */
function isRight({ type, state, exempt, own }: Verdict, over: Over): boolean {
  switch (over) {
    case 'nothing':
      // A single number would look like a result, and a green one like a good result.
      return state === 'empty' || (state === 'data' && own && type !== 'stat');
    case 'a companion':
      return state === 'data' || (exempt && state === 'empty');
    case 'a stack':
      return state === 'data';
    case 'an outage':
      return state === 'error';
  }
}

const faults: string[] = [];

/** Draws a dashboard and judges each of its panels. The faults. */
async function draw(page: Page, url: string, board: string, picture: string, over: Over): Promise<string[]> {
  const faults: string[] = [];
  await page.goto(url);
  await page.waitForSelector('body[data-ready]');
  const verdicts = await page.evaluate((name, now, look) => window.draw(name, now, look), board, Date.now(), over === 'a stack' ? STACK : ALONE);
  // The fonts and lines are there two frames after React is done.
  await page.waitForNetworkIdle({ idleTime: 200 });
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  const element = await page.$('#board');
  await element!.screenshot({ path: picture as `${string}.webp`, type: extname(picture).slice(1) as 'webp', ...(picture.endsWith('webp') && { quality: 70 }) });
  const wrong = verdicts.filter((verdict) => !isRight(verdict, over));
  for (const verdict of wrong) {
    const { title, type, state, message } = verdict;
    faults.push(`${board}: ${title} (${type}) is "${state}" over ${over}${message ? `: ${message}` : ''}`);
  }
  const count = (state: string) => verdicts.filter((verdict) => verdict.state === state).length;
  console.log(`${picture}: ${verdicts.length} panels, ${count('data')} with data, ${count('empty')} without, ${count('error')} in error`);
  if (wrong.length) {
    console.log(`  not as they should be: ${wrong.map(({ title }) => title).join(', ')}`);
  }
  return faults;
}

/** Draws each dashboard until every panel has data: series have their second sample at different times. */
async function drawAll(page: Page, url: string, folder: string, type: string, over: Over) {
  for (const [board, name] of Object.entries(BOARDS)) {
    let found: string[] = [];
    const drawn = async () => (found = await draw(page, url, board, join(folder, `${name}.${type}`), over)).length === 0;
    await until(name, drawn).catch((error) => faults.push(...(found.length ? found : [String(error)])));
  }
}

/** Over a companion of its own: without a call, with calls, and while it is away. */
async function alone(page: Page, binary: string, folder: string, type: string) {
  const directory = mkdtempSync(join(tmpdir(), 'spanledger-drawing-'));
  let companion: Companion | undefined;
  const address = () => `http://127.0.0.1:${companion?.admin}`;
  const { url, close } = await serve(() => companion && { prometheus: address(), tempo: address() });
  const drawEach = async (over: Over, name: string) => {
    for (const board of Object.keys(BOARDS)) {
      const picture = board === 'spanledger' ? name : `${board}-${name}`;
      faults.push(...(await draw(page, url, board, join(folder, `${picture}.${type}`), over)));
    }
  };
  try {
    companion = await Companion.start(binary, directory, `${url}inbox`);
    await drawEach('nothing', 'empty');
    // Half an hour a week ago and one yesterday, to compare with; then three hours.
    const now = Date.now();
    for (const [run, [back, minutes]] of [[7 * DAY, 30], [DAY, 30], [0, MINUTES]].entries()) {
      for (const request of requests(run, now - back, minutes)) {
        await companion.send(request);
      }
    }
    // The companion's own series have a rate from their second minute on.
    for (const query of ['count(spanledger_rule_state == 2)', 'sum(spanledger_notifications_total)', 'sum(rate(spanledger_receiver_spans_total[4m]))']) {
      await until(query, () => companion!.shows(query));
    }
    await drawAll(page, url, folder, type, 'a companion');
    await companion.stop();
    await drawEach('an outage', 'outage');
  } finally {
    await companion?.stop();
    close();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function main() {
  const [first, ...others] = process.argv.slice(2);
  const isStack = first?.startsWith('http://');
  const [tempo, folder, type = 'webp'] = isStack ? others : [undefined, ...others];
  if (!first || !folder) {
    throw new Error('usage: node build/draw.mjs COMPANION FOLDER [TYPE], or node build/draw.mjs PROMETHEUS TEMPO FOLDER [TYPE]');
  }
  const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage', '--force-color-profile=srgb'] });
  try {
    const page = await browser.newPage();
    await page.setViewport({ width: 1616, height: 1200, deviceScaleFactor: 0.75 });
    page.on('pageerror', (error) => faults.push(`the page: ${error}`));
    if (tempo) {
      const { url, close } = await serve(() => ({ prometheus: first, tempo }));
      await drawAll(page, url, folder, type, 'a stack').finally(close);
    } else {
      await alone(page, first, folder, type);
    }
  } finally {
    await browser.close();
  }
  faults.forEach((fault) => console.error(fault));
  console.log('a state timeline is drawn as steps, by TimeSeries: its plugin is no package');
  process.exitCode = faults.length ? 1 : 0;
}

await main();
