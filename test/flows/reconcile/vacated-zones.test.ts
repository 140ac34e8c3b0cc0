import { expect, test } from 'vitest';
import type { Flow } from '../../../flows/model/index.ts';
import { pipelineVersion, tableAt, tables } from '../../../flows/pipeline/index.ts';
import { attached, drain } from './attached.ts';

/** An interface that has a zone, as it is sent. */
const local = (zone: number, cookie: bigint): Flow => ({
  tableId: tables.local.id,
  priority: 10,
  cookie,
  match: [{ field: 'reg2', value: zone }],
  instructions: [],
});
/** The same as Open vSwitch lists it. */
const listed = (zone: number, cookie: bigint): Flow => ({
  ...local(zone, cookie),
  match: [{ field: 'xreg1', value: BigInt(zone) << 32n, mask: 0xffff_ffffn << 32n }],
});

test('zones whose interface is gone, or another one, are told once the switch has carried that out; of a switch that is met for the first time, too', () => {
  const reconciler = attached(
    [local(1, 1n), local(3, 9n), local(4, 4n)],
    [1, 2, 3].map((zone) => listed(zone, BigInt(zone))),
  );
  expect([...reconciler.takeVacated()]).toEqual([]);
  drain(reconciler, 0);
  const vacated = reconciler.takeVacated();
  expect([vacated.size, vacated.get(2), vacated.get(3)]).toEqual([2, 2n, 3n]);
  expect(reconciler.takeVacated().size).toBe(0);
  reconciler.setDesired({ remove: [local(4, 4n)] }, 2);
  drain(reconciler, 0);
  expect([...reconciler.takeVacated()]).toEqual([[4, 4n]]);
});

test('of the tables of another version of the pipeline nothing is believed', () => {
  const place = tables.local.id - tableAt(1) + 1;
  const others = [1, 2, 3].map((ahead) => ({ ...listed(ahead, 7n), tableId: tableAt(place, pipelineVersion + ahead) }));
  const reconciler = attached([], [...others, listed(4, 4n)]);
  drain(reconciler, 0);
  expect([...reconciler.takeVacated()]).toEqual([[4, 4n]]);
});

test('what is forgotten when a connection ends, and what is changed for the same interface, frees no zone', () => {
  const reconciler = attached([local(1, 1n)], [listed(1, 1n)]);
  reconciler.setDesired({ put: [{ ...local(1, 1n), instructions: [{ kind: 'goto_table', tableId: tables.security.id }] }] }, 2);
  drain(reconciler, 0);
  reconciler.forget();
  expect(reconciler.takeVacated().size).toBe(0);
});
