export { freePorts } from '../../src/lab/index.ts';
