import { postForm, type Answer } from './requests.js';
import type { Target as AnyTarget } from './targets.js';

type Target = AnyTarget & Required<Pick<AnyTarget, 'legate'>>;

/** One question, asked once, of a tree of tokens. */
export interface TreeMeasurement {
  readonly what: string;
  readonly milliseconds: number;
  /** The aim of docs/performance.md. Milliseconds. */
  readonly aim: number;
}

interface Issued { readonly access_token: string; readonly task_id: string }

const WIDTH = 20;

/**
 * What it costs to end a tree of tokens by its root, and to look at one. The trees are made over the protocol, and what is
 * measured is one request, as whoever sends it has to wait for it.
 */
export async function measureTrees(target: Target): Promise<TreeMeasurement[]> {
  // Opens connections and compiles what will be asked.
  await end(target, await grow(target, 50));
  const tree = await grow(target, 1000);
  const ended = await end(target, tree);
  const large = await grow(target, 9000, 990);
  const shown = await show(target, large);
  return [
    { what: 'revoking the root of 1 000 tokens', milliseconds: ended, aim: 150 },
    { what: `the tree of a task, ${shown.nodes} nodes`, milliseconds: shown.milliseconds, aim: 1000 },
  ];
}

interface Tree { readonly root: Issued; readonly last: Issued }

/** Tokens below one root, at three levels, some of them with a task of their own. */
async function grow(target: Target, size: number, tasks = 0): Promise<Tree> {
  const root = await issue(target, { task_description: 'The tree of the benchmark.' });
  const level = async (count: number, parents: readonly Issued[], first = 0): Promise<Issued[]> => {
    const made: Issued[] = [];
    for (let index = 0; index < count; index += WIDTH) {
      made.push(...await Promise.all(Array.from({ length: Math.min(WIDTH, count - index) }, (_, offset) => issue(target, {
        parent_token: parents[(index + offset) % parents.length]!.access_token, ...(index + offset + first < tasks && { task_description: 'A part of it.' }),
      }))));
    }
    return made;
  };
  const upper = await level(WIDTH, [root]);
  const middle = await level(Math.floor(size / 4), upper, WIDTH);
  const lower = await level(size - 1 - WIDTH - middle.length, middle, WIDTH + middle.length);
  return { root, last: lower.at(-1)! };
}

/** Milliseconds until the answer; the last token reads inactive right after it. */
async function end(target: Target, { root, last }: Tree): Promise<number> {
  if (!await isActive(target, last)) throw new Error(`${target.label}: the last token of the tree is not active before its root is revoked`);
  const started = performance.now();
  await post(target, target.legate.revocationUrl, { token: root.access_token, revoke_children: 'true' });
  const milliseconds = performance.now() - started;
  if (await isActive(target, last)) throw new Error(`${target.label}: the last token of the tree outlives its root`);
  return milliseconds;
}

async function show(target: Target, { root, last }: Tree): Promise<{ nodes: number; milliseconds: number }> {
  const { access_token: token } = await issue(target, {}, 'tasks:read');
  const started = performance.now();
  const response = await fetch(`${target.legate.apiUrl}/tasks/${root.task_id}/tree`, { headers: { authorization: `Bearer ${token}` } });
  const text = await response.text();
  const milliseconds = performance.now() - started;
  if (!response.ok) throw new Error(`${target.label} answered ${response.status} for a tree: ${text.slice(0, 500)}`);
  const tree = JSON.parse(text) as { tasks: unknown[]; tokens: { active: boolean; task_id: string }[] };
  if (!tree.tokens.every(({ active }) => active) || !tree.tokens.some(({ task_id: id }) => id === last.task_id)) throw new Error(`${target.label} does not show the tree as it is`);
  return { nodes: tree.tasks.length + tree.tokens.length, milliseconds };
}

async function isActive(target: Target, { access_token: token }: Issued): Promise<boolean> {
  return (await post(target, target.introspectionUrl, { token }))['active'] === true;
}

async function issue(target: Target, form: Record<string, string>, scope = 'agents:read'): Promise<Issued> {
  return await post(target, target.tokenUrl, { grant_type: 'client_credentials', scope, ...form }) as unknown as Issued;
}

function post(target: Target, url: string, form: Record<string, string>): Promise<Answer> {
  return postForm(url, target.authorization, new URLSearchParams(form).toString());
}
