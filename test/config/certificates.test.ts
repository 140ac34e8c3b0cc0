import { expect, test } from 'vitest';
import { createAuthority, issueCertificate } from '../../src/cli/certificates.ts';
import { assertUsable, certificatesOf, expiryMsOf, type Tls } from '../../src/config/index.ts';

const authority = await createAuthority('the authority', 30, Date.now());
const issue = async (): Promise<Tls> => {
  const request = { purpose: 'controller', commonName: 'a', addresses: ['127.0.0.1'], days: 10 } as const;
  const { certificate, key } = await issueCertificate(authority, request, Date.now());
  return { cert: certificate, key, ca: undefined };
};
const certificates = (tls: { readonly api?: Tls; readonly members?: Tls & { readonly ca: string } }) =>
  certificatesOf({ api: { tls: tls.api }, switches: { kind: 'off' }, member: tls.members && { tls: tls.members } } as never);

test('certificates that can be used take the place of others for the same uses', async () => {
  const [present, next] = [await issue(), await issue()];
  expect(() => assertUsable(certificates({ api: next }), certificates({ api: present }))).not.toThrow();
  expect(expiryMsOf(next)).toBeGreaterThan(Date.now());
});

test('a key that is not the certificate’s, and uses that come or go, are refused', async () => {
  const [one, other] = [await issue(), await issue()];
  const present = certificates({ api: one });
  expect(() => assertUsable(certificates({ api: { ...one, key: other.key } }), present)).toThrow(/\/tls\/api: .*mismatch/);
  expect(() => assertUsable(certificates({}), present)).toThrow(/at the start only/);
  expect(() => assertUsable(certificates({ api: { ...other, ca: authority.certificate } }), present)).toThrow(/at the start only/);
});
