export { NotRealizedError } from './errors.ts';
export { openVmHooks, type HookPorts } from './hooks.ts';
export { interfacesOf, type GuestMtu } from './interfaces.ts';
