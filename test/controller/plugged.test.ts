import { expect, test } from 'vitest';
import { PluggedPorts } from '../../src/controller/plugged.ts';

const ports = (...ids: string[]): ReadonlyMap<string, object> => new Map(ids.map((id) => [id, {}]));

test('a port is found on each host where it is plugged, as long as it is', () => {
  const [a, b] = [{ name: 'a' }, { name: 'b' }];
  const plugged = new PluggedPorts<{ readonly name: string }>();
  plugged.moved(a, ports(), ports('one', 'two'));
  plugged.moved(b, ports(), ports('two'));
  expect([plugged.on('one'), plugged.on('two'), plugged.on('three')]).toEqual([[a], [a, b], []]);
  plugged.moved(a, ports('one', 'two'), ports('three'));
  expect([plugged.on('one'), plugged.on('two'), plugged.on('three')]).toEqual([[], [b], [a]]);
  plugged.moved(b, ports('two'), ports());
  expect(plugged.on('two')).toEqual([]);
});
