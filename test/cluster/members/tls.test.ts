import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { MemberTls } from '../../../cluster/index.ts';
import { put, writing } from '../../conformance/store-subject.ts';
import { withDirectory } from '../store/directory.ts';
import { Authority } from './authority.ts';
import { eventually, RunningMembers } from './running.ts';

const dayMs = 86_400_000;

/** Three members speak over mutual TLS; a fourth, who says that it is c, has another certificate. */
it.each<[string, (ours: Authority, directory: string) => Promise<MemberTls>, RegExp, RegExp]>([
  [
    'of a stranger',
    async (_ours, directory) => (await Authority.make(join(directory, 'strangers'))).member('c'),
    /hang up|unknown ca/i,
    /unable to verify|self[- ]signed|signature failure|unable to get/i,
  ],
  [
    'of a stranger, who trusts us',
    async (ours, directory) => ({ ...(await (await Authority.make(join(directory, 'strangers'))).member('c')), ca: ours.certificate }),
    /not accepted: (UNABLE_TO|CERT_SIGNATURE_FAILURE)/,
    /unable to verify|self[- ]signed|signature failure|unable to get/i,
  ],
  ['that has expired', (ours) => ours.member('c', { days: 1, nowMs: Date.now() - 10 * dayMs }), /CERT_HAS_EXPIRED/, /expired/],
  ['of another member', (ours) => ours.member('b'), /certificate is not that of c/, /certificate is that of b, not of c/],
  [
    'of a switch of that name',
    (ours) => ours.member('c', { purpose: 'switch' }),
    /certificate is not that of c/,
    /certificate is that of no member, not of c/,
  ],
])('members refuse the certificate %s', async (_what, certificate, refused, down) => {
  await withDirectory(async (directory) => {
    const ours = await Authority.make(join(directory, 'ours'));
    const members = new RunningMembers(directory);
    try {
      await members.reserve('a', 'b', 'c');
      const origin = members.founders('a', 'b', 'c');
      for (const id of ['a', 'b']) await members.start(id, { origin, tls: await ours.member(id) });
      await Promise.all(['a', 'b'].map((id) => members.get(id).ready()));
      const impostor = await members.start('c', { origin, tls: await certificate(ours, directory), place: 'impostor' });
      // Both as the one who is called and as the one who calls.
      await eventually(() => members.events.some((event) => event.kind === 'refused' && event.at === 'a' && refused.test(event.reason)));
      await eventually(() =>
        members.events.some((event) => event.kind === 'peer-down' && event.at === 'a' && event.member === 'c' && down.test(event.reason)),
      );
      await members.get('a').store.transact(writing(put('k', '1')));
      expect(impostor.store.cluster.leader).toBeUndefined();
      expect(impostor.store.revision).toBe(0);
      expect((await members.get('a').members.status()).members.find(({ id }) => id === 'c')?.reachable).toBe(false);
      await members.stop('c');
      const right = await members.start('c', { origin, tls: await ours.member('c') });
      await right.ready();
      expect((await right.store.get('k'))?.value).toBe('1');
    } finally {
      await members.close();
    }
  });
});

it('certificates are renewed while members run: a second authority is believed from then on', async () => {
  await withDirectory(async (directory) => {
    const [first, second] = [await Authority.make(join(directory, 'first')), await Authority.make(join(directory, 'second'))];
    const both = first.certificate + second.certificate;
    const members = new RunningMembers(directory);
    try {
      await members.reserve('a', 'b', 'c');
      const origin = members.founders('a', 'b', 'c');
      for (const id of ['a', 'b']) await members.start(id, { origin, tls: await first.member(id) });
      await Promise.all(['a', 'b'].map((id) => members.get(id).ready()));
      const c = await members.start('c', { origin, tls: { ...(await second.member('c')), ca: both } });
      await eventually(() => members.events.some((event) => event.kind === 'refused' && event.at === 'a'));
      expect(() => members.get('a').renew({ ca: both, certificate: 'none', key: 'none' })).toThrow(/PEM|no start line/i);
      for (const id of ['a', 'b']) members.get(id).renew({ ...(await first.member(id)), ca: both });
      await c.ready();
      expect((await c.members.status()).members.every(({ reachable }) => reachable)).toBe(true);
    } finally {
      await members.close();
    }
  });
});
