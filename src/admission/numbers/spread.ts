/** Priorities are 1 to 65535: nothing lies at these two. */
export const priorityAbove = 65_536;
export const priorityBelow = 0;

/** Between rules that are added at an end, so that another fits in between many times over. */
const stepMax = 16;

/**
 * `count` priorities between two bounds, falling: apart from each other, near a bound that is a rule, in the middle of
 * an empty range. Avoids what is in `avoid` where there is room, because flows of a rule that goes may still be there
 * when those of a rule that comes are added. Undefined when there is no room.
 */
export function spread(above: number, below: number, count: number, avoid: ReadonlySet<number>): readonly number[] | undefined {
  const room = above - below - 1;
  if (room < count) return undefined;
  const even = Math.floor((room + 1) / (count + 1));
  const step = above === priorityAbove || below === priorityBelow ? Math.min(stepMax, even) : even;
  const highest = highestOf(above, below, count, step);
  const chosen: number[] = [];
  for (let index = 0; index < count; index++) {
    const lower = index === count - 1 ? below : highest - step * (index + 1);
    let priority = highest - step * index;
    while (avoid.has(priority) && priority - 1 > lower) priority--;
    chosen.push(priority);
  }
  return chosen;
}

function highestOf(above: number, below: number, count: number, step: number): number {
  if (above === priorityAbove && below === priorityBelow) return Math.floor((above + step * (count - 1)) / 2);
  return above === priorityAbove ? below + step * count : above - step;
}
