/**
 * The version of the pipeline: of which tables there are, and of what a packet carries from one to the next. A release that changes either raises it by one.
 *
 * Table 0 is the entry of every version. Behind it each version has tables that those next to it leave alone:
 *
 *     1 to 62       versions 1, 5, 9, …
 *     64 to 125     versions 2, 6, …
 *     127 to 188    versions 3, 7, …
 *     190 to 251    versions 4, 8, …
 *
 * So another version is built where no packet comes, while packets go on through the one that stands; then the flows of the entry, changed in one bundle, lead
 * all of them there. Versions that are four apart, or eight, would stand in each other's tables: a member of the one takes no part among members of the other. What outlives a version means the same in each: zones, `ct_mark`, `ct_label`, and the VNI, which is all that goes from host to host.
 */
export const pipelineVersion = 1;

const placeMax = 62;
const ranges = 4;

export const entryTable = 0;

/** Number of the first table behind the entry, less one. */
const baseOf = (version: number): number => ((version - 1) % ranges) * (placeMax + 1);

/** The number of the table at a place of the pipeline, 0 to 62. */
export const tableAt = (place: number, version = pipelineVersion): number => (place === entryTable ? entryTable : baseOf(version) + place);

/** Whether two versions cannot stand on a switch beside each other, so that it cannot go over from one to the other. */
export const clashes = (version: number, other: number): boolean => version !== other && baseOf(version) === baseOf(other);

/** Whether a table is one of this version's: declared or not. */
export function isOfPipeline(tableId: number, version = pipelineVersion): boolean {
  const place = tableId - baseOf(version);
  return tableId === entryTable || (place > 0 && place <= placeMax);
}
