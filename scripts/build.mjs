/**
 * Compiles the server into `dist` with TypeScript's own compiler and the Swagger plugin, which reads
 * property types and comments of the `*.dto.ts` files into the OpenAPI document.
 *
 * `--no-check` emits without type checking: `npm start` uses it for a quick first start, CI checks types separately.
 * The output is made in a folder of its own and moved into place at the end, so that nobody meets half a build.
 */
import { cpSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import ts from 'typescript';
import { before as describeForSwagger } from '@nestjs/swagger/plugin';
import { bundleServer } from './bundle.mjs';
import { sourceStamp, STAMP_FILE } from './build-stamp.mjs';

process.chdir(resolve(import.meta.dirname, '..'));
const stamp = sourceStamp();
const output = resolve(`dist.building-${process.pid}`);
const config = ts.getParsedCommandLineOfConfigFile('tsconfig.build.json', {
  noCheck: process.argv.includes('--no-check'),
  outDir: output,
}, { ...ts.sys, onUnRecoverableConfigFileDiagnostic: (diagnostic) => { throw new Error(String(diagnostic.messageText)); } });

try {
  const program = ts.createProgram(config.fileNames, config.options);
  const emitted = program.emit(undefined, undefined, undefined, false, {
    before: [describeForSwagger({ classValidatorShim: true, introspectComments: true, dtoFileNameSuffix: ['.dto.ts'], esmCompatible: true }, program)],
  });
  const diagnostics = config.options.noCheck ? emitted.diagnostics : [...ts.getPreEmitDiagnostics(program), ...emitted.diagnostics];
  if (diagnostics.length > 0) {
    console.error(ts.formatDiagnosticsWithColorAndContext(diagnostics, {
      getCanonicalFileName: (name) => name, getCurrentDirectory: ts.sys.getCurrentDirectory, getNewLine: () => '\n',
    }));
    process.exitCode = 1;
  } else {
    cpSync('src', resolve(output, 'src'), { recursive: true, filter: (path) => !/\.tsx?$/.test(path) });
    await bundleServer(output);
    writeFileSync(resolve(output, STAMP_FILE), stamp);
    moveIntoPlace();
  }
} finally {
  rmSync(output, { recursive: true, force: true });
}

/** Two builds at once each make a whole one; whichever comes last stays. */
function moveIntoPlace() {
  for (let attempt = 1; ; attempt += 1) {
    rmSync('dist', { recursive: true, force: true });
    try {
      renameSync(output, 'dist');
      return;
    } catch (error) {
      if (error.code !== 'ENOTEMPTY' || attempt === 10) throw error;
    }
  }
}
