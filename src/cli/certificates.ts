import 'reflect-metadata';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import { WeirError } from '../base/errors.ts';

/** Certificates (RFC 5280) with ECDSA keys on P-256. Everything is PEM text; keys are PKCS #8. */
export interface CertifiedKey {
  readonly certificate: string;
  readonly key: string;
}

export type Purpose =
  /** A member: serves the API and the switches, and calls other members. */
  | 'controller'
  /** A switch, known by its common name, the `system-id`. */
  | 'switch'
  /** Somebody who calls an API that asks for certificates. */
  | 'client';

export interface IssueRequest {
  readonly purpose: Purpose;
  readonly commonName: string;
  /** DNS names and IP addresses by which a controller is reached. */
  readonly addresses: readonly string[];
  readonly days: number;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 86_400_000;
/** Clocks differ a little; a certificate that was just made must hold on every host. */
const clockSkewMs = 300_000;
const commonNameCharactersMax = 64;

const usages: Readonly<Record<Purpose, readonly ExtendedKeyUsage[]>> = {
  controller: [ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth],
  switch: [ExtendedKeyUsage.clientAuth, ExtendedKeyUsage.serverAuth],
  client: [ExtendedKeyUsage.clientAuth],
};

/** An authority that signs certificates and no further authorities. */
export async function createAuthority(commonName: string, days: number, nowMs: number): Promise<CertifiedKey> {
  const keys = await generateKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: subject(commonName),
    ...validity(days, nowMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: pem(certificate), key: await exportKey(keys.privateKey) };
}

export async function issueCertificate(authority: CertifiedKey, request: IssueRequest, nowMs: number): Promise<CertifiedKey> {
  const issuer = new X509Certificate(authority.certificate);
  if (issuer.notAfter.getTime() < nowMs)
    throw new WeirError('authority-expired', `the authority expired on ${issuer.notAfter.toISOString()}`);
  const signingKey = await importKey(authority.key);
  const keys = await generateKeys();
  const asked = validity(request.days, nowMs);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: subject(request.commonName),
    issuer: issuer.subject,
    notBefore: asked.notBefore,
    notAfter: asked.notAfter < issuer.notAfter ? asked.notAfter : issuer.notAfter,
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey,
    extensions: await leafExtensions(request, issuer, keys.publicKey),
  });
  return { certificate: pem(certificate), key: await exportKey(keys.privateKey) };
}

async function leafExtensions(request: IssueRequest, issuer: X509Certificate, publicKey: webcrypto.CryptoKey): Promise<Extension[]> {
  return [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([...usages[request.purpose]]),
    new SubjectAlternativeNameExtension(alternativeNames(request)),
    await SubjectKeyIdentifierExtension.create(publicKey),
    await AuthorityKeyIdentifierExtension.create(issuer),
  ];
}

const dnsName = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;

/** A controller's addresses, and that it is one; of anybody else the name, as a DNS name where it is one. */
function alternativeNames(request: IssueRequest): { type: 'dns' | 'ip' | 'url'; value: string }[] {
  const names = request.purpose === 'controller' ? request.addresses : [request.commonName];
  const others = names.map((value): { type: 'dns' | 'ip' | 'url'; value: string } => {
    if (isIP(value) !== 0) return { type: 'ip', value };
    if (dnsName.test(value)) return { type: 'dns', value };
    if (request.purpose === 'controller') throw new WeirError('malformed', `"${value}" is neither a DNS name nor an IP address`);
    return { type: 'url', value: urn(request.purpose, value) };
  });
  // By which members tell each other from whoever else the authority knows.
  return request.purpose === 'controller' ? [...others, { type: 'url', value: urn('controller', request.commonName) }] : others;
}

const urn = (purpose: Purpose, name: string): string => `urn:weir:${purpose}:${encodeURIComponent(name)}`;

function subject(commonName: string): { CN: string[] }[] {
  if (commonName.length === 0 || commonName.length > commonNameCharactersMax) {
    throw new WeirError(
      'malformed',
      `a certificate's name has 1 to ${commonNameCharactersMax} characters; "${commonName}" has ${commonName.length}`,
    );
  }
  return [{ CN: [commonName] }];
}

function validity(days: number, nowMs: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(nowMs - clockSkewMs), notAfter: new Date(nowMs + days * dayMs) };
}

/** 127 random bits; the first is clear, so that the number is positive, and one after it is set, so that it has no leading zeros. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

const generateKeys = (): Promise<webcrypto.CryptoKeyPair> => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return `${PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), PemConverter.PrivateKeyTag)}\n`;
}

const importKey = (key: string): Promise<webcrypto.CryptoKey> =>
  webcrypto.subtle.importKey('pkcs8', PemConverter.decodeFirst(key), algorithm, false, ['sign']);

const pem = (certificate: X509Certificate): string => `${certificate.toString('pem')}\n`;
