import { expect, test } from 'vitest';
import type { SpecOf } from '../../policies/model/index.ts';
import { Fleet } from '../../src/controller/fleet.ts';
import type { FleetContext } from '../../src/controller/fleet.ts';
import type { HostReport } from '../../src/controller/ports.ts';
import { Realization } from '../../src/controller/realization.ts';

/** Of a member that owns `mine`, as far as it is concerned with hosts whose switch is not connected to it. */
function scene() {
  const specs = new Map<string, SpecOf<'Host'>>();
  const progressed: string[] = [];
  const context = {
    realization: new Realization(() => () => undefined),
    ownership: { id: 'a', epoch: 1, ownerOf: (host: string) => (host === 'mine' ? 'a' : 'b'), isMine: (host: string) => host === 'mine' },
    clock: { nowMs: () => 0, wallMs: () => 0 },
    hostSpec: (host: string) => specs.get(host),
    progressed: ({ name }: { readonly name: string }) => progressed.push(name),
    event: () => undefined,
  } as unknown as FleetContext;
  return { specs, progressed, fleet: new Fleet(context) };
}

const report = { owner: 'b', status: { name: 'theirs', ovsdb: true, errors: [] } } as unknown as HostReport;

test('a host of which its owner told after it was deleted is gone when the owner knows it no more', () => {
  const { fleet, specs } = scene();
  specs.set('theirs', { schedulable: true, encapIp: '192.0.2.1', encapIpFrom: 'switch' });
  fleet.hostNamed('theirs').told(report);
  fleet.ownerForgot('theirs');
  expect([...fleet.hosts.keys()]).toEqual(['theirs']);
  specs.clear();
  fleet.documentsChanged([{ name: 'theirs', isDeleted: true }]);
  fleet.hostNamed('theirs').told(report);
  fleet.ownerForgot('theirs');
  fleet.ownerForgot('never');
  expect([...fleet.hosts.keys()]).toEqual([]);
});

test('the owner of a host that is forgotten has it told', () => {
  const { fleet, progressed } = scene();
  fleet.hostNamed('mine');
  fleet.hostNamed('theirs');
  progressed.length = 0;
  for (const name of ['mine', 'theirs']) fleet.documentsChanged([{ name, isDeleted: true }]);
  expect(progressed).toEqual(['mine']);
});
