import { expect, test } from 'vitest';
import { highestEpoch } from '../../../src/demo/cluster/epochs.ts';

test('the epoch of what ovsdb-client says: an update has the old one and the new one', () => {
  const row = (action: string, ids: string): string => `["1b",${JSON.stringify(action)},["map",[${ids}]]]`;
  const update = `{"data":[${row('old', '["weir-epoch","9"]')},${row('new', '["system-id","hv1"],["weir-epoch","10"]')}]}`;
  expect(highestEpoch(update)).toBe(10);
  expect(highestEpoch(`{"data":[${row('initial', '["system-id","hv1"],["weir-encap-ip","192.0.2.1"]')}]}`)).toBe(0);
  expect(highestEpoch('')).toBe(0);
});
