import { expect, test } from 'vitest';
import { hostsMax, isNetnsOf, labNumberMax, managerTargets, planLab, planStation, stationsMax } from '../../src/lab/plan.ts';

test('names fit an interface name, and addresses are all different, at the largest', () => {
  const plan = planLab('abcdefgh', labNumberMax, hostsMax, '/run/weir-lab/abcdefgh');
  const stations = Array.from({ length: stationsMax }, (_, index) => planStation(plan, index + 1));
  const names = [plan.gateway.device, plan.underlay.netns, ...[...plan.hosts, ...stations].map(({ netns }) => netns)];
  expect(Math.max(...names.map((name) => name.length))).toBeLessThanOrEqual(15);
  const addresses = plan.hosts.flatMap((host) => [host.managementAddress, host.underlayAddress, host.underlayAddress6, host.underlayMac]);
  const all = [
    ...addresses,
    ...stations.map(({ managementAddress }) => managementAddress),
    plan.gateway.address,
    plan.underlay.address,
    plan.underlay.address6,
  ];
  expect(new Set(all).size).toBe(all.length);
});

test('a namespace belongs to one lab only', () => {
  expect(isNetnsOf('a', 'a-h1')).toBe(true);
  expect(isNetnsOf('a', 'a-ul')).toBe(true);
  expect(isNetnsOf('a', planStation({ name: 'a', number: 1 }, 9).netns)).toBe(true);
  for (const other of ['ab-h1', 'a-', 'a-x1', 'a-h', 'a-h1x', 'a']) expect(isNetnsOf('a', other)).toBe(false);
});

test('managers are where the hosts can reach them', () => {
  expect(managerTargets(['tcp:gateway:6641', 'ssl:203.0.113.1:6640', 'ssl:[2001:db8::1]:6640'], '198.18.7.1')).toEqual([
    'tcp:198.18.7.1:6641',
    'ssl:203.0.113.1:6640',
    'ssl:[2001:db8::1]:6640',
  ]);
  for (const target of ['tcp:127.0.0.1:6640', 'tcp:localhost:6640', 'ssl:[::1]:6640', 'ptcp:6640', 'tcp:gateway', '']) {
    expect(() => managerTargets([target], '198.18.7.1')).toThrow(/gateway/);
  }
});
