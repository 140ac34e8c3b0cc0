import { X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WeirError } from '../base/errors.ts';
import { createAuthority, issueCertificate, type CertifiedKey, type Purpose } from './certificates.ts';

export interface PkiInitOptions {
  readonly dir: string;
  readonly name: string;
  readonly days: number;
}

export interface PkiIssueOptions {
  readonly dir: string;
  readonly purpose: Purpose;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly days: number;
}

export interface PkiFiles {
  readonly certificate: string;
  readonly key: string;
}

/** `weir pki init`: makes the authority. One that is there stays: what it signed would no longer be trusted. */
export async function pkiInit(options: PkiInitOptions, nowMs: number): Promise<PkiFiles> {
  const files = filesOf(options.dir, 'ca');
  if (existsSync(files.key) || existsSync(files.certificate))
    throw new WeirError('authority-exists', `${options.dir} has an authority already`);
  mkdirSync(options.dir, { recursive: true, mode: 0o700 });
  return save(files, await createAuthority(options.name, options.days, nowMs));
}

/** `weir pki issue`: a key and the certificate for it, valid for no longer than the authority. */
export async function pkiIssue(options: PkiIssueOptions, nowMs: number): Promise<PkiFiles> {
  if (!/^[\w.@-]+$/.test(options.name) || options.name === 'ca')
    throw new WeirError('malformed', `"${options.name}" cannot be the name of a certificate and its files`);
  if (options.purpose === 'switch' && !/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(options.name))
    throw new WeirError('malformed', `"${options.name}" is no DNS label, as the system-id of a switch must be`);
  const authorityFiles = filesOf(options.dir, 'ca');
  if (!existsSync(authorityFiles.key))
    throw new WeirError('authority-missing', `${options.dir} has no authority: make it with "weir pki init --dir ${options.dir}"`);
  const authority = { certificate: readFileSync(authorityFiles.certificate, 'utf8'), key: readFileSync(authorityFiles.key, 'utf8') };
  const files = filesOf(options.dir, options.name);
  if (existsSync(files.certificate) && isController(readFileSync(files.certificate, 'utf8')) !== (options.purpose === 'controller'))
    throw new WeirError('certificate-exists', `${files.certificate} is there for another purpose: a ${options.purpose} needs another name`);
  return save(files, await issueCertificate(authority, { ...options, commonName: options.name }, nowMs));
}

const isController = (certificate: string): boolean =>
  new X509Certificate(certificate).subjectAltName?.includes('URI:urn:weir:controller:') === true;

const filesOf = (directory: string, name: string): PkiFiles => ({
  certificate: join(directory, `${name}.crt`),
  key: join(directory, `${name}.key`),
});

/** Files that only their owner reads; the key is never there with other rights. */
function save(files: PkiFiles, pair: CertifiedKey): PkiFiles {
  for (const [path, text] of [
    [files.key, pair.key],
    [files.certificate, pair.certificate],
  ] as const) {
    writeFileSync(path, text, { mode: 0o600 });
    chmodSync(path, 0o600);
  }
  return files;
}
