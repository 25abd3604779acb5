// What Grafana's data sources make of responses: Prometheus' and Tempo's, as frames.

import { DataFrame, Field, FieldType, toDataFrame } from '@grafana/data';

export interface Target {
  refId: string;
  expr?: string;
  query?: string;
  legendFormat?: string;
  instant?: boolean;
  format?: string;
}

export interface Asked {
  from: number;
  to: number;
  step: number;
  fill: (text: string) => string;
}

type Series = { metric: Record<string, string>; value?: [number, string]; values?: [number, string][] };

async function json(url: string, parameters: Record<string, string>) {
  const response = await fetch(`${url}?${new URLSearchParams(parameters)}`);
  const body = await response.text();
  if (!response.ok) {
    throw new Error(`${response.status}: ${body.slice(0, 300)}`);
  }
  return JSON.parse(body);
}

/** `{{label}}` of a legend, as the Prometheus data source fills it. */
function legend(format: string | undefined, labels: Record<string, string>): string {
  if (!format || format === '__auto') {
    const { __name__: name = '', ...rest } = labels;
    const pairs = Object.entries(rest).map(([key, value]) => `${key}="${value}"`);
    return pairs.length === 1 ? Object.values(rest)[0] : pairs.length ? `${name}{${pairs.join(', ')}}` : name || 'Value';
  }
  return format.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => labels[label] ?? '');
}

const time = (values: number[]): Partial<Field> => ({ name: 'Time', type: FieldType.time, config: {}, values });

function ofSeries(target: Target, found: Series[], asked: Asked, alone: boolean): DataFrame[] {
  if (target.format === 'table') {
    const names = [...new Set(found.flatMap((series) => Object.keys(series.metric)))].sort();
    const fields = [
      time(found.map((series) => series.value![0] * 1000)),
      ...names.map((name) => ({ name, type: FieldType.string, config: {}, values: found.map((series) => series.metric[name] ?? '') })),
      { name: alone ? 'Value' : `Value #${target.refId}`, type: FieldType.number, config: {}, values: found.map((series) => Number(series.value![1])) },
    ];
    return found.length ? [toDataFrame({ refId: target.refId, fields })] : [];
  }
  return found.map((series) => {
    const points = new Map((series.values ?? [series.value!]).map(([at, value]) => [Math.round(at), Number(value)]));
    // A time without a value is a hole in the line and no straight way across.
    const times = series.values ? Array.from({ length: Math.floor((asked.to - asked.from) / asked.step) + 1 }, (_, n) => asked.from + n * asked.step) : [...points.keys()];
    const config = { displayNameFromDS: legend(target.legendFormat, series.metric) };
    return toDataFrame({
      refId: target.refId,
      fields: [
        time(times.map((at) => at * 1000)),
        { name: 'Value', type: FieldType.number, labels: series.metric, config, values: times.map((at) => points.get(at) ?? null) },
      ],
    });
  });
}

/** The spans of a search, one row each, with the columns that the query selects. */
function ofSpans(target: Target, traces: any[]): DataFrame[] {
  const rows = traces.flatMap((trace) => (trace.spanSets ?? []).flatMap((set: any) => set.spans.map((span: any) => ({ trace, span }))));
  const attribute = (span: any, name: string) => {
    const value = span.attributes?.find((one: any) => one.key === name)?.value;
    return value && (value.stringValue ?? (value.intValue !== undefined ? Number(value.intValue) : value.doubleValue));
  };
  const names = [...new Set<string>(rows.flatMap(({ span }) => (span.attributes ?? []).map((one: any) => one.key)))].sort();
  const fields = [
    { name: 'Trace Id', type: FieldType.string, config: {}, values: rows.map(({ trace }) => trace.traceID) },
    { name: 'Start time', type: FieldType.time, config: {}, values: rows.map(({ span }) => Number(span.startTimeUnixNano) / 1e6) },
    { name: 'Service', type: FieldType.string, config: {}, values: rows.map(({ trace }) => trace.rootServiceName) },
    { name: 'Name', type: FieldType.string, config: {}, values: rows.map(({ span, trace }) => span.name ?? trace.rootTraceName) },
    { name: 'Duration', type: FieldType.number, config: { unit: 'ns' }, values: rows.map(({ span }) => Number(span.durationNanos)) },
    ...names.map((name) => {
      const values = rows.map(({ span }) => attribute(span, name));
      const type = values.some((value) => typeof value === 'number') ? FieldType.number : FieldType.string;
      return { name, type, config: {}, values };
    }),
  ];
  return rows.length ? [toDataFrame({ refId: target.refId, fields })] : [];
}

/** Runs one target, which may be the only one of its panel. */
export async function run(target: Target, asked: Asked, alone: boolean): Promise<DataFrame[]> {
  const [from, to] = [String(asked.from), String(asked.to)];
  if (target.expr === undefined) {
    const found = await json('/api/search', { q: asked.fill(target.query ?? ''), start: String(Math.floor(asked.from)), end: String(Math.ceil(asked.to)), limit: '20', spss: '3' });
    return ofSpans(target, found.traces ?? []);
  }
  const query = asked.fill(target.expr);
  const found = target.instant
    ? await json('/api/v1/query', { query, time: to })
    : await json('/api/v1/query_range', { query, start: from, end: to, step: String(asked.step) });
  return ofSeries(target, found.data.result, asked, alone);
}
