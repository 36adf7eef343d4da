import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { checkPolicy } from '../../src/modules/policies/compile-policy.js';
import { readPolicyFile } from '../../src/modules/policies/policy-file.js';
import { declaredAttributes, pathText } from '../../src/modules/policies/attribute.js';

const GUIDE = readFileSync('docs/how-to/write-a-policy.md', 'utf8');
const examples = [...GUIDE.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text!);

describe('the guide to policies', () => {
  it('has examples that can be saved as they stand', () => {
    expect(examples.length).toBeGreaterThan(5);
    for (const text of examples) {
      const rules = text.startsWith('policies:') ? rulesOf(text) : [parseDocument(text).toJS() as unknown];
      for (const rule of rules) expect({ text, checked: checkPolicy(rule) }).toMatchObject({ checked: { effect: expect.stringMatching(/allow|deny/) as string } });
    }
  });

  it('names every attribute that the server knows, and no other', () => {
    const table = GUIDE.slice(GUIDE.indexOf('### Attributes'), GUIDE.indexOf('### What is missing'));
    const named = [...table.matchAll(/^\| (`[^|]*) \|/gm)].flatMap(([, cell]) => {
      const names = [...cell!.matchAll(/`([\w.]+)`/g)].map(([, name]) => name!);
      const root = names[0]!.split('.')[0]!;
      return names.map((name) => (name.includes('.') ? name : `${root}.${name}`));
    });
    // Two that are for the compiler.
    const known = declaredAttributes().map(({ path }) => pathText(path)).filter((name) => !['resource.covered_by', 'resource.overlaps'].includes(name));
    expect(named.sort()).toEqual(known.sort());
  });
});

function rulesOf(text: string): unknown[] {
  const read = readPolicyFile({ name: 'the guide', text });
  if ('problems' in read) throw new Error(read.problems.join('; '));
  return read.policies.map(({ rule }) => rule);
}
