import type { LogRecord } from '../../src/journal/ports.ts';

export const recordWith = (changes: Partial<LogRecord>): LogRecord => ({
  id: 1,
  time: '2026-01-01T00:00:00.000Z',
  tenant: 'acme',
  host: 'h1',
  tier: 'tenant',
  policy: 'p',
  rule: 0,
  direction: 'ingress',
  verdict: 'deny',
  packet: { from: { address: '10.0.0.1' }, to: { address: '10.0.0.2' }, protocol: 'udp', port: 53, sourcePort: 1024, length: 60 },
  dropped: 0,
  ...changes,
});
