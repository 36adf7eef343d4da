/**
 * Joins the compiled server and the libraries it stands on into a few files: a start reads some two thousand small modules
 * otherwise, which is a quarter of its time.
 */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

/** Stay in `node_modules`: they find WebAssembly, machine code or pages beside their own files. */
const FIND_FILES_BESIDE_THEM = ['@electric-sql/pglite', '@cedar-policy/cedar-wasm', 'argon2', 'swagger-ui-dist'];

/** Stays too: it looks its drivers up by name when it connects, and the server should have one of it. */
const LOADS_BY_NAME = ['typeorm'];

/** Makes `server/main.js` of `src/main.js`, both under `output`. Nothing is made shorter: stack traces stay readable. */
export async function bundleServer(output) {
  const bundle = await rolldown({
    input: { main: join(output, 'src/main.js') },
    platform: 'node',
    external: [...FIND_FILES_BESIDE_THEM, ...LOADS_BY_NAME].map((name) => new RegExp(`^${name}(/|$)`)),
    treeshake: false,
    // What is missing here are the optional parts of a library that we do not install: it asks for them in a `try`.
    logLevel: 'silent',
  });
  await bundle.write({ dir: join(output, 'server'), format: 'esm', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' });
  await bundle.close();
  cpSync('src/oidc/pages/templates', join(output, 'server/templates'), { recursive: true });
}
