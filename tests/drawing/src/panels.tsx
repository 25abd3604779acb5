// One panel with Grafana's own components. The plugins themselves are no packages: a state timeline is drawn as steps.

import {
  applyFieldOverrides, ConfigOverrideRule, createTheme, DataFrame, FieldConfigSource, FieldDisplay, FieldType,
  getFieldDisplayValues, identityOverrideProcessor, renderMarkdown, standardFieldConfigEditorRegistry,
  standardTransformers, standardTransformersRegistry, thresholdsOverrideProcessor, transformDataFrame,
} from '@grafana/data';
import {
  BarGaugeDisplayMode, BigValueColorMode, BigValueGraphMode, BigValueTextMode, LegendDisplayMode, TooltipDisplayMode,
  VizOrientation,
} from '@grafana/schema';
import { BarGauge, BigValue, PanelChrome, Table, TimeSeries, TooltipPlugin2, VizRepeater } from '@grafana/ui';
import { firstValueFrom } from 'rxjs';

export const theme = createTheme({ colors: { mode: 'light' } });
export const DRAWN = ['timeseries', 'stat', 'bargauge', 'table', 'text', 'state-timeline', 'row'];

const LINES = {
  drawStyle: 'line', lineInterpolation: 'linear', lineWidth: 1, pointSize: 4, showPoints: 'never', barAlignment: 0,
  gradientMode: 'none', fillOpacity: 0, axisPlacement: 'auto', axisLabel: '', axisColorMode: 'text', axisBorderShow: false,
  scaleDistribution: { type: 'linear' }, hideFrom: { tooltip: false, viz: false, legend: false },
  thresholdsStyle: { mode: 'off' }, stacking: { mode: 'none', group: 'A' }, spanNulls: false, insertNulls: false,
};

/** Registers what Grafana's server registers at its start, as far as the dashboards use it. */
export function register() {
  const item = (path: string, isCustom = false): any => ({
    id: isCustom ? `custom.${path}` : path, path, name: path, isCustom, shouldApply: () => true, editor: () => null,
    override: () => null, process: path === 'thresholds' ? thresholdsOverrideProcessor : identityOverrideProcessor,
  });
  const standard = ['unit', 'min', 'max', 'decimals', 'displayName', 'noValue', 'color', 'thresholds', 'mappings', 'links'];
  const custom = [...Object.keys(LINES), 'cellOptions', 'align', 'width'];
  standardFieldConfigEditorRegistry.setInit(() => [...standard.map((path) => item(path)), ...custom.map((path) => item(path, true))]);
  const { mergeTransformer, organizeFieldsTransformer } = standardTransformers;
  standardTransformersRegistry.setInit(() => [mergeTransformer, organizeFieldsTransformer].map((transformation: any) => ({
    id: transformation.id, name: transformation.name, transformation, editor: () => null,
  })) as any);
}

/** The frames as a panel shows them: transformed, and with its units, colours and thresholds. */
export async function prepared(panel: any, frames: DataFrame[], fill: (text: string) => string): Promise<DataFrame[]> {
  const transformed = panel.transformations ? await firstValueFrom(transformDataFrame(panel.transformations, frames)) : frames;
  const lines = panel.type === 'timeseries' || panel.type === 'state-timeline';
  const defaults = structuredClone(panel.fieldConfig?.defaults ?? {});
  defaults.color ??= { mode: lines ? 'palette-classic' : 'thresholds' };
  if (lines) {
    const steps = panel.type === 'state-timeline' ? { lineInterpolation: 'stepAfter' } : {};
    defaults.custom = { ...LINES, ...defaults.custom, ...steps };
    if (panel.type === 'state-timeline') {
      defaults.custom.lineWidth = 2;
      defaults.custom.fillOpacity = 0;
    }
  }
  const fieldConfig: FieldConfigSource = { defaults, overrides: (panel.fieldConfig?.overrides ?? []) as ConfigOverrideRule[] };
  return applyFieldOverrides({
    data: transformed, fieldConfig, theme, replaceVariables: fill, fieldConfigRegistry: standardFieldConfigEditorRegistry as any, timeZone: 'utc',
  });
}

/** Whether there is a number or a text to show. */
export function hasData(frames: DataFrame[]): boolean {
  const shows = (value: unknown) => value !== null && value !== undefined && !Number.isNaN(value);
  return frames.some((frame) => frame.fields.some((field) => field.type !== FieldType.time && [...field.values].some(shows)));
}

function values(panel: any, frames: DataFrame[], fill: (text: string) => string): FieldDisplay[] {
  const fieldConfig = panel.fieldConfig;
  return getFieldDisplayValues({ fieldConfig, reduceOptions: panel.options.reduceOptions, replaceVariables: fill, theme, data: frames, timeZone: 'utc' });
}

function Note({ text, bad }: { text: string; bad?: boolean }) {
  const color = bad ? theme.colors.error.text : theme.colors.text.secondary;
  return <div style={{ color, padding: 8, textAlign: 'center', overflow: 'hidden', height: '100%', fontSize: 13 }}>{text}</div>;
}

export interface Shown {
  frames: DataFrame[];
  error?: string;
}

function Body({ panel, shown, width, height, range, fill }: { panel: any; shown: Shown; width: number; height: number; range: any; fill: (text: string) => string }) {
  const { frames, error } = shown;
  if (error) {
    return <Note text={error} bad />;
  }
  const { type, options } = panel;
  if (type === 'text') {
    return <div className="markdown-html" dangerouslySetInnerHTML={{ __html: renderMarkdown(options.content) }} />;
  }
  if (type === 'stat') {
    const draw = ({ value, width, height }: any) => (
      <BigValue
        value={value.display} width={width} height={height} theme={theme} colorMode={options.colorMode as BigValueColorMode}
        graphMode={BigValueGraphMode.None} textMode={options.textMode as BigValueTextMode}
      />
    );
    return <VizRepeater source={frames} getValues={() => values(panel, frames, fill)} renderValue={draw} width={width} height={height} renderCounter={0} orientation={VizOrientation.Auto} />;
  }
  if (!hasData(frames)) {
    return <Note text={panel.fieldConfig?.defaults?.noValue ?? 'No data'} />;
  }
  if (type === 'bargauge') {
    const draw = ({ value, width, height }: any) => (
      <BarGauge
        value={value.display} field={value.field} display={value.view?.getFieldDisplayProcessor(value.colIndex)} width={width} height={height}
        orientation={VizOrientation.Horizontal} theme={theme} displayMode={options.displayMode as BarGaugeDisplayMode} showUnfilled={options.showUnfilled} text={options.text}
      />
    );
    return <VizRepeater source={frames} getValues={() => values(panel, frames, fill)} renderValue={draw} width={width} height={height} renderCounter={0} orientation={VizOrientation.Horizontal} itemSpacing={8} minVizHeight={options.minVizHeight} maxVizHeight={options.maxVizHeight} />;
  }
  if (type === 'table') {
    const sort = options.sortBy?.map((one: any) => ({ displayName: one.displayName, desc: one.desc }));
    return <Table data={frames[0]} width={width} height={height} initialSortBy={sort} ariaLabel={panel.title} />;
  }
  const legend = { displayMode: LegendDisplayMode.List, placement: 'bottom' as const, showLegend: true, calcs: [], ...options.legend };
  return (
    <TimeSeries frames={frames} structureRev={1} timeRange={range} timeZone="utc" width={width} height={height} legend={legend} options={options}>
      {(config: any) => <TooltipPlugin2 config={config} hoverMode={0 as any} render={() => null} />}
    </TimeSeries>
  );
}

const CELL = 30;
const GAP = 8;

/** A panel in its place on the grid. */
export function Panel({ panel, shown, width, range, fill }: { panel: any; shown: Shown; width: number; range: any; fill: (text: string) => string }) {
  const { x, y, w, h } = panel.gridPos;
  const column = width / 24;
  const place = { position: 'absolute' as const, left: x * column, top: y * (CELL + GAP), width: w * column - GAP, height: h * (CELL + GAP) - GAP };
  if (panel.type === 'row') {
    return <h3 style={{ ...place, fontSize: 18, paddingTop: 4 }}>{panel.title}</h3>;
  }
  return (
    <div style={place}>
      <PanelChrome title={panel.title} width={place.width} height={place.height} statusMessage={shown.error}>
        {(width, height) => <Body panel={panel} shown={shown} width={width} height={height} range={range} fill={fill} />}
      </PanelChrome>
    </div>
  );
}

/** The height of a dashboard. */
export function heightOf(panels: any[]): number {
  return Math.max(...panels.map((panel) => (panel.gridPos.y + panel.gridPos.h) * (CELL + GAP))) + GAP;
}
