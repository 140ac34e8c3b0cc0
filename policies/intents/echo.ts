import type { Port, Schedule } from '../model/kinds.ts';
import { portsNamed } from '../selectors/index.ts';
import type { World } from '../selectors/index.ts';
import type { Claim } from './claims.ts';
import type { Access, End, Exception, Isolation, Meaning, Party, Scope, Service, Services, Shaping } from './meaning.ts';

/**
 * One plain sentence that says what an intent means, every name by its kind. It is itself an intent of that very meaning:
 * remarks in parentheses are for the reader.
 */
export function echo(meaning: Meaning, owner: string | undefined, world: Pick<World, 'get'>): string {
  const sentence = `${meaningText(meaning, owner, world)}.`;
  if (meaning.scope === undefined) return sentence;
  return `${scopeText(meaning.scope)}: ${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}`;
}

/** The sentence without its end, and without whom the platform speaks for. */
export const meaningText = (meaning: Meaning, owner: string | undefined, world: Pick<World, 'get'>): string =>
  new Speaker(owner, world).sentence(meaning);

/** `denies https (tcp 443) from group guests to anywhere` */
export function claimText({ action, services, from, to }: Claim, owner: string | undefined, world: Pick<World, 'get'>): string {
  const said = { allow: 'allows', deny: 'denies', reject: 'rejects' }[action];
  return `${said} ${new Speaker(owner, world).services(services)} from ${partyText(from)} to ${partyText(to)}`;
}

const list = (parts: readonly string[]): string =>
  parts.length < 2 ? (parts[0] ?? '') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;

function scopeText({ tier, tenants }: Scope): string {
  const whom = tenants === 'all' ? 'all tenants' : `tenant${tenants.length > 1 ? 's' : ''} ${list(tenants)}`;
  return tier === 'baseline' ? `By default for ${whom}` : `For ${whom}`;
}

const verbs = { allow: 'Allow', deny: 'Deny', reject: 'Reject' } as const;

const partyText = (party: Party): string => (party.length === 0 ? 'anywhere' : list(party.map(endText)));

function endText(end: End): string {
  switch (end.kind) {
    case 'internet':
      return 'the internet';
    case 'own':
      return 'all VMs';
    case 'block':
      return end.cidr;
    case 'label':
      return `interfaces labelled ${end.key}=${end.value}`;
    case 'network':
    case 'vm':
    case 'tenant':
    case 'group':
      return `${end.kind} ${end.name}`;
  }
}

class Speaker {
  readonly #owner: string | undefined;
  readonly #world: Pick<World, 'get'>;

  constructor(owner: string | undefined, world: Pick<World, 'get'>) {
    this.#owner = owner;
    this.#world = world;
  }

  sentence(meaning: Meaning): string {
    switch (meaning.kind) {
      case 'access':
        return this.#access(meaning);
      case 'isolation':
        return this.#isolation(meaning);
      case 'limit':
      case 'guarantee':
        return shapingText(meaning);
    }
  }

  #access({ action, from, to, services, exceptions, log }: Access): string {
    const ends = `from ${partyText(from)} to ${partyText(to)}`;
    return `${verbs[action]} ${this.services(services)} ${ends}${this.#exceptions(exceptions, action)}${logText(log)}`;
  }

  #isolation({ subject, other, exceptions, log }: Isolation): string {
    const whole = other === undefined ? 'everything else (inside, all may reach each other)' : `${partyText(other)}, in both directions`;
    return `Isolate ${partyText(subject)} from ${whole}${this.#exceptions(exceptions, 'deny')}${logText(log)}`;
  }

  #exceptions(exceptions: readonly Exception[], action: Access['action']): string {
    const outcome = action === 'allow' ? 'denied' : 'allowed';
    return exceptions.map((exception) => `, except ${this.#exception(exception)}, which is ${outcome}`).join('');
  }

  #exception({ from, to, services }: Exception): string {
    const end = from === undefined ? (to === undefined ? '' : `to ${partyText(to)}`) : `from ${partyText(from)}`;
    const what = services === undefined ? '' : `on ${this.services(services)}`;
    return end === '' && services !== undefined ? this.services(services) : [end, what].filter((part) => part !== '').join(' ');
  }

  services(services: Services): string {
    return services.length === 0 ? 'everything' : list(services.map((service) => this.#service(service)));
  }

  #service(service: Service): string {
    if (service.kind === 'inline') return portText(service.port);
    const ports = portsNamed(this.#world, this.#owner, service.name);
    const shown = ports.slice(0, portsShown).map(portText).join(', ') + (ports.length > portsShown ? ', …' : '');
    return `${isPlain(service.name) ? '' : 'service '}${service.name} (${shown})`;
  }
}

const portsShown = 4;

/** Words that could be read as something else are named by their kind. */
const isPlain = (name: string): boolean =>
  /^[a-z][a-z0-9]*(-[a-z0-9]+)+$/.test(name) || (/^[a-z][a-z0-9]*$/.test(name) && !otherwiseRead.has(name));

const otherwiseRead = new Set(
  (
    'to from on over except but between and or for only reach reaching access accessing contact connect talk use at in of by which log logged ' +
    'until every outgoing incoming outbound inbound egress ingress upload download the all any our my everything anything tcp udp sctp icmp ' +
    'icmpv6 port ports service'
  ).split(' '),
);

/** `tcp 5000-5010`, `icmp type 8`; a port by name, which an intent cannot say itself, as `tcp http`. */
function portText(port: Port): string {
  if (!('port' in port || 'portName' in port || 'endPort' in port)) {
    const { type, code } = port as { readonly type?: number; readonly code?: number };
    return `${port.protocol}${type === undefined ? '' : ` type ${type}`}${code === undefined ? '' : ` code ${code}`}`;
  }
  const number = port.endPort === undefined ? `${port.port ?? port.portName}` : `${port.port}-${port.endPort}`;
  return `${port.protocol} ${number}`;
}

const logText = (log: boolean): string => (log ? ', and log it' : '');

const directions = { egress: 'outgoing', ingress: 'incoming', both: 'in each direction' } as const;

function shapingText({ kind, subject, mbps, direction, schedule }: Shaping): string {
  const [only] = subject;
  const whom =
    subject.length === 0
      ? 'of all VMs'
      : subject.length === 1 && only?.kind === 'label'
        ? `labelled ${only.key}=${only.value}`
        : `of ${partyText(subject)}`;
  const each = `each interface ${whom}`;
  const rate = `${mbps} Mbit/s ${directions[direction]}${schedule === undefined ? '' : ` ${scheduleText(schedule)}`}`;
  return kind === 'limit' ? `Limit ${each} to ${rate}` : `Guarantee ${each} ${rate}`;
}

const dayNames = {
  mon: 'Monday',
  tue: 'Tuesday',
  wed: 'Wednesday',
  thu: 'Thursday',
  fri: 'Friday',
  sat: 'Saturday',
  sun: 'Sunday',
} as const;

function scheduleText({ from, to, timezone, days }: Schedule): string {
  const when = days.length === 7 ? 'every day' : `on ${list(days.map((day) => dayNames[day]))}`;
  return `between ${from} and ${to} ${timezone} ${when}`;
}
