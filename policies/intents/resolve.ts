import { formatPrefix, mappedIpv4, parsePrefix } from '../../src/base/addresses.ts';
import { WeirError } from '../../src/base/errors.ts';
import { isLabelKey, isLabelValue } from '../model/labels.ts';
import type { Port } from '../model/kinds.ts';
import { checkWindow, days } from '../model/schedule.ts';
import type { World } from '../selectors/index.ts';
import { isAddresses } from './meaning.ts';
import type { Access, End, Exception, Isolation, Meaning, Party, Scope, Service, Services, Shaping } from './meaning.ts';
import { namesFor, nearest } from './names.ts';
import { alternatives, Problems } from './problem.ts';
import type { Problem } from './problem.ts';
import { readSentence } from './read.ts';
import type { ExceptionClause, ScopeClause, Sentence, ServiceTerm, Span, Term, WindowClause } from './sentence.ts';
import { Vocabulary } from './vocabulary.ts';

export type Understood = { readonly ok: true; readonly meaning: Meaning } | { readonly ok: false; readonly problems: readonly Problem[] };

/** How many names one intent may use. */
const namesMax = 64;

/** What a text means to its owner (undefined: the platform) in the world as it is, or everything that is wrong with it. */
export function understand(text: string, owner: string | undefined, world: World): Understood {
  const read = readSentence(text);
  if (!read.ok) return read;
  const resolver = new Resolver(text, owner, world);
  const meaning = resolver.meaning(read.sentence);
  const problems = resolver.problems.found.toSorted((a, b) => a.span.start - b.span.start);
  return problems.length > 0 ? { ok: false, problems } : { ok: true, meaning };
}

type Said<K extends Sentence['kind']> = Extract<Sentence, { readonly kind: K }>;

class Resolver {
  readonly problems: Problems;
  readonly #owner: string | undefined;
  readonly #vocabulary: Vocabulary;
  #names = 0;

  constructor(text: string, owner: string | undefined, world: World) {
    this.problems = new Problems(text);
    this.#owner = owner;
    this.#vocabulary = new Vocabulary(world, owner);
  }

  meaning(sentence: Sentence): Meaning {
    const scope = this.#scope(sentence.scope);
    switch (sentence.kind) {
      case 'access':
        return { scope, ...this.#access(sentence) };
      case 'only-from':
      case 'only-on':
        return { scope, ...this.#only(sentence) };
      case 'isolation':
        return { scope, ...this.#isolation(sentence) };
      case 'limit':
      case 'guarantee':
        return { scope: undefined, ...this.#shaping(sentence) };
    }
  }

  #scope(clause: ScopeClause | null): Scope | undefined {
    if (this.#owner !== undefined) {
      if (clause !== null) this.problems.add(clause.at, 'only the platform speaks for tenants: leave this out');
      return undefined;
    }
    for (const { name, at } of clause?.tenants ?? [])
      if (!this.#vocabulary.has('Tenant', name)) this.problems.add(at, `there is no tenant ${name}`, { code: 'reference-missing' });
    const tenants = [...new Set(clause?.tenants.map(({ name }) => name))];
    return { tier: clause?.baseline === true ? 'baseline' : 'platform', tenants: tenants.length > 0 ? tenants : 'all' };
  }

  #access({ action, from, to, services, exceptions, log }: Said<'access'>): Access {
    const access: Access = {
      kind: 'access',
      action,
      from: this.#party(from),
      to: this.#party(to),
      services: this.#services(services),
      exceptions: exceptions.map((clause) => this.#exception(clause)),
      log: log === true,
    };
    this.#requireInterfaces(access.from, access.to, [...from, ...to]);
    for (const [index, exception] of access.exceptions.entries()) {
      const clause = exceptions[index];
      this.#requireInterfaces(exception.from ?? access.from, exception.to ?? access.to, [...(clause?.from ?? []), ...(clause?.to ?? [])]);
    }
    return access;
  }

  /** Only these: all others are denied, these are excepted. */
  #only({ kind, from, to, services, log }: Said<'only-from' | 'only-on'>): Access {
    const [sources, targets, named] = [this.#party(from), this.#party(to), this.#services(services)];
    this.#requireInterfaces(sources, targets, [...from, ...to]);
    const exception: Exception =
      kind === 'only-from' ? { from: sources, to: undefined, services: undefined } : { from: undefined, to: undefined, services: named };
    return {
      kind: 'access',
      action: 'deny',
      from: kind === 'only-from' ? [] : sources,
      to: targets,
      services: kind === 'only-from' ? named : [],
      exceptions: [exception],
      log: log === true,
    };
  }

  #isolation({ from, to, exceptions, log }: Said<'isolation'>): Isolation {
    const subject = this.#party(from);
    const other = this.#party(to);
    const [first] = from;
    if (first !== undefined && (from.some(({ kind }) => kind === 'any') || subject.some(isAddresses)))
      this.problems.add(first.at, 'what is isolated must be interfaces: a group of them, a network, a VM or a label');
    return {
      kind: 'isolation',
      subject,
      other: other.length === 0 ? undefined : other,
      exceptions: exceptions.map((clause) => this.#exception(clause)),
      log: log === true,
    };
  }

  #shaping({ kind, subject, rate, direction, window }: Extract<Sentence, { rate: unknown }>): Shaping {
    if (this.#owner === undefined) this.problems.add(rate.at, 'bandwidth belongs to a tenant: the platform has no QoS policies');
    const party = this.#party(subject);
    const [first, last] = [subject[0], subject.at(-1)];
    if (first !== undefined && last !== undefined && party.some(isAddresses))
      this.problems.add({ start: first.at.start, end: last.at.end }, 'must be interfaces: addresses have no bandwidth of their own');
    const mbps = rate.kbps / 1000;
    if (!Number.isInteger(mbps) || mbps < 1 || mbps > 1_000_000)
      this.problems.add(rate.at, 'must be a whole number of Mbit/s from 1 to 1000000');
    return { kind, subject: party.some((end) => end.kind === 'own') ? [] : party, mbps, direction, schedule: this.#schedule(window) };
  }

  #schedule(window: WindowClause | null): Shaping['schedule'] {
    if (window === null) return undefined;
    const schedule = {
      from: window.from.text,
      to: window.to.text,
      timezone: window.timezone?.text ?? 'UTC',
      days: window.days.length === 0 ? days : days.filter((day) => window.days.includes(day)),
    };
    const at = { from: window.from.at, to: window.to.at, timezone: window.timezone?.at ?? window.to.at };
    for (const { field, detail } of checkWindow(schedule)) this.problems.add(at[field], detail);
    return schedule;
  }

  #exception(clause: ExceptionClause): Exception {
    return {
      from: clause.from.length === 0 ? undefined : this.#party(clause.from),
      to: clause.to.length === 0 ? undefined : this.#party(clause.to),
      services: clause.services.length === 0 ? undefined : this.#services(clause.services),
    };
  }

  /** A rule stands with an interface: between addresses alone there is nobody to carry it out. */
  #requireInterfaces(from: Party, to: Party, terms: readonly Term[]): void {
    const onlyAddresses = (party: Party): boolean => party.length > 0 && party.every(isAddresses);
    const [first, last] = [terms[0], terms.at(-1)];
    if (first === undefined || last === undefined || !onlyAddresses(from) || !onlyAddresses(to)) return;
    this.problems.add({ start: first.at.start, end: last.at.end }, 'one of the two ends must be interfaces: both are addresses');
  }

  #party(terms: readonly Term[]): Party {
    const ends = new Map<string, End>();
    for (const term of terms) for (const end of this.#ends(term)) ends.set(JSON.stringify(end), end);
    return terms.some(({ kind }) => kind === 'any') ? [] : [...ends.values()];
  }

  #ends(term: Term): readonly End[] {
    switch (term.kind) {
      case 'any':
        return [];
      case 'internet':
      case 'own':
        return [{ kind: term.kind }];
      case 'block':
        return this.#block(term.cidr, term.at);
      case 'label':
        if (!isLabelKey(term.key) || !isLabelValue(term.value)) this.problems.add(term.at, 'is no label: KEY=VALUE');
        return [{ kind: 'label', key: term.key, value: term.value }];
      case 'group':
        return this.#named(term.at, `group ${term.name}`, term.name, this.#vocabulary.group(term.name));
      case 'tenant':
        if (this.#owner !== undefined) this.problems.add(term.at, 'only the platform names tenants');
        return this.#named(term.at, `tenant ${term.name}`, term.name, this.#existing('Tenant', { kind: 'tenant', name: term.name }));
      case 'network':
        return this.#named(term.at, `network ${term.name}`, term.name, this.#existing('Network', { kind: 'network', name: term.name }));
      case 'vm':
        return this.#named(term.at, `VM ${term.name}`, term.name, this.#existing('Vm', { kind: 'vm', name: term.name }));
      case 'phrase':
        return this.#phrase(term.words, term.at);
    }
  }

  #existing(kind: 'Tenant' | 'Network' | 'Vm', end: End & { readonly name: string }): End | undefined {
    return this.#vocabulary.has(kind, end.name) ? end : undefined;
  }

  #named(at: Span, called: string, name: string, end: End | undefined): readonly End[] {
    this.#count(at);
    if (end === undefined) this.#unknown(at, `there is no ${called}`, nearest(name, this.#vocabulary.parties()));
    return end === undefined ? [] : [end];
  }

  #phrase(words: readonly string[], at: Span): readonly End[] {
    this.#count(at);
    const meanings = this.#vocabulary.meaningsOf(words);
    const said = `"${words.join(' ')}"`;
    if (meanings.length > 1) {
      const suggestions = meanings.map(({ text }) => text);
      this.problems.add(at, `${said} may mean ${alternatives(suggestions)}: say which`, { suggestions });
    } else if (meanings.length === 0) {
      const near = new Set(namesFor(words).flatMap((name) => nearest(name, this.#vocabulary.parties())));
      this.#unknown(at, `${said} names no group, label, VM or network`, [...near].slice(0, 3));
    }
    return meanings.map(({ end }) => end);
  }

  #block(cidr: string, at: Span): readonly End[] {
    try {
      const length = cidr.includes('/') ? '' : cidr.includes(':') ? '/128' : '/32';
      const block = parsePrefix(cidr + length);
      const mapped = mappedIpv4(block);
      if (mapped === undefined) return [{ kind: 'block', cidr: formatPrefix(block) }];
      this.problems.add(at, `"${cidr}" is IPv4 in the form of IPv6: write ${formatPrefix(mapped)}`);
      return [];
    } catch (thrown) {
      if (!(thrown instanceof WeirError)) throw thrown;
      this.problems.add(at, thrown.message);
      return [];
    }
  }

  #services(terms: readonly ServiceTerm[]): Services {
    const services = new Map<string, Service>();
    for (const term of terms) for (const service of this.#service(term)) services.set(JSON.stringify(service), service);
    return [...services.values()];
  }

  #service(term: ServiceTerm): readonly Service[] {
    this.#count(term.at);
    switch (term.kind) {
      case 'ports':
        return this.#ports(term).map((port) => ({ kind: 'inline', port }));
      case 'icmp': {
        const { protocol, type, code } = term;
        if ((type ?? 0) > 255 || (code ?? 0) > 255) this.problems.add(term.at, 'types and codes go from 0 to 255');
        if (code !== null && type === null) this.problems.add(term.at, 'a code needs a type');
        return [{ kind: 'inline', port: { protocol, ...(type === null ? {} : { type }), ...(code === null ? {} : { code }) } }];
      }
      case 'service':
        return this.#serviceNamed([term.name], `there is no service ${term.name}`, term.at);
      case 'phrase': {
        const [first = ''] = namesFor(term.words);
        return this.#serviceNamed([first, ...namesFor(term.words)], `"${term.words.join(' ')}" names no service`, term.at);
      }
    }
  }

  #serviceNamed(names: readonly string[], complaint: string, at: Span): readonly Service[] {
    for (const name of names) {
      const service = this.#vocabulary.service(name);
      if (service !== undefined) return [{ kind: 'named', name: service }];
    }
    const isParty = this.#vocabulary.meaningsOf((names[0] ?? '').split('-')).length > 0;
    const hint = isParty ? '; an end of the connection follows "from" or "to"' : '';
    this.#unknown(at, complaint + hint, nearest(names[0] ?? '', this.#vocabulary.services()));
    return [];
  }

  #ports({ protocols, ports, at }: Extract<ServiceTerm, { kind: 'ports' }>): readonly Port[] {
    for (const { first, last } of ports) {
      if (first < 1 || last > 65535) this.problems.add(at, 'ports go from 1 to 65535');
      else if (first > last) this.problems.add(at, `${first}-${last} runs backwards`);
    }
    return protocols.flatMap((protocol): readonly Port[] =>
      ports.length === 0
        ? [{ protocol }]
        : ports.map(({ first, last }) => ({ protocol, port: first, ...(last === first ? {} : { endPort: last }) })),
    );
  }

  #unknown(at: Span, complaint: string, suggestions: readonly string[]): void {
    const question = suggestions.length > 0 ? `; did you mean ${alternatives(suggestions)}?` : '';
    this.problems.add(at, complaint + question, { code: 'reference-missing', suggestions });
  }

  #count(at: Span): void {
    if (++this.#names === namesMax + 1) this.problems.add(at, `an intent names at most ${namesMax} things`);
  }
}
