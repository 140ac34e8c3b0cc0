import { expect, test } from 'vitest';
import { collectReadings, openTelemetry, silentLogger, telemetryOf } from '../../src/telemetry/index.ts';

const open = () => openTelemetry({ logLevel: 'silent', processMetrics: false });

test('what is counted is exposed by its name', async () => {
  const { metrics, registry } = open();
  metrics.apiRequests.add({ method: 'GET', route: '/v1/tenants', status: '200' });
  metrics.apiRequests.add({ method: 'GET', route: '/v1/tenants', status: '200' }, 2);
  metrics.apiSeconds.observe({ method: 'GET', route: '/v1/tenants' }, 0.002);
  metrics.watchers.set({}, 3);
  const text = await registry.expose();
  expect(text).toContain('weir_api_requests_total{method="GET",route="/v1/tenants",status="200"} 3');
  expect(text).toContain('weir_api_request_seconds_bucket{le="0.002",method="GET",route="/v1/tenants"} 1');
  expect(text).toContain('weir_api_watchers 3');
});

test('an event is counted by its kind', async () => {
  const telemetry = open();
  telemetry.event({ kind: 'drift-repaired', host: 'host-1', what: 'flow', count: 2 });
  telemetry.event({ kind: 'drift-repaired', host: 'host-2', what: 'flow', count: 1 });
  expect(await telemetry.registry.expose()).toContain('weir_events_total{kind="drift-repaired"} 2');
});

test('connections for which there is no place are counted one by one, and told of seldom', async () => {
  const { registry } = open();
  const lines: object[] = [];
  let nowMs = 0;
  const telemetry = telemetryOf({ ...silentLogger, warn: (fields: object) => void lines.push(fields) }, registry, { nowMs: () => nowMs });
  const cut = (code: string) =>
    telemetry.event({ kind: 'peer-cut', address: '192.0.2.9', code, reason: 'more than 64 connections from one address' });
  for (let connection = 0; connection < 100; connection++) cut('too-many');
  nowMs = 60_000;
  cut('too-many');
  cut('tls');
  cut('tls');
  expect(lines).toMatchObject([{ code: 'too-many' }, { code: 'too-many', times: 100 }, { code: 'tls' }, { code: 'tls' }]);
  expect(await registry.expose()).toContain('weir_peer_cuts_total{code="too-many"} 101');
});

test('switches are read at each scrape; one that left leaves no line', async () => {
  const { registry } = open();
  const host = { name: 'host-1', connected: true, ovsdb: false, realizedRevision: 9, flows: 120, driftRepaired: 4, errors: ['x'] };
  let hosts = [host];
  let isBusy = false;
  let questions = 0;
  collectReadings(registry.registry, {
    revision: () => 11,
    loop: () => ({ p50: 0, p99: 0.002, max: 0.01 }),
    southbound: async () => {
      if (isBusy) throw new Error('no answer about switches');
      questions++;
      return { hosts, counted: { packets: 7, bytes: 700, connections: 2 }, loop: { p50: 0.001, p99: 0.2, max: 1.5 } };
    },
  });
  const first = await registry.expose();
  for (const line of [
    'weir_store_revision 11',
    'weir_rules_packets_total 7',
    'weir_rules_bytes_total 700',
    'weir_rules_connections_total 2',
    'weir_switch_openflow_up{host="host-1"} 1',
    'weir_switch_ovsdb_up{host="host-1"} 0',
    'weir_switch_realized_revision{host="host-1"} 9',
    'weir_switch_flows{host="host-1"} 120',
    'weir_switch_errors{host="host-1"} 1',
    'weir_switch_drift_repaired_total{host="host-1"} 4',
    'weir_event_loop_delay_seconds{thread="main",quantile="0.99"} 0.002',
    'weir_event_loop_delay_seconds{thread="southbound",quantile="1"} 1.5',
  ]) {
    expect(first).toContain(line);
  }
  hosts = [{ ...host, driftRepaired: 5 }];
  expect(await registry.expose()).toContain('weir_switch_drift_repaired_total{host="host-1"} 5');
  expect(questions).toBe(2);
  isBusy = true;
  const alone = await registry.expose();
  expect(alone).not.toContain('host-1');
  expect(alone).not.toContain('thread="southbound"');
  expect(alone).toContain('weir_event_loop_delay_seconds{thread="main",quantile="1"} 0.01');
  isBusy = false;
  hosts = [];
  expect(await registry.expose()).not.toContain('host-1');
});
