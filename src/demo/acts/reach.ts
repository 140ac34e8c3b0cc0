import type { Act } from '../act.ts';
import { ask, type Probe } from '../probe.ts';

const probes: readonly Probe[] = [
  { from: 'acme/web-1', to: 'acme/web-2', via: 'ping', expected: 'passes', because: 'same network' },
  { from: 'acme/web-1', to: 'acme/web-2', via: 'ping', family: 6, expected: 'passes', because: 'same network' },
  { from: 'globex/lab-1', to: 'globex/lab-2', via: 'ping', expected: 'passes', because: 'same network' },
  { from: 'acme/web-1', to: 'acme/db-1', via: 'ping', expected: 'passes', because: 'routed' },
  { from: 'acme/web-1', to: 'acme/db-1', via: 'ping', family: 6, expected: 'passes', because: 'routed' },
  { from: 'acme/web-1', to: 'acme/db-2', via: 'ping', expected: 'passes', because: 'routed' },
  { from: 'acme/web-2', to: 'acme/db-2', via: 'tcp/5432', expected: 'passes', because: 'routed' },
  { from: 'acme/db-1', to: 'acme/web-2', via: 'tcp/8080', family: 6, expected: 'passes', because: 'routed' },
];

export const reach: Act = {
  title: 'Reachability: the same network across hosts, routed between networks, IPv4 and IPv6',
  play: (world) => ask(world, probes),
};
