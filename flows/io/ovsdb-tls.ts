import type { TLSSocket } from 'node:tls';

/** PEM texts. The peer must show a certificate that `ca` signed, on either side of the connection. */
export interface OvsdbTls {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

/** Open vSwitch 2.x and 3.x both speak 1.2. */
export const tlsVersionMin = 'TLSv1.2';

/** `ovs-pki req NAME` makes the subject `NAME id:UUID`. */
const pkiSuffix = / id:[0-9a-f-]{36}$/;

/** The names that a verified certificate gives its holder: the subject's first, then the alternative ones. */
export function certificateNames(socket: TLSSocket): readonly string[] {
  const certificate = socket.getPeerCertificate();
  const commonNames = [certificate.subject?.CN ?? []].flat().map((name) => name.replace(pkiSuffix, ''));
  const alternatives = (certificate.subjectaltname ?? '')
    .split(', ')
    .flatMap((entry) => /^(?:DNS|IP Address):(.+)$/.exec(entry)?.[1] ?? []);
  return [...new Set([...commonNames, ...alternatives])];
}
