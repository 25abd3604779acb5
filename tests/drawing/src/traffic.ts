// The calls of three hours, as OTLP in JSON: what a panel shows depends on who calls whom, where, and how it ends.

interface Service {
  name: string;
  environment: string;
  version: string;
  models: [string, string][];
  perMinute: number;
  stream: number;
}

const SERVICES: Service[] = [
  { name: 'checkout', environment: 'prod', version: '1.4.0', models: [['openai', 'gpt-4o'], ['openai', 'gpt-4o-mini']], perMinute: 6, stream: 0.5 },
  { name: 'support-bot', environment: 'prod', version: '0.9.2', models: [['anthropic', 'claude-sonnet-4-5'], ['openai', 'gpt-4.1']], perMinute: 4, stream: 1 },
  { name: 'batch', environment: 'dev', version: '2.0.0-rc1', models: [['openai', 'gpt-4o-mini'], ['openai', 'house-model-1']], perMinute: 2, stream: 0 },
];

type Attribute = { key: string; value: { stringValue?: string; intValue?: string; doubleValue?: number; boolValue?: boolean } };

const text = (key: string, value: string): Attribute => ({ key, value: { stringValue: value } });
const whole = (key: string, value: number): Attribute => ({ key, value: { intValue: String(Math.round(value)) } });

/** Numbers that look random and are the same in every run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** How a call of a service ends at a minute of the range: there is an outage of twenty minutes, and one that goes on. */
function failure(service: Service, minute: number, random: () => number): string | undefined {
  const outage = service.name === 'checkout' && ((minute > 100 && minute < 120) || minute > 170);
  const chance = random();
  if (chance < (outage ? 0.6 : 0.01)) {
    return '500';
  }
  return chance > 0.985 ? '429' : chance > 0.98 ? 'timeout' : chance > 0.975 ? 'truncated' : undefined;
}

function span(service: Service, run: number, at: number, minute: number, number: number, random: () => number): object {
  const hex = (digits: number) => Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join('');
  const [provider, model] = service.models[Math.floor(random() * service.models.length)];
  const failed = failure(service, minute, random);
  const streams = random() < service.stream;
  const seconds = failed === 'timeout' ? 30 : 0.4 + random() * 3;
  const [input, output] = [200 + random() * 3000, 40 + random() * 600];
  const unpriced = model === 'house-model-1';
  const nanos = (ms: number) => String(BigInt(Math.round(ms)) * 1_000_000n);
  const attributes: Attribute[] = [
    text('gen_ai.operation.name', 'chat'),
    text('gen_ai.provider.name', provider),
    text('gen_ai.request.model', model),
    text('spanledger.outcome', failed === 'timeout' ? 'timed_out' : failed === 'truncated' ? failed : failed ? 'failed' : 'completed'),
    text('spanledger.instance', `${service.name}-${run}`),
    whole('spanledger.sequence', number),
    text('user.id', `user-${Math.floor(random() * 20)}`),
  ];
  if (streams) {
    attributes.push({ key: 'gen_ai.request.stream', value: { boolValue: true } });
  }
  if (failed === 'truncated') {
    attributes.push(text('error.type', 'body'));
  }
  if (failed && failed !== 'truncated') {
    attributes.push(text('error.type', failed), text('spanledger.usage.source', 'none'), text('spanledger.cost.status', 'no_usage'));
    if (failed !== 'timeout') {
      attributes.push(whole('http.response.status_code', Number(failed)));
    }
  } else {
    const reported = random() > 0.02;
    attributes.push(
      whole('http.response.status_code', 200),
      text('gen_ai.response.model', model),
      text('spanledger.usage.source', reported ? 'provider' : 'none'),
      text('spanledger.cost.status', !reported ? 'no_usage' : unpriced ? 'unpriced' : random() < 0.1 ? 'estimated' : 'exact'),
    );
    if (reported) {
      attributes.push(whole('gen_ai.usage.input_tokens', input), whole('gen_ai.usage.output_tokens', output));
      attributes.push(whole('gen_ai.usage.cache_read.input_tokens', input * 0.3));
      if (!unpriced) {
        attributes.push({ key: 'gen_ai.usage.cost', value: { doubleValue: Math.round(input * 2500 + output * 10000) / 1e9 } });
      }
    }
    if (streams) {
      attributes.push({ key: 'gen_ai.response.time_to_first_chunk', value: { doubleValue: 0.2 + random() * 0.5 } });
    }
  }
  return {
    traceId: hex(32), spanId: hex(16), name: `chat ${model}`, kind: 3,
    startTimeUnixNano: nanos(at - seconds * 1000), endTimeUnixNano: nanos(at),
    status: failed ? { code: 2, message: `HTTP ${failed}` } : {},
    attributes,
  };
}

/** Export requests of `minutes` before `now`, the oldest first; each run is of other processes. */
export function requests(run: number, now: number, minutes: number): object[] {
  const random = numbers(7 + run);
  const sent = new Map<string, number>();
  const result: object[] = [];
  for (let from = 0; from < minutes; from += 10) {
    const resourceSpans = SERVICES.map((service) => {
      const spans: object[] = [];
      for (let minute = from; minute < from + 10; minute += 1) {
        const wave = 1 + 0.5 * Math.sin((minute / minutes) * 6);
        for (let call = 0; call < Math.round(service.perMinute * wave); call += 1) {
          const number = (sent.get(service.name) ?? 0) + 1;
          sent.set(service.name, number);
          // Three calls never arrive.
          if (service.name === 'batch' && number > 100 && number < 104) {
            continue;
          }
          const at = now - (minutes - minute) * 60_000 + random() * 59_000;
          spans.push(span(service, run, at, minute, number, random));
        }
      }
      return {
        resource: {
          attributes: [
            text('service.name', service.name),
            text('service.version', service.version),
            text('deployment.environment.name', service.environment),
          ],
        },
        scopeSpans: [{ scope: { name: 'spanledger' }, spans }],
      };
    });
    result.push({ resourceSpans });
  }
  return result;
}
