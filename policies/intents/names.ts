/** What words may be called when a resource has one name for them: `web servers` → `web-servers`, `web-server`, `web`, `webs`. */
export function namesFor(words: readonly string[]): readonly string[] {
  const lower = words.map((word) => word.toLowerCase());
  const last = lower.at(-1) ?? '';
  const bare = lower.length > 1 && general.has(last) ? [lower.slice(0, -1)] : [];
  const names = [lower, ...bare].flatMap((list) => {
    const [head, tail] = [list.slice(0, -1), list.at(-1) ?? ''];
    return [tail, singular(tail), plural(tail)].map((form) => [...head, form].join('-'));
  });
  return [...new Set(names)];
}

/** Nouns that say only that interfaces are meant. */
const general = new Set(
  ['server', 'machine', 'host', 'vm', 'instance', 'node', 'interface', 'group', 'box'].flatMap((noun) => [
    noun,
    noun === 'box' ? 'boxes' : `${noun}s`,
  ]),
);

function singular(word: string): string {
  if (/[^aeiou]ies$/.test(word)) return `${word.slice(0, -3)}y`;
  if (/(ss|x|ch|sh)es$/.test(word)) return word.slice(0, -2);
  return /[^s]s$/.test(word) ? word.slice(0, -1) : word;
}

function plural(word: string): string {
  if (/[^aeiou]y$/.test(word)) return `${word.slice(0, -1)}ies`;
  if (/(s|x|ch|sh)$/.test(word)) return `${word}es`;
  return `${word}s`;
}

const comparedMax = 5000;
const suggestedMax = 3;

/** The known names that are nearest to one that is not, the nearest first; a third of a name may be wrong. */
export function nearest(name: string, known: Iterable<string>): readonly string[] {
  const near: { readonly name: string; readonly distance: number }[] = [];
  let compared = 0;
  for (const candidate of known) {
    if (++compared > comparedMax) break;
    const bare = candidate.slice(candidate.indexOf('/') + 1);
    const most = Math.max(1, Math.floor(Math.max(name.length, bare.length) / 3));
    const distance = bare.startsWith(name) || name.startsWith(bare) ? 1 : editDistance(name, bare, most);
    if (distance <= most) near.push({ name: candidate, distance });
  }
  near.sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1));
  return [...new Set(near.map((each) => each.name))].slice(0, suggestedMax);
}

/** Levenshtein's distance; anything above `most` is `most + 1`. */
function editDistance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(changed, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    if (Math.min(...next) > most) return most + 1;
    row = next;
  }
  return row[b.length] ?? 0;
}
