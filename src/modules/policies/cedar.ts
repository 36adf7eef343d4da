/**
 * The policy engine: Cedar, compiled to WebAssembly. It runs in the process, synchronously. Everything that the modules of this
 * folder ask of it goes through here.
 */
export {
  checkParsePolicySet, isAuthorized, policyToJson, policyToText, preparsePolicySet, statefulIsAuthorized, validate,
} from '@cedar-policy/cedar-wasm/nodejs';
