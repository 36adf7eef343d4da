import { setFlagsFromString } from 'node:v8';

// Calls of WebAssembly that hand over objects must not be inlined into JavaScript: V8 11 (Node 20) aborts the process when it has to
// take back such an optimization while the call is under way. Newer versions know the flag, or have no use for it.
setFlagsFromString('--no-turbo-inline-js-wasm-calls');

/**
 * The policy engine: Cedar, compiled to WebAssembly. It runs in the process, synchronously. Everything that the modules of this
 * folder ask of it goes through here.
 */
export {
  isAuthorized, policyToJson, policyToText, preparsePolicySet, statefulIsAuthorized, validate,
} from '@cedar-policy/cedar-wasm/nodejs';
