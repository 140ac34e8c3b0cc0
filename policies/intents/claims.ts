import { isAddresses } from './meaning.ts';
import type { Access, Exception, Isolation, Meaning, Party, Services } from './meaning.ts';

/**
 * One thing that an intent says of connections. Intents have no order among themselves: of the claims that match a connection the one of the lowest
 * level decides, and claims of one level agree in their verdict. So what a set of intents means depends on nothing but the set.
 */
export interface Claim {
  readonly level: Level;
  readonly action: 'allow' | 'deny' | 'reject';
  readonly from: Party;
  readonly to: Party;
  readonly services: Services;
}

/**
 * From the strongest on. `denial`: a denial without exceptions, and what is excepted from an allowance. `inside`: the members of what is isolated from
 * everything else, among themselves. `isolation`: that isolation, when it has no exceptions. `exception`: what is excepted from a denial.
 * `remainder`: denials that have exceptions. `allowance`: all the rest.
 */
export const levels = ['denial', 'inside', 'isolation', 'exception', 'remainder', 'allowance'] as const;
export type Level = (typeof levels)[number];

/** What an intent claims, in the order of its levels. A limit claims nothing of connections. */
export function claimsOf(meaning: Meaning): readonly Claim[] {
  switch (meaning.kind) {
    case 'access':
      return accessClaims(meaning);
    case 'isolation':
      return isolationClaims(meaning);
    case 'limit':
    case 'guarantee':
      return [];
  }
}

function accessClaims({ action, from, to, services, exceptions }: Access): readonly Claim[] {
  const excepted = exceptions.map((exception): Claim => ({
    ...(action === 'allow' ? ({ level: 'denial', action: 'deny' } as const) : ({ level: 'exception', action: 'allow' } as const)),
    from: exception.from ?? from,
    to: exception.to ?? to,
    services: exception.services ?? services,
  }));
  const level = action === 'allow' ? 'allowance' : exceptions.length > 0 ? 'remainder' : 'denial';
  return [...excepted, { level, action, from, to, services }];
}

function isolationClaims({ subject, other, exceptions }: Isolation): readonly Claim[] {
  const inside: readonly Claim[] =
    other === undefined
      ? [{ level: exceptions.length > 0 ? 'exception' : 'inside', action: 'allow', from: subject, to: subject, services: [] }]
      : [];
  const excepted = exceptions.flatMap((exception) => exceptedFromIsolation(exception, subject, other ?? []));
  const level = exceptions.length > 0 ? 'remainder' : other === undefined ? 'isolation' : 'denial';
  const denied = { level, action: 'deny', services: [] } as const;
  return [...inside, ...excepted, { ...denied, from: subject, to: other ?? [] }, { ...denied, from: other ?? [], to: subject }];
}

/** "from P" is what P opens, "to P" what is opened to P, services alone both ways. */
function exceptedFromIsolation({ from, to, services }: Exception, subject: Party, other: Party): readonly Claim[] {
  const excepted = { level: 'exception', action: 'allow', services: services ?? [] } as const;
  const into: Claim = { ...excepted, from: from ?? other, to: subject };
  const outOf: Claim = { ...excepted, from: subject, to: to ?? other };
  if (from !== undefined) return [into];
  return to === undefined ? [into, outOf] : [outOf];
}

/** The ends of a party to which a policy can apply; undefined: to every interface. None: addresses alone. */
export function interfacesOf(party: Party): Party | undefined {
  return party.length === 0 ? undefined : party.filter((end) => !isAddresses(end));
}
