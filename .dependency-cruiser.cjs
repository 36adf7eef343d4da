/**
 * The import rules of docs/architecture.md, executable: `npm run lint` and test/architecture/import-rules.spec.ts run them.
 *
 *   main, app.module ─► oidc ─► modules ─► platform ─► kernel
 */

/** Lowest first: a module may import only those before it. */
const MODULES = ['audit', 'limits', 'organizations', 'users', 'scopes', 'resources', 'tools', 'clients', 'agents', 'policies', 'delegation', 'tasks', 'tokens', 'status-lists', 'lineage', 'usage', 'signals', 'admin'];

/** File kinds through which one module may use another. */
const FRONT_DOOR = '[.](module|service|entity|errors|events)[.]ts$';

/**
 * Pure files that are part of their module's front door by name: words and computations that modules to the right share.
 * They import nothing but the kernel, errors, the types of platform/http/caller.ts and each other.
 */
const SHARED = [
  'audit/audit-catalogue', 'audit/audit-catalogue-terms', 'audit/audit-event', 'audit/logged-event', 'limits/bounds', 'organizations/roles', 'organizations/role-ceiling', 'tools/tool-grant', 'delegation/authority', 'delegation/attenuation', 'delegation/delegation-chain',
  'delegation/delegation-liveness', 'tasks/tasks-below', 'tokens/token-liveness', 'tokens/token-visibility',
].map((name) => `^src/modules/${name}[.]ts$`);

const npm = (name) => `(^|/)node_modules/(@types/)?${name}/`;

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one idea, or an idea is missing between them.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'kernel-is-plain',
      comment: 'The kernel is plain TypeScript: Node and uuid, no framework, nothing above it.',
      severity: 'error',
      from: { path: '^src/kernel/' },
      to: { pathNot: ['^src/kernel/', npm('uuid')], dependencyTypesNot: ['core'] },
    },
    {
      name: 'platform-knows-no-domain',
      comment: 'The platform serves every module and knows none.',
      severity: 'error',
      from: { path: '^src/platform/' },
      to: { path: '^src/', pathNot: '^src/(platform|kernel)/' },
    },
    {
      name: 'modules-know-no-protocol',
      comment: 'Modules hold the domain; the protocol layer and the wiring stand above them.',
      severity: 'error',
      from: { path: '^src/modules/' },
      to: { path: '^src/', pathNot: '^src/(modules|platform|kernel)/' },
    },
    {
      name: 'known-modules-only',
      comment: 'A new module takes its place in the order at the top of this file.',
      severity: 'error',
      from: { path: '^src/modules/', pathNot: `^src/modules/(${MODULES.join('|')})/` },
      to: {},
    },
    ...MODULES.slice(0, -1).map((name, index) => ({
      name: `module-order-${name}`,
      comment: `${name} stands left of what it imports; tell modules to the right by an event or not at all.`,
      severity: 'error',
      from: { path: `^src/modules/${name}/` },
      to: { path: `^src/modules/(${MODULES.slice(index + 1).join('|')})/` },
    })),
    {
      name: 'front-door',
      comment: 'Modules meet through *.module, *.service, *.entity, *.errors, *.events and the shared files named in this configuration.',
      severity: 'error',
      from: { path: '^src/modules/([^/]+)/' },
      to: { path: '^src/modules/', pathNot: ['^src/modules/$1/', FRONT_DOOR, ...SHARED] },
    },
    {
      name: 'shared-files-are-pure',
      comment: 'What is shared by name stays a matter of words and computation.',
      severity: 'error',
      from: { path: SHARED },
      to: { pathNot: ['^src/kernel/', '^src/platform/http/caller[.]ts$', '[.]errors[.]ts$', ...SHARED], dependencyTypesNot: ['core'] },
    },
    {
      name: 'http-stays-in-its-module',
      comment: 'Controllers and DTOs are the REST surface of their own module; the protocol has its own.',
      severity: 'error',
      from: { path: '^src/oidc/' },
      to: { path: '^src/modules/.*[.](controller|dto)[.]ts$' },
    },
    {
      name: 'oidc-provider-in-oidc-only',
      comment: 'src/oidc translates between the domain and the library; nobody else knows it.',
      severity: 'error',
      from: { path: '^(src|migrations)/', pathNot: '^src/oidc/' },
      to: { path: npm('oidc-provider') },
    },
    {
      name: 'provider-internals-in-one-file',
      comment: 'oidc-provider/lib/* is outside the semantic versioning of the library: one file opens it, a test checks each name.',
      severity: 'error',
      from: { pathNot: '^src/oidc/provider-internals[.]ts$' },
      to: { path: '(^|/)node_modules/oidc-provider/lib/', pathNot: '(^|/)node_modules/oidc-provider/lib/index[.]js$' },
    },
    {
      name: 'wiring-is-the-top',
      comment: 'main and app.module wire the parts; nothing in them is for others.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/[^/]+$' },
      to: { path: '^src/[^/]+$' },
    },
    {
      name: 'server-stands-alone',
      comment: 'The server needs nothing of its tests, benchmarks and scripts.',
      severity: 'error',
      from: { path: '^(src|migrations)/' },
      to: { path: '^(test|bench|demo|scripts|config|docs)/' },
    },
    {
      name: 'migrations-are-frozen',
      comment: 'A released migration must mean the same for ever, so it uses no code that goes on changing.',
      severity: 'error',
      from: { path: '^migrations/' },
      to: { path: '^(src|test|bench|demo|scripts)/' },
    },
    {
      name: 'no-barrels',
      comment: 'Front doors are file kinds; index files hide who uses what.',
      severity: 'error',
      from: { path: ['^src/index[.]ts$', '^src/.+/index[.]ts$'] },
      to: {},
    },
    {
      name: 'no-dumping-grounds',
      comment: 'A thing lives where its idea lives.',
      severity: 'error',
      from: {},
      to: { path: ['^src/(utils?|helpers?|commons?|shared|misc)(/|[.]ts$)', '^src/.+/(utils?|helpers?|commons?|shared|misc)(/|[.]ts$)'] },
    },
    {
      name: 'production-dependencies-only',
      comment: 'The server runs without development dependencies, and with nothing that package.json does not name.',
      severity: 'error',
      from: { path: '^(src|migrations)/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'], pathNot: '(^|/)node_modules/@types/' },
    },
    {
      name: 'everything-resolves',
      comment: 'An import that leads nowhere.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '[.]spec[.]ts$' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    moduleSystems: ['es6', 'cjs'],
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default', 'types'], extensions: ['.ts', '.js', '.mjs', '.json'] },
  },
};
