import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectSuccess } from '../../src/lab/command.ts';
import { until } from '../support/weir-client.ts';
import { Standing } from '../support/standing.ts';

/** What somebody else adds, alters or deletes on the bridge is put right, counted, and told. How fast is printed. */

let standing: Standing;
let right: readonly string[];

const version = ['-O', 'OpenFlow15'];
const ofctl = (...args: string[]): Promise<string> => standing.lab.ofctl('hv1', [...version, ...args]);
const flows = (): Promise<string[]> => standing.flows('hv1');
const repaired = (host = 'hv1'): Promise<number> => standing.weir.metric('weir_switch_drift_repaired_total', `host="${host}"`);

beforeAll(async () => {
  standing = await Standing.start(2);
  for (const tenant of ['t1', 't2']) {
    const limit = { kind: 'QosPolicy', metadata: { name: 'slow', tenant }, spec: { appliesTo: ['all'], egress: { maxMbps: 10 } } };
    await standing.weir.must('PUT', `/v1/tenants/${tenant}/qos-policies/slow?wait=realized&timeoutMs=60000`, limit);
  }
  right = await flows();
});

afterAll(() => standing.stop());

/** Does it, and waits until everything is as it was and at least `count` more are counted. */
async function expectRepair(what: string, count: number, meddle: () => Promise<unknown>): Promise<void> {
  const before = await repaired();
  await meddle();
  const startedMs = performance.now();
  await until(async () => (await flows()).join('\n') === right.join('\n'));
  console.log(`${what}: put right within ${Math.round(performance.now() - startedMs)} ms`);
  await until(async () => (await repaired()) >= before + count);
}

test('a flow that is added', () =>
  expectRepair('a flow added', 1, () => ofctl('add-flow', 'br-int', 'table=20,priority=9,ip,actions=drop')));

test('a flow whose actions are altered', () =>
  expectRepair('a flow altered', 1, () => ofctl('mod-flows', 'br-int', 'table=52,actions=drop')));

test('flows that are deleted, some and all', async () => {
  await expectRepair('a table emptied', 1, () => ofctl('del-flows', 'br-int', 'table=52'));
  await expectRepair('everything deleted', right.length, () => ofctl('del-flows', 'br-int'));
});

test('500 flows that are added at once', () =>
  expectRepair('500 flows added', 500, () => {
    const lines = Array.from({ length: 500 }, (_, index) => `table=20,priority=9,ip,nw_dst=10.9.${index >> 8}.${index & 255},actions=drop`);
    return standing.lab.ofctl('hv1', [...version, 'add-flows', 'br-int', '-'], { input: `${lines.join('\n')}\n` });
  }));

test('groups, meters and the configuration are looked at every ten seconds', async () => {
  const [before, beforeAtOther] = [await repaired('hv1'), await repaired('hv2')];
  const hv2 = (...args: string[]): Promise<string> => standing.lab.ofctl('hv2', [...version, ...args]);
  const meters = await ofctl('dump-meters', 'br-int');
  const metersOf = (text: string): string => text.slice(text.indexOf('meter=')).replace(/\s+/g, ' ').replace('bands= ', 'band=').trim();
  expect(meters).toContain('rate=10000');
  const whole = await standing.flows('hv2');
  await ofctl('add-group', 'br-int', 'group_id=7,type=all,bucket=actions=drop');
  await ofctl('mod-meter', 'br-int', metersOf(meters).replace('rate=10000', 'rate=77'));
  await ofctl('add-meter', 'br-int', 'meter=9,kbps,band=type=drop,rate=5');
  await ofctl('set-frags', 'br-int', 'drop');
  await hv2('del-meters', 'br-int');
  const startedMs = performance.now();
  await until(async () => metersOf(await ofctl('dump-meters', 'br-int')) === metersOf(meters));
  await until(async () => !(await ofctl('dump-groups', 'br-int')).includes('group_id=7'));
  await until(async () => (await ofctl('get-frags', 'br-int')).includes('normal'));
  await until(async () => (await hv2('dump-meters', 'br-int')).includes('rate=10000'));
  await until(async () => (await standing.flows('hv2')).join() === whole.join());
  console.log(`a group, meters and the configuration: put right within ${Math.round(performance.now() - startedMs)} ms`);
  await until(async () => (await repaired('hv1')) >= before + 4);
  // A meter that is deleted takes the flows that use it along.
  await until(async () => (await repaired('hv2')) >= beforeAtOther + 2);
});

test('what was put right is in the log, in the metrics and in weir status', async () => {
  const told = standing.weir.events('drift-repaired', 'hv1');
  expect(new Set(told.map((line) => line['what']))).toEqual(new Set(['flows', 'groups', 'meters', 'config']));
  const driftRepaired = told.reduce((sum, line) => sum + Number(line['count']), 0);
  await expect.poll(async () => (await standing.weir.host('hv1'))?.driftRepaired).toBe(driftRepaired);
  await expect.poll(() => repaired()).toBe(driftRepaired);
  const status = await expectSuccess([join(import.meta.dirname, '../../bin/weir'), 'status', '--server', standing.weir.url]);
  expect(stripVTControlCharacters(status)).toMatch(new RegExp(`hv1 .* ${driftRepaired} +│? *0`));
});

test('nothing is sent when nothing differs', async () => {
  expect(await standing.resync('hv1')).toBe(0);
});
