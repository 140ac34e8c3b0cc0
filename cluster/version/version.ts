/**
 * One number for everything that members say to each other and store together: frames and messages, entries of the log, rows of the index, kinds and fields of
 * documents, what is below `sys/` and `cluster/`. A release that changes any of it so that the one before would not understand it raises it by one, and goes on
 * speaking the one before.
 *
 * The *active* version is stored (`sys/version`). It rises, and never falls, once every member speaks the next; until then everybody says and stores what the
 * active one has. So whoever speaks the active version understands everything that there is, whatever else it knows, and nobody else is let in.
 */
const clusterVersion = 2;
/** The lowest that can be active with this release. */
const clusterVersionMin = 1;

/** What members of a lower version would not understand, and from which active version on it is done. */
const features = {
  /** Epochs leave out members whose pipeline is another one. */
  pipelines: 2,
} as const satisfies Readonly<Record<string, number>>;

export const isInUse = (feature: keyof typeof features, active: number): boolean => active >= features[feature];

/** What a member runs. */
export interface Release {
  /** As the package is numbered; empty: of one that does not tell. */
  readonly release: string;
  readonly version: number;
  readonly versionMin: number;
}

/** Of a member that has told nothing of it: before there were versions. */
export const releaseUntold: Release = { release: '', version: 1, versionMin: 1 };

export const releaseNamed = (release: string): Release => ({ release, version: clusterVersion, versionMin: clusterVersionMin });

/** Why somebody is turned away. */
export interface Refusal {
  /** `removed`: by a change that was committed, for ever. */
  readonly code: 'refused' | 'removed' | 'release-too-old' | 'release-too-new';
  readonly reason: string;
}

/** Why a release cannot take part where a version is active; undefined: it can. */
export function refusalAt(active: number, { release, version, versionMin }: Release): Refusal | undefined {
  if (version >= active && versionMin <= active) return undefined;
  const named = release === '' ? 'its release' : `release ${release}`;
  const range = versionMin === version ? `version ${version}` : `versions ${versionMin} to ${version}`;
  const says = `${named} speaks ${range}, and version ${active} is spoken here`;
  return version < active
    ? {
        code: 'release-too-old',
        reason: `${says}: start a release that speaks it. An older one takes nothing but a backup of before the upgrade`,
      }
    : { code: 'release-too-new', reason: `${says}: upgrade all members to a release between them first` };
}

/** The version that can be active with all of these. */
export const highestCommon = (releases: Iterable<Release>): number => Math.min(...[...releases].map(({ version }) => version));

export const versionKey = 'sys/version';
export const encodeVersion = (version: number): string => JSON.stringify({ version });

/** Undefined when it is none. */
export function decodeVersion(text: string): number | undefined {
  const { version } = JSON.parse(text) as { readonly version?: unknown };
  return typeof version === 'number' && Number.isSafeInteger(version) && version > 0 ? version : undefined;
}
