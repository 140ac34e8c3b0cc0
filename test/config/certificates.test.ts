import { expect, test } from 'vitest';
import { createAuthority, issueCertificate } from '../../src/cli/certificates.ts';
import { CertificatesInUse, type Config, type Tls } from '../../src/config/index.ts';

const authority = await createAuthority('the authority', 30, Date.now());
const issue = async (): Promise<Tls> => {
  const request = { purpose: 'controller', commonName: 'a', addresses: ['127.0.0.1'], days: 10 } as const;
  const { certificate, key } = await issueCertificate(authority, request, Date.now());
  return { cert: certificate, key, ca: undefined };
};
const configOf = (tls: { readonly api?: Tls }) =>
  ({ api: { tls: tls.api }, switches: { kind: 'off' }, member: undefined }) as unknown as Config;

test('certificates that can be used take the place of others for the same uses', async () => {
  const [present, next] = [await issue(), await issue()];
  const used: (Tls | undefined)[] = [];
  const certificates = new CertificatesInUse(configOf({ api: present }), (all) => used.push(all.get('api')));
  expect(certificates.renew(configOf({ api: next }))).toEqual(['api']);
  expect(used).toEqual([next]);
  expect(certificates.endMs().get('api')).toBeGreaterThan(Date.now());
});

test('a key that is not the certificate’s, and uses that come or go, are refused, and change nothing', async () => {
  const [one, other] = [await issue(), await issue()];
  const used: unknown[] = [];
  const certificates = new CertificatesInUse(configOf({ api: one }), (all) => used.push(all));
  expect(() => certificates.renew(configOf({ api: { ...one, key: other.key } }))).toThrow(/\/tls\/api: .*mismatch/);
  expect(() => certificates.renew(configOf({}))).toThrow(/at the start only/);
  expect(() => certificates.renew(configOf({ api: { ...other, ca: authority.certificate } }))).toThrow(/at the start only/);
  expect(used).toEqual([]);
});
