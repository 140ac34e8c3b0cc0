import { parseGroup } from './group.ts';
import { parseHost } from './host.ts';
import { checkIntentName, parseIntent } from './intent.ts';
import { Findings } from './issue.ts';
import type { Parsed } from './issue.ts';
import type { Kind } from './kinds.ts';
import { parseLabels } from './labels.ts';
import { parseNetwork } from './network.ts';
import { parsePolicy } from './policy.ts';
import { parseQosPolicy } from './qos-policy.ts';
import { parseRouter } from './router.ts';
import { checkShape } from './schema/check.ts';
import type { RawSpec } from './schema/resource.ts';
import { platformScope } from './scope.ts';
import { parseService } from './service.ts';
import { parseTenant } from './tenant.ts';
import { parseVm } from './vm.ts';
import type { Wanted, WantedOf, WantedSpecOf } from './wanted.ts';

/** Who may own a document of a kind. */
const ownership: Readonly<Record<Kind, 'platform' | 'tenant' | 'either'>> = {
  Tenant: 'platform',
  Host: 'platform',
  Network: 'tenant',
  Vm: 'tenant',
  QosPolicy: 'tenant',
  Intent: 'either',
  Router: 'either',
  Group: 'either',
  Service: 'either',
  Policy: 'either',
};

export const kinds = Object.keys(ownership) as readonly Kind[];

export const isKind = (text: unknown): text is Kind => typeof text === 'string' && Object.hasOwn(ownership, text);

/** Where a document is going, as far as the way by which it came says so (a path, a command's option). */
export interface Destination {
  readonly kind?: Kind;
  readonly name?: string;
  /** `platform`: the document must have no tenant. Absent: as the document says. */
  readonly owner?: { readonly kind: 'platform' } | { readonly kind: 'tenant'; readonly name: string };
  /** Of documents that name no tenant, where the way says nothing. */
  readonly defaultTenant?: string;
}

type SpecParsers = { readonly [K in Kind]: (spec: RawSpec<K>, tenant: string | undefined, findings: Findings) => WantedSpecOf<K> };

const specParsers: SpecParsers = {
  Tenant: (spec) => parseTenant(spec),
  Network: parseNetwork,
  Router: parseRouter,
  Group: parseGroup,
  Service: (spec, _tenant, findings) => parseService(spec, findings),
  Policy: parsePolicy,
  QosPolicy: parseQosPolicy,
  Intent: (spec) => parseIntent(spec),
  Vm: parseVm,
  Host: (spec, _tenant, findings) => parseHost(spec, findings),
};

/** Specs without a required field may be left out altogether. */
const emptySpecs: Partial<Readonly<Record<Kind, object>>> = { Tenant: {}, Network: {}, Policy: {}, QosPolicy: {}, Vm: {}, Host: {} };

/** One document, checked as far as it can be by itself. */
export function parseDocument(raw: unknown, destination: Destination = {}): Parsed<Wanted> {
  const kind = kindOf(raw, destination);
  if (!kind.ok) return kind;
  return parseKind(kind.value, raw, destination) as Parsed<Wanted>;
}

function kindOf(raw: unknown, destination: Destination): Parsed<Kind> {
  const findings = new Findings();
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    findings.add('', 'must be an object');
    return findings.conclude<Kind>('Tenant');
  }
  const given = Object.hasOwn(raw, 'kind') ? (raw as { kind?: unknown }).kind : undefined;
  const kind = given ?? destination.kind;
  if (kind === undefined) findings.add('/kind', 'is required');
  else if (!isKind(kind)) findings.add('/kind', `must be one of ${kinds.join(', ')}`);
  else if (destination.kind !== undefined && kind !== destination.kind) findings.add('/kind', `must be ${destination.kind} here`);
  return findings.conclude(kind as Kind);
}

function parseKind<K extends Kind>(kind: K, raw: unknown, destination: Destination): Parsed<WantedOf<K>> {
  const shape = checkShape(kind, raw);
  if (!shape.ok) return shape;
  const findings = new Findings();
  const metadata = shape.value.metadata ?? {};
  const name = nameOf(metadata.name, kind, destination, findings);
  if (kind === 'Intent') checkIntentName(name, findings);
  const tenant = tenantOf(metadata.tenant, kind, destination, findings);
  const labels = parseLabels(metadata.labels, '/metadata/labels', findings);
  const spec: RawSpec<K> | undefined = shape.value.spec ?? emptySpecs[kind];
  if (spec === undefined) {
    findings.add('/spec', 'is required');
    return { ok: false, issues: findings.issues };
  }
  return findings.conclude({ kind, name, tenant, labels, ownedBy: metadata.ownedBy, spec: specParsers[kind](spec, tenant, findings) });
}

function nameOf(given: string | undefined, kind: Kind, destination: Destination, findings: Findings): string {
  const name = given ?? destination.name;
  if (name === undefined) findings.add('/metadata/name', 'is required');
  else if (destination.name !== undefined && name !== destination.name) findings.add('/metadata/name', `must be ${destination.name} here`);
  else if (!isName(name))
    findings.add(
      '/metadata/name',
      'must be a DNS label: at most 63 lower-case letters, digits and hyphens, beginning and ending with a letter or digit',
    );
  else if (kind === 'Tenant' && name === platformScope) findings.add('/metadata/name', `${platformScope} is reserved`);
  return name ?? '';
}

function tenantOf(given: string | undefined, kind: Kind, destination: Destination, findings: Findings): string | undefined {
  const pointer = '/metadata/tenant';
  const owner = destination.owner;
  if (ownership[kind] === 'platform') {
    if (given !== undefined) findings.add(pointer, `a ${kind} belongs to no tenant`);
    return undefined;
  }
  if (owner?.kind === 'platform') {
    if (given !== undefined) findings.add(pointer, 'must be absent here');
    if (ownership[kind] === 'tenant') findings.add(pointer, `a ${kind} belongs to a tenant`);
    return undefined;
  }
  const tenant = given ?? owner?.name ?? destination.defaultTenant;
  if (owner !== undefined && tenant !== owner.name) findings.add(pointer, `must be ${owner.name} here`);
  if (tenant === undefined && ownership[kind] === 'tenant') findings.add(pointer, 'is required');
  return tenant;
}

const namePattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Whether a text is a DNS label (RFC 1123), as every name must be. */
export const isName = (text: string): boolean => namePattern.test(text);
