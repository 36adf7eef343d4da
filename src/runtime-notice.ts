/**
 * The protocol library says at every start below Node 22 that the runtime is not supported. It works on the versions in
 * `engines`, which the test suite runs on; this holds back exactly that one line.
 */
/* oxlint-disable no-console -- the library prints through it */
export function silenceRuntimeNotice(): void {
  const warn = console.warn;
  console.warn = (...words: unknown[]) => {
    if (typeof words[0] === 'string' && words[0].includes('oidc-provider WARNING: Unsupported runtime.')) console.warn = warn;
    else warn(...words);
  };
}
