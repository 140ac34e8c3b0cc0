export { assertReadable, assertWithin, directoryVersion, writeDirectoryVersion } from './directory.ts';
export {
  decodeVersion,
  encodeVersion,
  highestCommon,
  isInUse,
  type Refusal,
  refusalAt,
  type Release,
  releaseNamed,
  releaseUntold,
  versionKey,
} from './version.ts';
