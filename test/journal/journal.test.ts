import { afterEach, beforeEach, expect, test } from 'vitest';
import { portIdOf } from '../../policies/model/index.ts';
import { formatAddress, parseMac } from '../../src/base/addresses.ts';
import type { LoggedPacket } from '../../src/controller/ports.ts';
import { Journal, Recorder } from '../../src/journal/index.ts';
import { recorderLimits } from '../../src/journal/recorder.ts';
import type { LogRecord } from '../../src/journal/ports.ts';
import { document, openHarness } from '../admission/harness.ts';
import type { Harness } from '../admission/harness.ts';
import { frameOf } from '../flows/responders/frames.ts';

/** Names, limits and fairness, with packets that nobody sent and a clock that is moved by hand. */

let harness: Harness;
let recorder: Recorder;
let journal: Journal;
let nowMs: number;
let wallMs: number;
let due: (() => void)[];
let written: LogRecord[];
let dropped: string[];

beforeEach(async () => {
  harness = await openHarness();
  [nowMs, wallMs, due, written, dropped] = [0, 1_700_000_000_000, [], [], []];
  await harness.apply(
    ...['acme', 'globex'].flatMap((tenant) => [
      document('Tenant', undefined, tenant),
      document('Vm', tenant, 'vm', { interfaces: [{ name: 'eth0', network: tenant === 'acme' ? 'net' : 'acme/net' }] }),
      document('Policy', tenant, 'p', { ingress: [{ action: 'deny', log: true }] }),
    ]),
    document('Network', 'acme', 'net', { subnets: [{ cidr: '10.0.0.0/24' }], sharedWith: ['globex'] }),
  );
  const clock = { nowMs: () => nowMs, wallMs: () => wallMs };
  journal = new Journal({ clock, written: (record) => written.push(record) });
  recorder = new Recorder({
    snapshot: () => harness.admission.snapshot(),
    clock,
    schedule: (_, callback) => {
      due.push(callback);
      return () => void due.splice(0);
    },
    written: (records) => records.forEach((record) => journal.write(record)),
    dropped: (tenant) => dropped.push(tenant),
  });
  harness.admission.onCommitted((commit) => recorder.committed(commit));
});
afterEach(() => {
  recorder.close();
  journal.close();
});

/** Everything that waits is written. */
function run(): void {
  for (let callback = due.shift(); callback; callback = due.shift()) callback();
}

const frame = frameOf({
  family: 4,
  source: [10, 0, 0, 3],
  destination: [10, 0, 0, 2],
  options: 0,
  transport: { kind: 'udp', ports: [1000, 53] },
  payload: [],
});

function vmOf(tenant: string) {
  const vm = harness.admission.snapshot().get('Vm', tenant, 'vm')?.document;
  if (!vm) throw new Error(`${tenant} has no VM`);
  return vm;
}

function packetTo(tenant: string, changes: Partial<LoggedPacket> = {}): LoggedPacket {
  const rule = harness.admission.snapshot().policyNumbers(tenant, 'p')?.ingress[0]?.id ?? 0;
  const other = vmOf(tenant === 'acme' ? 'globex' : 'acme');
  const vni = harness.admission.snapshot().get('Network', 'acme', 'net')?.document.spec.vni ?? 0;
  const mac = parseMac(other.spec.interfaces[0]?.mac ?? '');
  const ownerOf: LoggedPacket['ownerOf'] = (address) => (formatAddress(address) === '10.0.0.3' ? { vni, mac } : undefined);
  return { host: 'h1', portId: portIdOf(vmOf(tenant), 'eth0'), rule, entering: true, frame, ownerOf, ...changes };
}

test('a tenant learns the address of another’s interface, the platform its name', () => {
  expect(recorder.offer(packetTo('acme'), false)).toBe('queued');
  run();
  const [own] = journal.read('acme', undefined, 10);
  expect(own?.packet).toMatchObject({ from: { address: '10.0.0.3' }, to: { tenant: 'acme', vm: 'vm', interface: 'eth0' } });
  expect(JSON.stringify(own)).not.toContain('globex');
  expect(journal.read(undefined, undefined, 10)[0]?.packet.from).toEqual({
    address: '10.0.0.3',
    tenant: 'globex',
    vm: 'vm',
    interface: 'eth0',
  });
  expect(journal.read('globex', undefined, 10)).toEqual([]);
});

test('names follow what is stored', async () => {
  const before = packetTo('acme');
  await harness.put('Policy', 'acme', 'p', {
    egress: [{ action: 'allow' }],
    ingress: [
      { action: 'pass', log: true },
      { action: 'reject', log: true },
    ],
  });
  const [passes, rejects] = harness.admission.snapshot().policyNumbers('acme', 'p')?.ingress ?? [];
  const rule = rejects?.id ?? 0;
  // What passes decides nothing: the rule behind it does.
  expect(recorder.offer(packetTo('acme', { rule: passes?.id ?? 0 }), false)).toBe('unknown');
  expect(recorder.offer(packetTo('acme', { rule }), false)).toBe('queued');
  run();
  expect(written[0]).toMatchObject({ policy: 'p', rule: 1, verdict: 'reject' });
  await harness.remove('Policy', 'acme', 'p');
  expect(recorder.offer({ ...before, rule }, false)).toBe('unknown');
  await harness.remove('Vm', 'globex', 'vm');
  expect(recorder.offer({ ...before, portId: 'gone' }, false)).toBe('unknown');
});

test('a policy writes so many, and the next record says how many it did not', () => {
  const many = recorderLimits.policyBurst + 40;
  for (let count = 0; count < many; count++) {
    recorder.offer(packetTo('acme'), false);
    run();
  }
  expect(written).toHaveLength(recorderLimits.policyBurst);
  expect(dropped).toHaveLength(40);
  recorder.offer(packetTo('acme'), true);
  nowMs += 1000;
  recorder.offer(packetTo('acme'), false);
  recorder.offer(packetTo('globex'), false);
  run();
  expect(written.slice(-2).map((record) => [record.tenant, record.dropped])).toEqual([
    ['acme', 41],
    ['globex', 0],
  ]);
});

test('one that floods keeps nobody waiting', () => {
  for (let count = 0; count < 400; count++) recorder.offer(packetTo('acme'), false);
  recorder.offer(packetTo('globex'), false);
  due.shift()?.();
  expect(written).toHaveLength(recorderLimits.recordsEachTurn);
  expect(written.map(({ tenant }) => tenant)).toContain('globex');
});

test('a packet that cannot be read is dropped and counted', () => {
  recorder.offer(packetTo('acme', { frame: frame.slice(0, 20) }), false);
  run();
  expect([written, dropped]).toEqual([[], ['acme']]);
});

test('ids rise, and followers get what is theirs', () => {
  const seen: [string, number][] = [];
  const end = journal.follow('acme', (record) => seen.push(['acme', record.id]));
  journal.follow(undefined, (record) => seen.push(['all', record.id]));
  recorder.offer(packetTo('acme'), false);
  run();
  wallMs -= 5000;
  recorder.offer(packetTo('globex'), false);
  run();
  end();
  recorder.offer(packetTo('acme'), false);
  run();
  expect(seen.map(([who]) => who)).toEqual(['acme', 'all', 'all', 'all']);
  const ids = written.map(({ id }) => id);
  expect(ids).toEqual(ids.toSorted((a, b) => a - b));
  expect(new Set(ids).size).toBe(3);
});
