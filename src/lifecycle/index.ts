export { openVmHooks } from './hooks.ts';
