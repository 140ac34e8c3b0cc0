import type { Act } from '../act.ts';
import { ask, type Probe } from '../probe.ts';

/** Acme lets nothing pass that no policy allows; Globex lets everything pass that none denies. */
const probes: readonly Probe[] = [
  { from: 'acme/client-1', to: 'acme/web-1', via: 'tcp/8080', expected: 'passes', because: 'web-in' },
  { from: 'acme/client-1', to: 'acme/web-1', via: 'tcp/8080', family: 6, expected: 'passes', because: 'web-in' },
  { from: 'acme/client-1', to: 'acme/web-1', via: 'udp/8080', expected: 'passes', because: 'web-in' },
  { from: 'acme/client-1', to: 'acme/web-1', via: 'udp/8080', family: 6, expected: 'passes', because: 'web-in' },
  { from: 'acme/client-1', to: 'acme/web-1', via: 'ping', expected: 'passes', because: 'web-in' },
  { from: 'acme/client-1', to: 'acme/web-1', via: 'ping', family: 6, expected: 'passes', because: 'web-in' },
  { from: 'acme/client-1', to: 'acme/web-1', via: 'tcp/22', expected: 'silence', because: 'nothing allows it' },
  { from: 'acme/client-1', to: 'acme/web-1', via: 'tcp/22', family: 6, expected: 'silence', because: 'nothing allows it' },
  { from: 'acme/client-1', to: 'acme/web-1', via: 'udp/53', expected: 'silence', because: 'nothing allows it' },
  { from: 'acme/web-1', to: 'acme/client-1', via: 'ping', expected: 'silence', because: 'nothing allows it' },
  { from: 'acme/web-1', to: 'acme/db-1', via: 'tcp/5432', expected: 'passes', because: 'databases-in' },
  { from: 'acme/web-2', to: 'acme/db-1', via: 'tcp/5432', family: 6, expected: 'passes', because: 'databases-in' },
  { from: 'acme/web-1', to: 'acme/db-1', via: 'tcp/22', expected: 'silence', because: 'nothing allows it' },
  { from: 'acme/client-1', to: 'acme/db-1', via: 'tcp/5432', expected: 'silence', because: 'not of group web' },
  { from: 'acme/client-1', to: 'acme/db-2', via: 'tcp/5432', expected: 'silence', because: 'not of group web' },
  { from: 'acme/client-1', to: 'acme/db-1', via: 'ping', expected: 'silence', because: 'not of group web' },
  { from: 'acme/client-1', to: 'acme/db-1', via: 'ping', family: 6, expected: 'silence', because: 'not of group web' },
  { from: 'acme/client-1', to: 'acme/db-1', via: 'tcp/9187', expected: 'passes', because: 'CIDRs of front-net' },
  { from: 'acme/db-2', to: 'acme/db-1', via: 'tcp/9187', expected: 'silence', because: 'not of front-net' },
  { from: 'globex/bulk-1', to: 'globex/web-1', via: 'tcp/8080', expected: 'passes', because: 'open' },
  { from: 'globex/bulk-1', to: 'globex/web-1', via: 'tcp/23', expected: 'silence', because: 'no-telnet' },
  { from: 'globex/web-1', to: 'globex/bulk-1', via: 'tcp/23', expected: 'passes', because: 'open' },
  { from: 'globex/lab-1', to: 'globex/lab-2', via: 'udp/53', expected: 'passes', because: 'open' },
  { from: 'globex/lab-1', to: 'globex/lab-2', via: 'tcp/25', expected: 'silence', because: 'no-mail, the platform' },
  { from: 'acme/web-1', to: 'acme/web-2', via: 'tcp/25', expected: 'silence', because: 'no-mail, the platform' },
];

export const policy: Act = {
  title: 'Permission: TCP, UDP and ICMP, allowed and denied, by group, by CIDR, by tier',
  play: (world) => ask(world, probes),
};
