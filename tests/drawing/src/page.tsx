// A dashboard in the browser: its queries are run, its panels drawn, and what came of each is left for `draw.ts`.

import '@fontsource/inter/latin-400.css';
import '@fontsource/inter/latin-500.css';

import { dateTime, ThemeContext } from '@grafana/data';
import { GlobalStyles } from '@grafana/ui';
import { createRoot } from 'react-dom/client';

import { Asked, run } from './frames';
import { DRAWN, hasData, heightOf, Panel, prepared, register, Shown, theme } from './panels';

export interface Verdict {
  title: string;
  type: string;
  state: 'data' | 'empty' | 'error';
  message?: string;
  exempt: boolean;
  /** Whether it asks for series of the companion about itself, which exist before the first call. */
  own: boolean;
}

/** The range that is drawn, in seconds. */
export interface Look {
  seconds: number;
  /** How often the data source has a sample, as `timeInterval` of its provisioning has it. */
  scrape: number;
  /** Whether there is an earlier day or week to compare with; otherwise a panel compares with now. */
  past: boolean;
}

declare global {
  interface Window {
    boards: Record<string, any>;
    draw(name: string, now: number, look: Look): Promise<Verdict[]>;
  }
}

const WIDTH = 1600;
const OWN = /\bspanledger_(rule|receiver|ledger|notifications)_/;

/** The variables of a dashboard with "All" chosen, and Grafana's own. */
function filled({ seconds, scrape, past }: Look, step: number) {
  const rate = Math.max(step + scrape, 4 * scrape);
  return (text: string) =>
    text
      .replace(/ offset 1[dw]\b/g, (offset) => (past ? offset : ''))
      .replace(/\$__rate_interval/g, `${rate}s`)
      .replace(/\$__range_s/g, String(seconds))
      .replace(/\$__range/g, `${seconds}s`)
      .replace(/\$\{(service|provider|model|environment|version):pipe\}/g, '.*')
      .replace(/\$(service|provider|model|environment|version)\b/g, '.*');
}

/** As many at once as the companion runs. */
async function inTurn<T>(work: (() => Promise<T>)[]): Promise<T[]> {
  const results: T[] = new Array(work.length);
  let next = 0;
  const worker = async () => {
    while (next < work.length) {
      const mine = next++;
      results[mine] = await work[mine]();
    }
  };
  await Promise.all([worker(), worker()]);
  return results;
}

async function shownOf(panel: any, asked: Asked): Promise<Shown> {
  try {
    const frames = [];
    for (const target of panel.targets ?? []) {
      frames.push(...(await run(target, asked, panel.targets.length === 1)));
    }
    return { frames: await prepared(panel, frames, asked.fill) };
  } catch (error) {
    return { frames: [], error: error instanceof Error ? error.message : String(error) };
  }
}

window.draw = async (name, now, look) => {
  const { seconds, scrape } = look;
  const board = window.boards[name];
  const panels = board.panels.flatMap((panel: any) => [panel, ...(panel.panels ?? [])]);
  const step = Math.max(scrape, Math.ceil(seconds / 180 / scrape) * scrape);
  const to = Math.floor(now / 1000 / step) * step;
  const fill = filled(look, step);
  const asked: Asked = { from: to - seconds, to, step, fill };
  const instant = { ...asked, to: now / 1000 };
  const live = (panel: any) => ((panel.targets ?? []).some((target: any) => target.instant || target.query) ? instant : asked);
  const shown = await inTurn<Shown>(panels.map((panel: any) => () => shownOf(panel, live(panel))));
  const range = { from: dateTime(asked.from * 1000), to: dateTime(asked.to * 1000), raw: { from: `now-${seconds}s`, to: 'now' } };
  // The components measure their texts.
  await Promise.all([document.fonts.load('400 14px Inter'), document.fonts.load('500 14px Inter')]);
  const host = document.getElementById('board')!;
  host.style.cssText = `position: relative; width: ${WIDTH}px; height: ${heightOf(panels)}px`;
  const root = createRoot(host);
  root.render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      {panels.map((panel: any, index: number) => (
        <Panel key={panel.id} panel={panel} shown={shown[index]} width={WIDTH} range={range} fill={fill} />
      ))}
    </ThemeContext.Provider>
  );
  return panels.flatMap((panel: any, index: number): Verdict[] => {
    if (panel.type === 'row' || panel.type === 'text') {
      return [];
    }
    const { frames, error } = shown[index];
    const unknown = DRAWN.includes(panel.type) ? undefined : `no component draws a ${panel.type}`;
    const message = error ?? unknown;
    const state = message ? 'error' : hasData(frames) ? 'data' : 'empty';
    return [{ title: panel.title, type: panel.type, state, message, exempt: (panel.description ?? '').includes('On the ledger alone: no data'), own: (panel.targets ?? []).some((target: any) => OWN.test(target.expr ?? '')) }];
  });
};

register();
document.body.dataset.ready = 'yes';
