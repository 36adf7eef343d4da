import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';

const script = readFileSync(new URL('./templates/setup.js', import.meta.url), 'utf8');

class Element {
  value = '';
  hidden = false;
  disabled = false;
  textContent = '';
  hasFocus = false;
  readonly attributes = new Map<string, string>();
  readonly listeners = new Map<string, (event: { preventDefault(): void }) => Promise<void>>();

  constructor(readonly id: string, readonly inside: readonly Element[] = []) {}

  get name(): string { return this.id; }
  focus(): void { this.hasFocus = true; }
  setAttribute(name: string, value: string): void { this.attributes.set(name, value); }
  removeAttribute(name: string): void { this.attributes.delete(name); }
  addEventListener(name: string, listener: (event: { preventDefault(): void }) => Promise<void>): void { this.listeners.set(name, listener); }
  querySelectorAll(): readonly Element[] { return this.inside; }
  querySelector(selector: string): Element | undefined {
    return selector === 'input' ? this.inside[0] : this.inside.map((field) => field.inside[0]!).find((input) => input.attributes.has('aria-invalid'));
  }
}

const NAMES = ['secret', 'organization_name', 'name', 'email', 'password'];

/** The page's elements, as far as the script knows them, and what the script did to the world. */
function page(hash: string, answer: () => Promise<unknown>) {
  const inputs = NAMES.map((name) => new Element(name));
  const fields = inputs.map((input) => new Element(`${input.id}-field`, [input]));
  const form = Object.assign(new Element('setup-form', fields), { action: '/api/setup', reset: () => { for (const input of inputs) input.value = ''; } });
  const others = ['setup-submit', 'setup-error', 'setup-error-text', 'setup-form-view', 'setup-done-view', ...NAMES.map((name) => `${name}-error`)].map((id) => new Element(id));
  const elements = new Map([...inputs, ...fields, ...others, form].map((element) => [element.id, element]));
  const requests: { address: string; options: { method: string; headers: Record<string, string>; body: string } }[] = [];
  const addresses: string[] = [];
  const view = { hidden: (id: string) => elements.get(id)!.hidden, element: (id: string) => elements.get(id)! };
  view.element('setup-done-view').hidden = true;
  runInNewContext(script, {
    document: { getElementById: (id: string) => elements.get(id) },
    location: { hash, pathname: '/setup' },
    history: { replaceState: (_state: unknown, _title: string, address: string) => addresses.push(address) },
    FormData: class {
      [Symbol.iterator]() { return inputs.map((input) => [input.name, input.value])[Symbol.iterator](); }
    },
    fetch: (address: string, options: (typeof requests)[number]['options']) => {
      requests.push({ address, options });
      return answer();
    },
  });
  return { ...view, requests, addresses, submit: () => form.listeners.get('submit')!({ preventDefault: () => {} }) };
}

const refusal = (status: number, body: unknown) => () => Promise.resolve({ ok: false, status, json: () => Promise.resolve(body) });
const created = () => Promise.resolve({ ok: true, status: 201, json: () => Promise.resolve({ user_id: 'u' }) });

describe('the script of the setup page', () => {
  it('takes the code out of the address bar and into the form', () => {
    const { element, hidden, addresses } = page('#lgt_setup_abc%41', created);
    expect(element('secret').value).toBe('lgt_setup_abc%41');
    expect(hidden('secret-field')).toBe(true);
    expect(addresses).toEqual(['/setup']);
  });

  it('leaves the code to be typed when the link has none', () => {
    const { hidden, addresses } = page('', created);
    expect(hidden('secret-field')).toBe(false);
    expect(addresses).toEqual([]);
  });

  it('posts the fields as JSON to this server', async () => {
    const { element, requests, submit } = page('#code', created);
    element('email').value = 'ada@northwind.example';
    await submit();
    expect(requests).toHaveLength(1);
    expect(requests[0]!.address).toBe('/api/setup');
    expect(requests[0]!.options).toMatchObject({ method: 'POST', headers: { 'content-type': 'application/json' } });
    expect(JSON.parse(requests[0]!.options.body)).toEqual({ secret: 'code', organization_name: '', name: '', email: 'ada@northwind.example', password: '' });
  });

  it('shows what comes next and forgets the password', async () => {
    const { element, hidden, submit } = page('#code', created);
    element('password').value = 'correct horse battery staple';
    await submit();
    expect([hidden('setup-form-view'), hidden('setup-done-view')]).toEqual([true, false]);
    expect([element('password').value, element('secret').value]).toEqual(['', '']);
  });

  it('puts each mistake beside its field and the cursor into the first', async () => {
    const { element, submit } = page('#code', refusal(400, {
      detail: 'Two fields are wrong.', errors: [{ field: 'email', message: 'Not an address.' }, { field: 'email', message: 'Too long.' }, { field: 'password', message: 'Too common.' }],
    }));
    await submit();
    expect(element('setup-error-text').textContent).toBe('Two fields are wrong.');
    expect([element('email-error').textContent, element('email-error').hidden, element('email').hasFocus]).toEqual(['Not an address.', false, true]);
    expect([element('password-error').textContent, element('password').attributes.get('aria-invalid')]).toEqual(['Too common.', 'true']);
    expect([element('name-error').hidden, element('name').attributes.has('aria-invalid')]).toEqual([true, false]);
    expect(element('setup-submit').disabled).toBe(false);
  });

  it.each([['weak_password', 'password'], ['email_malformed', 'email'], ['invalid_setup_secret', 'secret']])('shows the refusal %s at the field %s', async (code, field) => {
    const { element, submit } = page('#code', refusal(400, { code, detail: 'Because of this.' }));
    await submit();
    expect([element(`${field}-error`).textContent, element(field).hasFocus, element(`${field}-field`).hidden]).toEqual(['Because of this.', true, false]);
    expect(element('setup-error-text').textContent).toBe('One field needs another look.');
  });

  it.each([
    ['an answer that is no problem document', () => Promise.resolve({ ok: false, status: 502, json: () => Promise.reject(new SyntaxError('no JSON')) }), 'The server answered with status 502.'],
    ['a lost connection', () => Promise.reject(new TypeError('network')), 'The server could not be reached. Check that it is running, and try again.'],
  ])('says one sentence about %s and lets the person try again', async (_case, answer, sentence) => {
    const { element, submit } = page('#code', answer);
    await submit();
    expect([element('setup-error-text').textContent, element('setup-error').hidden, element('setup-error').hasFocus]).toEqual([sentence, false, true]);
    expect(element('setup-submit').disabled).toBe(false);
  });

  it('cannot end the element that holds it', () => {
    expect(script).not.toMatch(/<\/script|<!--/i);
  });
});
