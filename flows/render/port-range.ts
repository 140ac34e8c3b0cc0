/** The fewest masked 16-bit values that cover the ports from `first` to `last` inclusive and nothing else. */
export function maskedRanges(first: number, last: number): readonly { readonly value: number; readonly mask: number }[] {
  const blocks: { value: number; mask: number }[] = [];
  for (let start = first; start <= last;) {
    // The largest aligned block that starts here and does not reach beyond the end.
    let size = start === 0 ? 0x10000 : start & -start;
    while (start + size - 1 > last) size /= 2;
    blocks.push({ value: start, mask: 0x10000 - size });
    start += size;
  }
  return blocks;
}
