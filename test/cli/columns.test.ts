import { expect, test } from 'vitest';
import { columnsOf } from '../../src/cli/columns.ts';

const metadata = { name: 'n', uid: 'u', revision: 1, createdAt: '' };

test('a wide table of policies shows how many flows each comes to at most', () => {
  const policy = { kind: 'Policy', metadata, spec: {}, status: { flows: { perHost: 12 } } };
  expect(
    columnsOf('Policy', true)
      .find(({ title }) => title === 'FLOWS/HOST')
      ?.read(policy),
  ).toBe('12');
  expect(columnsOf('Policy', false).map(({ title }) => title)).not.toContain('FLOWS/HOST');
});

test('a wide table of tenants shows what is used of what is allowed', () => {
  const usage = { flows: { used: 5, limit: 20 }, vms: { used: 3 } };
  const tenant = { kind: 'Tenant', metadata, spec: {}, status: { usage } };
  const shown = Object.fromEntries(columnsOf('Tenant', true).map((column) => [column.title, column.read(tenant)]));
  expect(shown).toMatchObject({ FLOWS: '5/20', VMS: '3' });
});

test('limits and quotas are told in words', () => {
  const qos = { kind: 'QosPolicy', metadata, spec: { egress: { maxMbps: 20 }, ingress: { guaranteedMbps: 5 } }, status: {} };
  const shown = Object.fromEntries(columnsOf('QosPolicy', false).map((column) => [column.title, column.read(qos)]));
  expect(shown).toMatchObject({ EGRESS: 'at most 20 Mbit/s', INGRESS: 'at least 5 Mbit/s' });
  const quotas = columnsOf('Tenant', true).find(({ title }) => title === 'QUOTAS');
  expect(quotas?.read({ kind: 'Tenant', metadata, spec: { quotas: {} }, status: {} })).toBe('-');
  expect(quotas?.read({ kind: 'Tenant', metadata, spec: { quotas: { vms: 3, flows: 9 } }, status: {} })).toBe('vms=3,flows=9');
});
