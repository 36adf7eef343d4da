import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';

/**
 * Takes back the optimization of a function while it is inside the engine: a property that the function was compiled to rely on
 * changes as the engine reads the request. In a process of its own, since what is tested is that it lives.
 */
const SCRIPT = `
  const { preparsePolicySet, statefulIsAuthorized } = await import(process.argv[1]);
  preparsePolicySet('set', { staticPolicies: { a: 'permit(principal, action, resource);' } });
  const relied = { on: 1 };
  let isTrap = false;
  const question = () => ({
    get principal() { if (isTrap) relied.on = 2; return { type: 'User', id: '1' }; },
    action: { type: 'Action', id: 'read' }, resource: { type: 'Entity', id: '1' }, context: {}, entities: [], preparsedPolicySetId: 'set',
  });
  const ask = (asked) => (statefulIsAuthorized(asked).type === 'success' ? relied.on : 0);
  for (let count = 0; count < 30_000; count += 1) ask(question());
  isTrap = true;
  process.stdout.write(String(ask(question())));
`;

describe('the policy engine', () => {
  it('survives that the optimizer changes its mind while a question is under way', () => {
    const cedar = pathToFileURL(resolve('dist/src/modules/policies/cedar.js')).href;
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', SCRIPT, cedar], { encoding: 'utf8', timeout: 60_000 });
    expect({ status, signal, stdout, stderr }).toEqual({ status: 0, signal: null, stdout: '2', stderr: '' });
  });
});
