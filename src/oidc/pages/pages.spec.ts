import 'reflect-metadata';
import { readFileSync, readdirSync } from 'node:fs';
import fc from 'fast-check';
import { loadConfig } from '../../platform/config/load-config.js';
import type { ConsentModel, SignInModel } from './page-models.js';
import { Pages } from './pages.js';

const NONCE = 'bm9uY2U';
const pages = new Pages(loadConfig({ LEGATE_ISSUER: 'https://id.northwind.example', LEGATE_MASTER_KEY: 'A'.repeat(43) }));

const signInModel: SignInModel = { action: '/api/oauth/interaction/1/login', csrfToken: 'csrf-1', clientName: 'Atlas', clientHost: 'atlas.example' };
const consentModel: ConsentModel = {
  action: '/api/oauth/interaction/1/consent', csrfToken: 'csrf-2',
  client: { name: 'Atlas', host: 'atlas.example', redirectHost: 'atlas.example', isVerified: true, isFirstParty: false },
  user: { name: 'Ada Lovelace', email: 'ada@northwind.example' }, organizationName: 'Northwind',
  scopes: [
    { name: 'calendar:read', description: 'See your calendars', isSensitive: false, isNew: true },
    { name: 'mail:send', description: 'Send e-mail in your name', isSensitive: true, isNew: true },
  ],
  resources: [{ name: 'Calendar', identifier: 'https://calendar.example/api' }], offlineAccess: false,
};

/** Every page and state, with `text` wherever a value from outside can stand. */
function everyPage(text = 'Plain'): Record<string, string> {
  const client = { ...consentModel.client, name: text, host: text, redirectHost: `${text}.example` };
  return {
    signIn: pages.signIn(NONCE, { ...signInModel, clientName: text, clientHost: text, loginHint: text, csrfToken: text }),
    signInRefused: pages.signIn(NONCE, { ...signInModel, error: text, logoUri: 'data:image/png;base64,AAAA' }),
    signInThrottled: pages.signIn(NONCE, { ...signInModel, error: text, retryAfterSeconds: 90 }),
    consent: pages.consent(NONCE, consentModel),
    consentToAgent: pages.consent(NONCE, {
      ...consentModel, offlineAccess: true, client: { ...client, isVerified: false, policyUri: 'https://atlas.example/privacy', tosUri: 'https://atlas.example/terms' },
      user: { name: text, email: text }, organizationName: text, actor: { name: text, type: text }, resources: [{ name: text, identifier: text }],
      scopes: [...consentModel.scopes, { name: text, description: text, isSensitive: true, isNew: false }, { name: text, description: '', isSensitive: false, isNew: true }],
    }),
    consentFirstParty: pages.consent(NONCE, { ...consentModel, organizationName: text, client: { ...client, isFirstParty: true } }),
    error: pages.error(NONCE, { title: text, message: text, detail: text, code: text, requestId: text }),
    signedOut: pages.signedOut(NONCE, { hasSession: false }),
    stillSignedIn: pages.signedOut(NONCE, { hasSession: true, clientName: text }),
    confirmSignOut: pages.confirmSignOut(NONCE, { action: '/api/oauth/logout/confirm', xsrf: text, clientName: text }),
    setup: pages.setup(NONCE),
    handOver: pages.handOver(NONCE, { action: '/api/oauth/logout/confirm', fields: { xsrf: text } }),
    handOverToClient: pages.handOver(NONCE, { action: `/${text}`, fields: { xsrf: text, [text]: text }, clientName: text }),
    landing: pages.landing(NONCE),
  };
}

const tags = (html: string) => html.match(/<[a-z!/][^>]*>/gi) ?? [];
const tagNames = (html: string) => tags(html).map((tag) => /^<\/?[a-z!]*/i.exec(tag)![0]);
const valuesOf = (html: string, attribute: string) => [...html.matchAll(new RegExp(`\\s${attribute}="([^"]*)"`, 'g'))].map((match) => match[1]!);
const controls = (html: string) => tags(html).filter((tag) => /^<input(?![^>]*type="hidden")/.test(tag));
const withoutStyleAndScript = (html: string) => html.replace(/<(style|script)\b[^>]*>[\s\S]*?<\/\1>/g, '');

describe.each(Object.keys(everyPage()))('page %s', (name) => {
  const html = everyPage()[name]!;

  it('is a whole document in a language, with one visible heading and a title', () => {
    expect(html).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(/<title>([^<]+) – Legate<\/title>/.exec(html)?.[1]).not.toBe('');
    const shown = html.replace(/<div class="view"[^>]* hidden[^>]*>[\s\S]*?(?=<div class="view"|<script|<\/main>)/g, '');
    expect(shown.match(/<h1[ >]/g)).toHaveLength(1);
  });

  it('has no inline handler, no style attribute and no javascript: address', () => {
    expect(tags(withoutStyleAndScript(html)).filter((tag) => /\son[a-z]+\s*=|\sstyle\s*=|javascript:/i.test(tag))).toEqual([]);
  });

  it('loads nothing: one style with the nonce, images as data, no outside resource', () => {
    expect(tags(html).filter((tag) => tag.startsWith('<style'))).toEqual([`<style nonce="${NONCE}">`]);
    expect(html).not.toMatch(/@import|@font-face|url\((?!#)/);
    expect(valuesOf(html, 'src').filter((address) => !address.startsWith('data:'))).toEqual([]);
    expect(tags(html).filter((tag) => tag.startsWith('<link') && !tag.includes('href="data:'))).toEqual([]);
  });

  it('runs a script only where it spares people something', () => {
    expect(tags(html).filter((tag) => tag.startsWith('<script'))).toEqual(name === 'setup' || name.startsWith('handOver') ? [`<script nonce="${NONCE}">`] : []);
  });

  it('names every control, and refers only to elements that exist, each id once', () => {
    const ids = valuesOf(html, 'id');
    expect(new Set(ids).size).toBe(ids.length);
    for (const control of controls(html)) expect(html).toContain(`<label for="${valuesOf(control, 'id')[0]}">`);
    const referredTo = [...valuesOf(html, 'aria-describedby'), ...valuesOf(html, 'aria-labelledby')].flatMap((value) => value.trim().split(/\s+/));
    expect(referredTo.filter((id) => !ids.includes(id))).toEqual([]);
  });

  it('protects each form against forgery and submits it without script', () => {
    const forms = html.match(/<form[\s\S]*?<\/form>/g) ?? [];
    for (const form of forms) {
      expect(form).toMatch(/^<form [^>]*method="post" action="\/[^"]+"/);
      // The setup code is itself what no other site can know.
      expect(form).toMatch(name === 'setup' ? /<input id="secret" name="secret"/ : /<input type="hidden" name="(csrf_token|xsrf)" value="[^"]+">/);
      expect(form).toMatch(/<button [^>]*type="submit"/);
    }
  });

  it('tells the server that it stands on and not its version', () => {
    expect(html).toContain('You are on <strong>id.northwind.example</strong>');
    expect(withoutStyleAndScript(html)).not.toMatch(/\b(legate|version)[ /]v?\d/i);
  });
});

describe('what comes from outside', () => {
  it('cannot add or remove a single tag', () => {
    const plain = Object.values(everyPage('x')).map(tagNames);
    fc.assert(fc.property(fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom('</title><script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "' autofocus onfocus='x", '<%= it.nonce %>', '</style>', '${1}')), (text) => {
      expect(Object.values(everyPage(text)).map(tagNames)).toEqual(plain);
    }), { numRuns: 60 });
  });

  it('cannot leave the attribute it stands in', () => {
    const html = pages.signIn(NONCE, { ...signInModel, loginHint: '" autofocus onfocus="alert(1)' });
    expect(html).toContain('value="&quot; autofocus onfocus=&quot;alert(1)"');
  });

  it('cannot reorder or hide what stands beside it', () => {
    for (const html of Object.values(everyPage('Bank\u202Egpj.exe\u2066\u200B\u061C\u0000'))) expect(html).not.toMatch(/[\u0000\u202E\u2066\u200B\u061C]/);
    expect(pages.consent(NONCE, { ...consentModel, client: { ...consentModel.client, name: 'A\u202EB' } })).toContain('<bdi>A\uFFFDB</bdi>');
  });

  it('keeps the joiners that Persian, Indic scripts and emoji are written with', () => {
    expect(pages.error(NONCE, { title: 'نمی\u200Cخواهم', message: '👩\u200D💻' })).toContain('👩\u200D💻');
  });

  it('is written raw by a template only where it is ours', () => {
    const folder = new URL('./templates/', import.meta.url);
    const raw = readdirSync(folder).filter((file) => file.endsWith('.eta'))
      .flatMap((file) => [...readFileSync(new URL(file, folder), 'utf8').matchAll(/<%~\s*([\s\S]*?)\s*%>/g)].map((match) => match[1]!));
    const isFixed = (expression: string) => expression.startsWith("include('@") || /^(it\.(style|script|body)|shapes\[it\.name\])$/.test(expression)
      || /^[^?]+ \? (' [^']*'|'') : (' [^']*'|'')$/.test(expression);
    expect(raw.filter((expression) => !isFixed(expression))).toEqual([]);
  });
});

describe('sign-in', () => {
  it('has stable ids and tells password managers what is what', () => {
    const html = pages.signIn(NONCE, signInModel);
    expect(html).toMatch(/<input id="username" name="username"[^>]*autocomplete="username"/);
    expect(html).toMatch(/<input id="password" name="password" type="password" autocomplete="current-password"/);
    expect(html).toMatch(/<button [^>]*id="login-submit" type="submit"/);
    expect(html).toContain('<form method="post" action="/api/oauth/interaction/1/login">');
  });

  it('never writes a password back', () => {
    const passwords = tags(pages.signIn(NONCE, { ...signInModel, error: 'No.' })).filter((tag) => tag.includes('type="password"'));
    expect(passwords).toHaveLength(1);
    expect(passwords[0]).not.toContain(' value=');
  });

  it('announces an error and ties it to both fields', () => {
    const html = pages.signIn(NONCE, { ...signInModel, loginHint: 'ada@northwind.example', error: 'They do not match.' });
    expect(html).toMatch(/id="sign-in-error" role="alert"[\s\S]*They do not match\./);
    expect(controls(html).filter((tag) => tag.includes('aria-describedby="sign-in-error"') && tag.includes('aria-invalid="true"'))).toHaveLength(2);
    expect(html).toContain('<title>Error: Sign in to Atlas – Legate</title>');
  });

  it.each([[1, '1 second'], [45, '45 seconds'], [60, '1 minute'], [90, '2 minutes'], [3600, '1 hour'], [7000, '2 hours']])('says in words that %i seconds remain: %s', (retryAfterSeconds, words) => {
    const html = pages.signIn(NONCE, { ...signInModel, error: 'Too many attempts.', retryAfterSeconds });
    expect(html).toContain(`You can try again in ${words}.`);
    expect(html).not.toContain('aria-invalid="true"');
  });

  it('puts the cursor where the next thing is typed', () => {
    expect(tags(pages.signIn(NONCE, signInModel)).find((tag) => tag.includes('autofocus'))).toContain('id="username"');
    expect(tags(pages.signIn(NONCE, { ...signInModel, loginHint: 'ada' })).find((tag) => tag.includes('autofocus'))).toContain('id="password"');
  });

  it.each(['https://tracker.example/logo.png', 'https://id.northwind.example.evil.example/logo.png', 'data:text/html,<b>', 'javascript:alert(1)'])('shows a monogram instead of the logo %s', (logoUri) => {
    const html = pages.signIn(NONCE, { ...signInModel, logoUri });
    expect(html).not.toContain('<img');
    expect(html).toContain('<span class="tile" aria-hidden="true">A</span>');
  });

  it('shows a logo that asks no third party', () => {
    expect(pages.signIn(NONCE, { ...signInModel, logoUri: 'https://id.northwind.example/logos/1' })).toContain('<img class="tile" src="https://id.northwind.example/logos/1" alt=""');
  });
});

describe('consent', () => {
  const consent = (changes: Partial<ConsentModel>) => pages.consent(NONCE, { ...consentModel, ...changes });

  it('offers both answers, by stable ids, as one form', () => {
    expect(consent({})).toMatch(/id="consent-deny" type="submit" name="decision" value="deny"[\s\S]*id="consent-allow" type="submit" name="decision" value="allow"/);
  });

  it('shows the client host and where the answer goes', () => {
    const html = consent({ client: { ...consentModel.client, redirectHost: 'elsewhere.example' } });
    expect(html).toContain('<span class="host">atlas.example</span>');
    expect(html).toMatch(/Answer goes to[\s\S]*elsewhere\.example[\s\S]*Not the application’s own site/);
  });

  it.each(['127.0.0.1:8123', 'localhost:80', '[::1]:9000', 'com.example.app:'])('says that %s is an application on this device', (redirectHost) => {
    expect(consent({ client: { ...consentModel.client, redirectHost } })).toContain('An application on this device');
  });

  it('does not take its own pages for a program on the device', () => {
    const html = pages.consent(NONCE, { ...consentModel, client: { ...consentModel.client, redirectHost: 'id.northwind.example', isFirstParty: true } });
    expect(html).toMatch(/Part of this server[\s\S]*Answer goes to[\s\S]*<span class="aside">This server<\/span>/);
    expect(html).not.toContain('on this device');
  });

  it('shows the address of a person without a name once', () => {
    expect(consent({ user: { name: 'ada@northwind.example', email: 'ada@northwind.example' } }).match(/ada@northwind\.example/g)).toHaveLength(1);
  });

  it('warns of a client that nobody verified, and of no other', () => {
    const warning = 'Nobody has checked this application.';
    expect(consent({ client: { ...consentModel.client, isVerified: false } })).toContain(warning);
    expect(consent({})).not.toContain(warning);
    expect(consent({ client: { ...consentModel.client, isVerified: false, isFirstParty: true } })).not.toContain(warning);
  });

  it('puts sensitive scopes first and marks them', () => {
    const html = consent({});
    expect(html.indexOf('Send e-mail in your name')).toBeLessThan(html.indexOf('See your calendars'));
    expect(html.match(/<li class="sensitive">/g)).toHaveLength(1);
  });

  it('shows a scope without a description by its name', () => {
    expect(consent({ scopes: [{ name: 'x:y', description: '', isSensitive: false, isNew: true }] })).toContain('<p>x:y');
  });

  it('sets apart what was allowed before', () => {
    const html = consent({ scopes: consentModel.scopes.map((scope) => ({ ...scope, isNew: scope.isSensitive })) });
    expect(html).toMatch(/It will also be able to[\s\S]*Send e-mail[\s\S]*<summary>Already allowed \(1\)<\/summary>[\s\S]*See your calendars/);
    expect(html.match(/<span class="tag">New<\/span>/g)).toHaveLength(1);
    expect(consent({})).not.toContain('>New<');
  });

  it('asks about everything again when nothing is new', () => {
    const html = consent({ scopes: consentModel.scopes.map((scope) => ({ ...scope, isNew: false })) });
    expect(html).not.toContain('Already allowed');
    expect(html).toContain('See your calendars');
  });

  it('names the agent that will act, and the access that outlives the visit', () => {
    const html = consent({ actor: { name: 'Researcher', type: 'autonomous agent' }, offlineAccess: true });
    expect(html).toMatch(/<bdi>Researcher<\/bdi><\/strong> <span class="tag">autonomous agent<\/span>[\s\S]*will act on your behalf/);
    expect(html).toContain('Keep this access while you are away');
    expect(consent({})).not.toContain('Keep this access');
  });

  it('links to policies that are web pages, without giving them the window or the referrer', () => {
    const html = consent({ client: { ...consentModel.client, policyUri: 'https://atlas.example/privacy', tosUri: 'javascript:alert(1)' } });
    expect(html).toContain('<a href="https://atlas.example/privacy" target="_blank" rel="noopener noreferrer nofollow">Privacy policy');
    expect(html).not.toContain('Terms of service');
  });
});

describe('handing over', () => {
  it('posts the answer to the client and nothing else, by a button that is there without script', () => {
    const html = pages.handOver(NONCE, { action: 'https://atlas.example/callback', fields: { code: 'abc', state: '"s"' }, clientName: 'Atlas' });
    expect(html).toContain('<form method="post" action="https://atlas.example/callback">');
    expect(tags(html).filter((tag) => tag.startsWith('<input'))).toEqual(['<input type="hidden" name="code" value="abc">', '<input type="hidden" name="state" value="&quot;s&quot;">']);
    expect(html).toMatch(/<button [^>]*id="continue" type="submit">/);
  });
});

describe('sign-out', () => {
  it('submits what the end-session endpoint expects', () => {
    const html = pages.confirmSignOut(NONCE, { action: '/api/oauth/logout/confirm', xsrf: 'secret' });
    expect(html).toContain('<form method="post" action="/api/oauth/logout/confirm">');
    expect(html).toContain('<input type="hidden" name="xsrf" value="secret">');
    expect(html).toMatch(/id="sign-out-confirm" type="submit" name="logout" value="yes"/);
  });
});

describe('setup', () => {
  it('asks for the code in a visible field, for browsers without script', () => {
    expect(tags(pages.setup(NONCE)).find((tag) => tag.includes('id="secret"'))).toMatch(/type="text"[^>]* required/);
    expect(pages.setup(NONCE)).toContain('<div class="field" id="secret-field">');
  });

  it('never names a person or a password of its own accord', () => {
    expect(controls(pages.setup(NONCE)).filter((tag) => tag.includes(' value='))).toEqual([]);
  });

  it('says without script what the answer will look like', () => {
    expect(pages.setup(NONCE)).toMatch(/<noscript>[\s\S]*JSON[\s\S]*<\/noscript>/);
  });
});
